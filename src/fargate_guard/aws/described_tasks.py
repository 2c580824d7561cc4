"""Tasks by their ARNs, as long as ECS knows them: about an hour after they stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.aws.ecs import TASKS_PER_CALL
from fargate_guard.aws.parallel import batches, each

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fargate_guard.aws.session import Aws

Json = dict[str, Any]


def described_tasks(aws: Aws, cluster: str, task_arns: Iterable[str]) -> dict[str, Json]:
    """Describe those of a cluster's tasks that ECS still knows.

    :param aws: in the cluster's region.
    :raises AwsError: when ECS refuses, for example because there is no such cluster.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
    """

    def describe(batch: Sequence[str]) -> list[Json]:
        found = aws.call("ecs", "describe_tasks", about=cluster, cluster=cluster, tasks=list(batch))
        return list(found["tasks"])

    return {
        task["taskArn"]: task for found in each(describe, batches(task_arns, TASKS_PER_CALL)) for task in found
    }
