"""Revisions that a deployment registered are deleted; everybody else's stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.aws.task_definitions import remove_task_definitions
from fargate_guard.deployment import DEPLOYMENT_TAG

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws


def register(aws: Aws, family: str, deployment: str | None) -> str:
    tags = [{"key": DEPLOYMENT_TAG, "value": deployment}] if deployment else []
    registered = aws.call(
        "ecs",
        "register_task_definition",
        family=family,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "app", "image": "app:1"}],
        tags=tags,
    )
    return str(registered["taskDefinition"]["taskDefinitionArn"])


def test_every_revision_of_the_deployment_goes_and_no_other(aws: Aws) -> None:
    ours = [register(aws, "web", "training") for _ in range(12)]
    inactive = ours[0]
    aws.call("ecs", "deregister_task_definition", taskDefinition=inactive)
    theirs = [register(aws, "web", None), register(aws, "api", "other")]
    assert set(remove_task_definitions(aws, "training")) == set(ours)
    left = list(aws.pages("ecs", "list_task_definitions", "taskDefinitionArns"))
    assert set(left) == set(theirs)
    assert list(aws.pages("ecs", "list_task_definitions", "taskDefinitionArns", status="INACTIVE")) == []


def test_again_there_is_nothing_to_remove(aws: Aws) -> None:
    register(aws, "web", "twice")
    assert len(remove_task_definitions(aws, "twice")) == 1
    assert remove_task_definitions(aws, "twice") == ()
