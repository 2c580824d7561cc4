"""What a service does next: a pure decision from its deployments and tasks.

Rolling updates as in
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html, the circuit breaker as in
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.sandbox.scheduler.launch import launch_type
from fargate_guard.sandbox.scheduler.model import RUNNING, breaker_threshold

if TYPE_CHECKING:
    from fargate_guard.sandbox.scheduler.model import Deployment, Service, Task


@dataclass(frozen=True, slots=True)
class StartTasks:
    """Launch tasks of a deployment."""

    deployment_id: str
    count: int


@dataclass(frozen=True, slots=True)
class StopTasks:
    """Take running tasks away, because something newer replaces them or fewer are wanted."""

    task_arns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveDeployment:
    """An old deployment has no task left."""

    deployment_id: str


@dataclass(frozen=True, slots=True)
class CompleteDeployment:
    """The primary deployment reached its steady state."""

    deployment_id: str


@dataclass(frozen=True, slots=True)
class TripBreaker:
    """Too many tasks failed: the deployment ends here."""

    deployment_id: str
    rollback_to: str | None
    """Deployment to put back, None when rollback is off or nothing completed before."""


@dataclass(frozen=True, slots=True)
class Retire:
    """The deleted service has no task left and becomes INACTIVE."""


Decision = StartTasks | StopTasks | RemoveDeployment | CompleteDeployment | TripBreaker | Retire


def decide(service: Service, now: float) -> list[Decision]:
    """Return what the service does at this moment, in order; nothing when it only waits."""
    primary = service.primary
    if primary is None:
        return _task_sets(service)
    trip = _breaker(service, primary)
    if trip is not None:
        return [trip]
    decisions: list[Decision] = [
        RemoveDeployment(deployment.id)
        for deployment in service.deployments[1:]
        if not service.tasks_of(deployment)
    ]
    decisions += _start(service, primary, now)
    decisions += _stop(service, primary)
    if decisions:
        return decisions
    return _settled(service, primary)


def _task_sets(service: Service) -> list[Decision]:
    """Task sets keep their number of tasks; whoever controls them decides the rest.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-external.html
    """
    decisions: list[Decision] = []
    for task_set in service.task_sets:
        current = _wanted(service.tasks_of(task_set))
        missing = task_set.desired_count - len(current)
        if missing > 0 and launch_type(task_set.settings) == "FARGATE":
            decisions.append(StartTasks(task_set.id, missing))
        elif missing < 0:
            decisions.append(StopTasks(tuple(task.arn for task in current[missing:])))
        elif task_set.status == "DRAINING" and not service.tasks_of(task_set):
            decisions.append(RemoveDeployment(task_set.id))
    if not decisions and service.status == "DRAINING" and not any(map(service.tasks_of, service.task_sets)):
        return [Retire()]
    return decisions


def _breaker(service: Service, primary: Deployment) -> TripBreaker | None:
    breaker = service.configuration["deploymentCircuitBreaker"]
    if not breaker["enable"] or primary.rollout_state != "IN_PROGRESS" or service.status != "ACTIVE":
        return None
    if primary.failure_count < breaker_threshold(primary.desired_count):
        return None
    previous = service.last_completed
    rollback = breaker["rollback"] and previous is not None and previous.id != primary.id
    return TripBreaker(primary.id, previous.id if rollback and previous is not None else None)


def _wanted(tasks: list[Task]) -> list[Task]:
    return [task for task in tasks if task.desired_status == RUNNING]


def _start(service: Service, primary: Deployment, now: float) -> list[Decision]:
    if primary.rollout_state == "FAILED" or now < primary.retry_at or service.status != "ACTIVE":
        return []
    if launch_type(primary.settings) != "FARGATE":
        return []  # the sandbox has no container instances
    missing = service.desired_count - len(_wanted(service.tasks_of(primary)))
    live = sum(len(_wanted(service.tasks_of(d))) for d in service.deployments)
    maximum = math.floor(service.desired_count * service.configuration["maximumPercent"] / 100)
    count = min(missing, max(maximum, 1 if service.desired_count else 0) - live)
    return [StartTasks(primary.id, count)] if count > 0 else []


def _stop(service: Service, primary: Deployment) -> list[Decision]:
    current = _wanted(service.tasks_of(primary))
    surplus = sorted(current, key=lambda t: (t.healthy, -t.created_at))[
        : max(0, len(current) - service.desired_count)
    ]
    old = [task for d in service.deployments[1:] for task in _wanted(service.tasks_of(d))]
    if old and (primary.rollout_state != "FAILED"):
        healthy = sum(1 for task in [*current, *old] if task.healthy)
        minimum = math.ceil(service.desired_count * service.configuration["minimumHealthyPercent"] / 100)
        spare = max(0, healthy - minimum)
        weak = [task for task in old if not task.healthy]
        strong = [task for task in old if task.healthy][:spare]
        surplus += weak + strong
    return [StopTasks(tuple(task.arn for task in surplus))] if surplus else []


def _settled(service: Service, primary: Deployment) -> list[Decision]:
    if service.status == "DRAINING":
        return [] if any(service.tasks_of(d) for d in service.deployments) else [Retire()]
    tasks = service.tasks_of(primary)
    complete = (
        not primary.steady
        and primary.rollout_state != "FAILED"
        and len(service.deployments) == 1
        and len(tasks) == service.desired_count
        and all(task.healthy and task.desired_status == RUNNING for task in tasks)
    )
    return [CompleteDeployment(primary.id)] if complete else []
