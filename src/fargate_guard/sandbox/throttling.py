"""ECS's request quotas: token buckets per account and region.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Quota:
    """One bucket, shared by all actions of its group."""

    burst: int
    """Calls possible at once."""
    refill: float
    """Calls per second after that."""


QUOTAS: dict[str, Quota] = {
    "cluster-modify": Quota(20, 1),
    "cluster-read": Quota(50, 20),
    "task-definition-modify": Quota(20, 1),
    "task-definition-read": Quota(50, 20),
    "task-definition-delete": Quota(5, 1),
    "service-modify": Quota(50, 5),
    "service-read": Quota(100, 20),
    "service-deployment-read": Quota(50, 20),
    "task-modify": Quota(100, 40),
    "task-read": Quota(100, 20),
    "tags-modify": Quota(20, 10),
    "tags-read": Quota(50, 20),
}

GROUPS: dict[str, str] = {
    "CreateCluster": "cluster-modify",
    "DeleteCluster": "cluster-modify",
    "UpdateCluster": "cluster-modify",
    "UpdateClusterSettings": "cluster-modify",
    "DescribeClusters": "cluster-read",
    "ListClusters": "cluster-read",
    "RegisterTaskDefinition": "task-definition-modify",
    "DeregisterTaskDefinition": "task-definition-modify",
    "DescribeTaskDefinition": "task-definition-read",
    "ListTaskDefinitions": "task-definition-read",
    "ListTaskDefinitionFamilies": "task-definition-read",
    "DeleteTaskDefinitions": "task-definition-delete",
    "CreateService": "service-modify",
    "UpdateService": "service-modify",
    "DeleteService": "service-modify",
    "DescribeServices": "service-read",
    "ListServices": "service-read",
    "DescribeServiceDeployments": "service-deployment-read",
    "ListServiceDeployments": "service-deployment-read",
    "DescribeServiceRevisions": "service-deployment-read",
    "RunTask": "task-modify",
    "StartTask": "task-modify",
    "StopTask": "task-modify",
    "DescribeTasks": "task-read",
    "ListTasks": "task-read",
    "TagResource": "tags-modify",
    "UntagResource": "tags-modify",
    "ListTagsForResource": "tags-read",
}


@dataclass(slots=True)
class TokenBuckets:
    """The buckets of one account, by region and group."""

    _levels: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    def take(self, region: str, action: str, now: float) -> bool:
        """Take a token for a call; False when the bucket is empty and the call is throttled."""
        group = GROUPS.get(action)
        if group is None:
            return True
        quota = QUOTAS[group]
        tokens, since = self._levels.get((region, group), (float(quota.burst), now))
        tokens = min(quota.burst, tokens + (now - since) * quota.refill)
        allowed = tokens >= 1
        self._levels[region, group] = (tokens - 1 if allowed else tokens, now)
        return allowed
