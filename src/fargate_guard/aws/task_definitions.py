"""Removing the task definition revisions that a deployment registered.

Terraform leaves them registered, because ECS's circuit breaker goes back to an earlier one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.aws import ecs
from fargate_guard.aws.parallel import batches
from fargate_guard.deployment import DEPLOYMENT_TAG

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws

REVISIONS_PER_CALL = 10
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html"""


def remove_task_definitions(aws: Aws, deployment: str) -> tuple[str, ...]:
    """Deregister and delete every revision that carries the deployment's tag; returns their ARNs.

    A revision that a task still uses stays until that task has stopped: AWS deletes it then.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/delete-task-definition-v2.html
    """
    tagged = aws.pages(
        "resourcegroupstaggingapi",
        "get_resources",
        "ResourceTagMappingList",
        about=deployment,
        TagFilters=[{"Key": DEPLOYMENT_TAG, "Values": [deployment]}],
        ResourceTypeFilters=["ecs:task-definition"],
    )
    described = ecs.task_definitions(aws, [str(found["ResourceARN"]) for found in tagged])
    for arn, definition in described.items():
        if definition["status"] == "ACTIVE":
            aws.call("ecs", "deregister_task_definition", about=arn, taskDefinition=arn)
    waiting = [arn for arn, definition in described.items() if definition["status"] != "DELETE_IN_PROGRESS"]
    for batch in batches(waiting, REVISIONS_PER_CALL):
        aws.call("ecs", "delete_task_definitions", taskDefinitions=list(batch))
    return tuple(waiting)
