"""ECS, in as few calls as its batch sizes allow.

Quotas: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fargate_guard.aws.errors import AwsError, NotFound
from fargate_guard.aws.parallel import batches, each

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fargate_guard.aws.session import Aws

Json = dict[str, Any]

CLUSTERS_PER_CALL = 100
SERVICES_PER_CALL = 10
TASKS_PER_CALL = 100
SERVICE_DEPLOYMENTS_PER_CALL = 20
SERVICE_REVISIONS_PER_CALL = 20
RECENT_DEPLOYMENTS = 5
"""Of each service, newest first: enough to see what replaced a deployment."""


def clusters(aws: Aws, names: Iterable[str], *, tags: bool = False) -> list[Json]:
    """Describe the clusters that exist among ``names`` (names or ARNs)."""
    include = {"include": ["TAGS"]} if tags else {}
    return [
        cluster
        for batch in batches(names, CLUSTERS_PER_CALL)
        for cluster in aws.call(
            "ecs", "describe_clusters", about=", ".join(batch), clusters=list(batch), **include
        )["clusters"]
    ]


def cluster_arns(aws: Aws) -> list[str]:
    """List the ARNs of all clusters of the account in the region."""
    return list(aws.pages("ecs", "list_clusters", "clusterArns"))


def service_arns(aws: Aws, cluster: str) -> list[str]:
    """List the ARNs of a cluster's services."""
    return list(aws.pages("ecs", "list_services", "serviceArns", about=cluster, cluster=cluster))


def services(aws: Aws, cluster: str, names: Iterable[str], *, tags: bool = False) -> list[Json]:
    """Describe the services that exist among ``names`` (names or ARNs); deleted ones stay a while as INACTIVE."""
    include = {"include": ["TAGS"]} if tags else {}

    def describe(batch: Iterable[str]) -> list[Json]:
        try:
            found = aws.call(
                "ecs", "describe_services", about=cluster, cluster=cluster, services=list(batch), **include
            )
        except NotFound:  # no such cluster
            return []
        return list(found["services"])

    return [service for found in each(describe, batches(names, SERVICES_PER_CALL)) for service in found]


def service_deployments(aws: Aws, cluster: str, service_names: Iterable[str]) -> dict[str, list[Json]]:
    """Return each service's newest deployments, newest first.

    Each has one more key, ``taskDefinition``: what it rolls out, from its target service revision.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceDeployments.html
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceRevisions.html
    """
    names = list(service_names)
    listed = dict(zip(names, each(partial(_recent_deployments, aws, cluster), names), strict=True))
    arns = [arn for found in listed.values() for arn in found]
    described = {
        deployment["serviceDeploymentArn"]: deployment
        for batch in batches(arns, SERVICE_DEPLOYMENTS_PER_CALL)
        for deployment in aws.call(
            "ecs", "describe_service_deployments", about=cluster, serviceDeploymentArns=list(batch)
        )["serviceDeployments"]
    }
    revisions = {_revision_arn(deployment) for deployment in described.values()} - {""}
    rolled_out = _task_definitions_of(aws, revisions)
    for deployment in described.values():
        deployment["taskDefinition"] = rolled_out.get(_revision_arn(deployment))
    return {name: [described[arn] for arn in found if arn in described] for name, found in listed.items()}


def _recent_deployments(aws: Aws, cluster: str, service: str) -> list[str]:
    try:
        found = list(
            aws.pages(
                "ecs",
                "list_service_deployments",
                "serviceDeployments",
                about=service,
                cluster=cluster,
                service=service,
            )
        )
    except AwsError as error:
        if isinstance(error, NotFound) or error.code == "ServiceNotActiveException":
            return []
        raise
    found.sort(key=lambda deployment: deployment["createdAt"], reverse=True)
    return [deployment["serviceDeploymentArn"] for deployment in found[:RECENT_DEPLOYMENTS]]


def _revision_arn(deployment: Json) -> str:
    return str((deployment.get("targetServiceRevision") or {}).get("arn") or "")


def _task_definitions_of(aws: Aws, revision_arns: Iterable[str]) -> dict[str, str]:
    return {
        revision["serviceRevisionArn"]: revision["taskDefinition"]
        for batch in batches(revision_arns, SERVICE_REVISIONS_PER_CALL)
        for revision in aws.call("ecs", "describe_service_revisions", serviceRevisionArns=list(batch))[
            "serviceRevisions"
        ]
    }


def tasks(
    aws: Aws, cluster: str, *, service: str | None = None, desired_status: str = "RUNNING", tags: bool = False
) -> list[Json]:
    """Describe a cluster's or one service's tasks.

    :param desired_status: ``RUNNING`` also finds tasks that are starting; ``STOPPED`` those of the last hour.
    """
    of_service = {"serviceName": service} if service else {}
    include = {"include": ["TAGS"]} if tags else {}
    try:
        arns = list(
            aws.pages(
                "ecs",
                "list_tasks",
                "taskArns",
                about=service or cluster,
                cluster=cluster,
                desiredStatus=desired_status,
                **of_service,
            )
        )
    except NotFound:  # no such cluster or service
        return []

    def describe(batch: Iterable[str]) -> list[Json]:
        return list(
            aws.call(
                "ecs", "describe_tasks", about=service or cluster, cluster=cluster, tasks=list(batch), **include
            )["tasks"]
        )

    return [task for found in each(describe, batches(arns, TASKS_PER_CALL)) for task in found]


def task_definition(aws: Aws, arn: str) -> Json | None:
    """Describe one revision with its tags, None when there is none (a deleted one)."""
    try:
        found = aws.call("ecs", "describe_task_definition", about=arn, taskDefinition=arn, include=["TAGS"])
    except AwsError as error:
        if isinstance(error, NotFound) or error.code == "ClientException":  # "Unable to describe task definition."
            return None
        raise
    definition: Json = found["taskDefinition"]
    return {**definition, "tags": found["tags"]} if found.get("tags") else definition


def task_definitions(aws: Aws, arns: Iterable[str]) -> dict[str, Json]:
    """Describe each of the revisions that exist."""
    wanted = list(dict.fromkeys(arns))
    found = each(partial(task_definition, aws), wanted)
    return {arn: definition for arn, definition in zip(wanted, found, strict=True) if definition is not None}
