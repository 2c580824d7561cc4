"""Services that ECS does not deploy itself: CodeDeploy, or a controller of the user's own, makes their task sets.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-external.html
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from moto.ecs.exceptions import InvalidParameterException, TaskSetNotFoundException

from fargate_guard.sandbox.scheduler.model import Deployment

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.sandbox.scheduler.model import Service

Json = dict[str, Any]

WHOLE: Json = {"value": 100.0, "unit": "PERCENT"}
OF_THE_TASK_SET = ("taskDefinition", "networkConfiguration", "platformVersion", "loadBalancers")
"""What a service of another controller has through its primary task set."""


def controller(settings: Json) -> str:
    """``ECS``, ``CODE_DEPLOY`` or ``EXTERNAL``."""
    return str((settings.get("deploymentController") or {}).get("type") or "ECS")


def are_used(settings: Json) -> bool:
    """Whether something else than ECS deploys the service."""
    return controller(settings) != "ECS"


def first_definition(settings: Json, look: Callable[[str], Json]) -> Json | None:
    """Return what a new service runs; None where its task sets say it.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html (taskDefinition)
    """
    if controller(settings) == "EXTERNAL" and not settings.get("taskDefinition"):
        return None
    return look(settings.get("taskDefinition", ""))


def begin(service: Service, record: Json, identifier: str) -> None:
    """A new service for CodeDeploy has one task set, which is primary."""
    make_primary(service, add(service, service.settings, record, identifier))


def add(service: Service, request: Json, record: Json, identifier: str) -> Deployment:
    """Make a task set.

    :raises InvalidParameterException: for a service that ECS deploys.
    """
    if not are_used(service.settings):
        message = "CreateTaskSet is only valid for services with an EXTERNAL deployment controller."
        raise InvalidParameterException(message)
    share = request.get("scale") or WHOLE
    task_set = Deployment(
        id=identifier,
        task_definition_arn=record["taskDefinitionArn"],
        revision_id="",
        settings={**request, "scale": share, "taskDefinitionRecord": record},
        created_at=service.clock,
        updated_at=service.clock,
        desired_count=_count(service, share),
        status="ACTIVE",
    )
    service.task_sets = [task_set, *service.task_sets]
    service.next_due = 0.0
    return task_set


def of(service: Service, reference: str) -> Deployment:
    """Return a task set by ID or ARN.

    :raises TaskSetNotFoundException: as ECS does.
    """
    found = next((each for each in service.task_sets if reference.endswith(each.id)), None)
    if found is None:
        raise TaskSetNotFoundException
    return found


def scale(service: Service, task_set: Deployment, share: Json) -> None:
    """Let a task set have another share of the service's tasks."""
    task_set.settings = {**task_set.settings, "scale": share}
    task_set.desired_count, task_set.updated_at = _count(service, share), service.clock
    service.next_due = 0.0


def make_primary(service: Service, task_set: Deployment) -> None:
    """The service shows what its primary task set has."""
    for each in service.task_sets:
        if each.status == "PRIMARY":
            each.status = "ACTIVE"
    task_set.status = "PRIMARY"
    shown = {key: task_set.settings[key] for key in OF_THE_TASK_SET if key in task_set.settings}
    service.settings = {**service.settings, **shown}
    service.task_definition_arn = task_set.task_definition_arn


def delete(service: Service, task_set: Deployment, *, force: bool) -> None:
    """Stop its tasks; it goes with the last one.

    :raises InvalidParameterException: when it still has tasks and it is not forced.
    """
    if task_set.desired_count and not force:
        message = "The TaskSet cannot be deleted while it is scaled above 0."
        raise InvalidParameterException(message)
    task_set.status, task_set.desired_count = "DRAINING", 0
    service.next_due = 0.0


def update_service(service: Service, changes: Json) -> None:
    """Only its count and the like; what it runs is for its controller to change.

    :raises InvalidParameterException: for anything of the task sets.
    """
    if any(key in changes and changes[key] != service.settings.get(key) for key in OF_THE_TASK_SET):
        message = (
            f"Unable to update task definition on services with a {controller(service.settings)} deployment "
            "controller. Use AWS CodeDeploy to trigger a new deployment."
        )
        raise InvalidParameterException(message)
    service.settings = {**service.settings, **changes}
    service.desired_count = int(service.settings.get("desiredCount") or 0)
    for task_set in service.task_sets:
        if task_set.status != "DRAINING":
            scale(service, task_set, task_set.settings["scale"])
    service.next_due = 0.0


def _count(service: Service, share: Json) -> int:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskSet.html (computedDesiredCount)."""
    return math.ceil(service.desired_count * float(share.get("value", 100.0)) / 100)
