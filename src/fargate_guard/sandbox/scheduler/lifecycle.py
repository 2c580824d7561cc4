"""What happens next to one task: a pure decision.

The states and their order are those of
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from fargate_guard.sandbox.scheduler import wording
from fargate_guard.sandbox.scheduler.model import RUNNING, STARTING, STOPPED

if TYPE_CHECKING:
    from fargate_guard.sandbox.scheduler.model import Task
    from fargate_guard.sandbox.scheduler.pace import Pace


class Change(Enum):
    """What a step does."""

    STATUS = auto()
    """The task reaches another status."""
    STOP = auto()
    """The task is told to stop, or stops by itself."""
    CONTAINER_HEALTH = auto()
    """The container health checks give their verdict."""
    TARGET_HEALTH = auto()
    """The load balancer's health checks give their verdict."""
    HEALTHY = auto()
    """All checks have passed, or there are none and the task keeps running."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a task ends."""

    code: str
    """``stopCode`` of the API."""
    reason: str
    """``stoppedReason`` of the API."""
    exit_code: int | None = None
    """Of the container that ended by itself."""
    container: str | None = None
    """The container to blame, where there is one."""
    container_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens to a task at one moment."""

    due: float
    change: Change
    status: str = ""
    """The new task status, or the verdict of a health check."""
    stop: Stop | None = None


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What stands in a task's way, as observed in the account or asked for as a fault."""

    no_address: Stop | None = None
    initialization: Stop | None = None
    """A log group or secret that is not there."""
    pull: Stop | None = None
    exit: Stop | None = None
    container_unhealthy: bool = False
    target_unhealthy: bool = False


CLEAR = Obstacles()

_ENDING = {
    "DEACTIVATING": ("deactivating", "STOPPING"),
    "STOPPING": ("stopping", "DEPROVISIONING"),
    "DEPROVISIONING": ("deprovisioning", STOPPED),
}


def next_step(task: Task, obstacles: Obstacles, pace: Pace) -> Step | None:
    """Return what happens next to the task and when; None when it rests."""
    if task.last_status == STOPPED:
        return None
    if task.last_status in _ENDING:
        duration, following = _ENDING[task.last_status]
        return Step(task.status_since + pace.seconds(duration), Change.STATUS, following)
    if task.desired_status == STOPPED:
        return Step(task.status_since, Change.STATUS, _first_ending_status(task))
    if task.last_status in STARTING:
        return _starting_step(task, obstacles, pace)
    return _running_step(task, obstacles, pace)


def _first_ending_status(task: Task) -> str:
    """Tasks that never ran have nothing to deactivate or to stop."""
    if task.last_status in ("PROVISIONING", "PENDING"):
        return "DEPROVISIONING"
    return "DEACTIVATING" if task.targets else "STOPPING"


def _starting_step(task: Task, obstacles: Obstacles, pace: Pace) -> Step:
    if task.last_status == "PROVISIONING":
        due = task.status_since + pace.seconds("provisioning")
        if obstacles.no_address is not None:
            return Step(due, Change.STOP, stop=obstacles.no_address)
        return Step(due, Change.STATUS, "PENDING")
    if task.last_status == "PENDING":
        due = task.status_since + pace.seconds("pending")
        failure = obstacles.initialization or obstacles.pull
        if failure is not None:
            return Step(due, Change.STOP, stop=failure)
        return Step(due, Change.STATUS, "ACTIVATING" if task.targets else RUNNING)
    return Step(task.status_since + pace.seconds("activating"), Change.STATUS, RUNNING)


def _running_step(task: Task, obstacles: Obstacles, pace: Pace) -> Step | None:
    steps = [
        step
        for step in (
            _exit(task, obstacles, pace),
            _container_health(task, obstacles, pace),
            _target_health(task, obstacles, pace),
            _replacement(task, obstacles, pace),
            _healthy(task, obstacles, pace),
        )
        if step is not None
    ]
    return min(steps, key=lambda step: step.due, default=None)


def _exit(task: Task, obstacles: Obstacles, pace: Pace) -> Step | None:
    if obstacles.exit is None:
        return None
    return Step(task.status_since + pace.seconds("exit"), Change.STOP, stop=obstacles.exit)


def _container_health(task: Task, obstacles: Obstacles, pace: Pace) -> Step | None:
    if not any(c.checks_health for c in task.containers):
        return None
    verdict = "UNHEALTHY" if obstacles.container_unhealthy else "HEALTHY"
    if task.health_status == verdict:
        return None
    return Step(task.status_since + pace.seconds("container_health"), Change.CONTAINER_HEALTH, verdict)


def _target_health(task: Task, obstacles: Obstacles, pace: Pace) -> Step | None:
    if task.target_state in (None, "draining"):
        return None
    verdict = "unhealthy" if obstacles.target_unhealthy else "healthy"
    if task.target_state == verdict:
        return None
    return Step(task.status_since + pace.seconds("target_health"), Change.TARGET_HEALTH, verdict)


def _healthy(task: Task, obstacles: Obstacles, pace: Pace) -> Step | None:
    checked = any(c.checks_health and c.essential for c in task.containers)
    if task.healthy or obstacles.exit or (checked and task.health_status != "HEALTHY"):
        return None
    if task.target_state not in (None, "healthy"):
        return None
    return Step(task.status_since + pace.seconds("settling"), Change.HEALTHY)


def _replacement(task: Task, obstacles: Obstacles, pace: Pace) -> Step | None:
    """A service stops tasks whose checks fail; a task of its own is left alone."""
    if task.service_name is None:
        return None
    reason = None
    grace = task.health_grace
    if obstacles.container_unhealthy and any(c.checks_health and c.essential for c in task.containers):
        reason, grace = wording.CONTAINER_HEALTH_FAILED, 0.0
    elif obstacles.target_unhealthy and task.target_state is not None:
        reason = wording.target_health_failed(task.targets[0].target_group_arn)
    if reason is None:
        return None
    due = task.status_since + max(pace.seconds("unhealthy"), grace / pace.speed / GRACE_SHORTENING)
    return Step(due, Change.STOP, stop=Stop("ServiceSchedulerInitiated", reason))


GRACE_SHORTENING = 60.0
"""A grace period of a minute takes a second, like the rest of the sandbox."""
