"""Task definitions in ECS: reading one as it is, and removing the revisions that a deployment registered.

Terraform leaves those registered, because ECS's circuit breaker goes back to an earlier one.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from fargate_guard.aws import ecs
from fargate_guard.aws.errors import AwsError, NotFound
from fargate_guard.aws.parallel import batches
from fargate_guard.deployment import DEPLOYMENT_TAG

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws

Json = dict[str, Any]

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


def described(aws: Aws, name: str) -> Json | None:
    """Return what DescribeTaskDefinition answers for a family (its latest active revision), ``family:revision`` or
    ARN, with its tags: plain data, times as text in ISO 8601, as the AWS CLI prints it. None where there is none.

    An ARN is looked up in its own region.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html
    """
    there = aws.in_region(name.split(":")[3]) if name.startswith("arn:") else aws
    try:
        response = there.call("ecs", "describe_task_definition", about=name, taskDefinition=name, include=["TAGS"])
    except AwsError as error:
        if isinstance(error, NotFound) or error.code == "ClientException":  # "Unable to describe task definition."
            return None
        raise
    found: Json = _plain({key: value for key, value in response.items() if key != "ResponseMetadata"})
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value
