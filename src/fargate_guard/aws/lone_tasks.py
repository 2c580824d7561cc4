"""Tasks that no service started: RunTask, and what goes with it, from registering to deleting the revision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.aws.described_tasks import described_tasks
from fargate_guard.aws.errors import AwsError, NotFound
from fargate_guard.errors import FguardError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.aws.session import Aws

Json = dict[str, Any]


def register(aws: Aws, definition: Mapping[str, Any], tags: Mapping[str, str]) -> str:
    """Register a task definition; return the revision's ARN.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
    """
    made = aws.call(
        "ecs", "register_task_definition", about=str(definition["family"]), **definition, tags=tag_list(tags)
    )
    return str(made["taskDefinition"]["taskDefinitionArn"])


def run_task(
    aws: Aws, cluster: str, revision: str, network: Json, tags: Mapping[str, str], started_by: str
) -> str:
    """Start one task on Fargate; return its ARN.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html

    :raises FguardError: when ECS starts none.
    """
    made = aws.call(
        "ecs",
        "run_task",
        about=revision,
        cluster=cluster,
        taskDefinition=revision,
        count=1,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": network},
        tags=tag_list(tags),
        startedBy=started_by,
    )
    if not made["tasks"]:
        reasons = "; ".join(str(one.get("reason") or one) for one in made.get("failures") or ())
        raise FguardError("ECS started no task", where=revision, why=reasons or "ECS gives no reason")
    return str(made["tasks"][0]["taskArn"])


def task(aws: Aws, cluster: str, arn: str) -> Json | None:
    """Describe one task; None when ECS does not know it (any more)."""
    return described_tasks(aws, cluster, [arn]).get(arn)


def tasks_of_family(aws: Aws, cluster: str, family: str) -> list[Json]:
    """Describe the tasks of a family that are to run, with their tags."""
    try:
        arns = list(aws.pages("ecs", "list_tasks", "taskArns", about=cluster, cluster=cluster, family=family))
    except NotFound:
        return []
    if not arns:
        return []
    found = aws.call("ecs", "describe_tasks", about=cluster, cluster=cluster, tasks=arns[:100], include=["TAGS"])
    return list(found["tasks"])


def stop_task(aws: Aws, cluster: str, arn: str, reason: str) -> None:
    """Stop a task; one that is gone is fine."""
    try:
        aws.call("ecs", "stop_task", about=arn, cluster=cluster, task=arn, reason=reason)
    except AwsError as error:
        if not (isinstance(error, NotFound) or error.code == "InvalidParameterException"):
            raise


def revisions(aws: Aws, family: str) -> list[str]:
    """Return the ARNs of a family's revisions, registered and deregistered ones."""
    return [
        str(arn)
        for status in ("ACTIVE", "INACTIVE")
        for arn in aws.pages(
            "ecs", "list_task_definitions", "taskDefinitionArns", about=family, familyPrefix=family, status=status
        )
    ]


def delete_revision(aws: Aws, arn: str, *, is_registered: bool = True) -> None:
    """Deregister and delete a revision; AWS keeps it until its last task has stopped.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/delete-task-definition-v2.html

    :param is_registered: whether it has to be deregistered before.
    :raises FguardError: also when ECS names it among the failures of an answer that is none itself.
    """
    if is_registered:
        aws.call("ecs", "deregister_task_definition", about=arn, taskDefinition=arn)
    done = aws.call("ecs", "delete_task_definitions", about=arn, taskDefinitions=[arn])
    reasons = "; ".join(str(one.get("reason") or one) for one in done.get("failures") or ())
    if reasons:
        raise FguardError("ECS did not delete the task definition", where=arn, why=reasons)


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as ECS writes them."""
    return [{"key": key, "value": value} for key, value in tags.items()]
