"""What became of the deployment that fguard started: decided from ECS's service deployments, never from "stable".

A service that the circuit breaker rolled back is as stable as one that rolled out; so is one that somebody else
deployed to in the meantime, and one that was scaled to zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fargate_guard.verify.facts.ecs import Service, ServiceDeployment


class Rollout(StrEnum):
    """The end of a service deployment, or that there is none yet."""

    SUCCESSFUL = "SUCCESSFUL"
    IN_PROGRESS = "IN_PROGRESS"
    ROLLED_BACK = "ROLLED_BACK"
    """ECS put the previous revision back."""
    ROLLBACK_FAILED = "ROLLBACK_FAILED"
    """ECS gave up on it and put nothing back: that failed, too, or there was nothing, as in a first deployment."""
    FAILED = "FAILED"
    """It ended and ECS did not try to put anything back."""
    SUPERSEDED = "SUPERSEDED"
    """A later deployment of another revision took its place."""
    SCALED_TO_ZERO = "SCALED_TO_ZERO"
    """It is complete because no task is wanted; nothing was proven."""
    TIMED_OUT = "TIMED_OUT"
    """Still in progress when the time was up."""


GIVEN_UP = frozenset({Rollout.ROLLED_BACK, Rollout.ROLLBACK_FAILED})
"""ECS gave up on what was deployed and tried to put the previous revision back; exit code 5, however that went."""


@dataclass(frozen=True, slots=True)
class FailedTask:
    """A task of the new revision that stopped, and its last words."""

    arn: str
    reason: str
    """ECS's ``stoppedReason``."""
    containers: tuple[str, ...]
    """Per container: name, exit code and reason."""
    log_lines: tuple[str, ...]
    """The last lines of its containers' logs, each with the container's name in front."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """A service, and the revision that was deployed to it."""

    cluster_arn: str
    service_arn: str
    task_definition_arn: str
    desired_count: int | None = None
    """What the configuration asks for; zero makes a service without tasks a success. None: anything but zero."""

    @property
    def service_name(self) -> str:
        """The last part of the ARN."""
        return self.service_arn.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one deployment."""

    awaited: Awaited
    rollout: Rollout
    reason: str
    """In ECS's words where it gave any."""
    service_deployment_arn: str | None = None
    running_count: int = 0
    desired_count: int = 0
    running_task_definition_arn: str | None = None
    """What the service runs now."""
    failed_tasks: tuple[FailedTask, ...] = field(default=())

    @property
    def successful(self) -> bool:
        """Whether ECS runs what was deployed."""
        return self.rollout is Rollout.SUCCESSFUL


_UNDER_WAY = {"PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"}


def judge(awaited: Awaited, service: Service | None, deployments: Sequence[ServiceDeployment]) -> Verdict:
    """Say what became of the deployment of ``awaited.task_definition_arn``.

    :param deployments: the service's deployments, newest first.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/view-service-deployment.html
    """
    if service is None or service.status == "INACTIVE":
        return Verdict(awaited, Rollout.FAILED, "the service does not exist")
    newest = deployments[0] if deployments else None
    ours = next((d for d in deployments if d.task_definition_arn == awaited.task_definition_arn), None)
    if newest is None:
        rollout, reason = _from_service(awaited, service)
    elif newest is not ours:
        rollout, reason = _superseded(awaited, service, newest)
    else:
        rollout, reason = _from_deployment(newest)
    if rollout is Rollout.SUCCESSFUL and service.desired_count == 0 and awaited.desired_count != 0:
        rollout, reason = Rollout.SCALED_TO_ZERO, "the service's desired count is 0: no task was started"
    return Verdict(
        awaited=awaited,
        rollout=rollout,
        reason=reason,
        service_deployment_arn=ours.arn if ours else None,
        running_count=service.running_count,
        desired_count=service.desired_count,
        running_task_definition_arn=service.task_definition_arn,
    )


def _from_deployment(deployment: ServiceDeployment) -> tuple[Rollout, str]:
    reason = deployment.rollback_reason or deployment.reason
    if deployment.status == "SUCCESSFUL":
        return Rollout.SUCCESSFUL, reason or "ECS completed the deployment"
    if deployment.status in _UNDER_WAY:
        return Rollout.IN_PROGRESS, reason or f"the deployment is {deployment.status}"
    if deployment.status == "ROLLBACK_SUCCESSFUL":
        return Rollout.ROLLED_BACK, reason or "ECS put the previous revision back"
    if deployment.status == "ROLLBACK_FAILED":
        return Rollout.ROLLBACK_FAILED, reason or "ECS could not put the previous revision back"
    return Rollout.FAILED, reason or f"the deployment ended {deployment.status}"


def _superseded(awaited: Awaited, service: Service, newest: ServiceDeployment) -> tuple[Rollout, str]:
    if service.task_definition_arn == awaited.task_definition_arn:
        if newest.status == "ROLLBACK_SUCCESSFUL":
            return Rollout.SUCCESSFUL, "ECS rolled a later deployment back to this one"
        if newest.status not in _UNDER_WAY:
            return Rollout.IN_PROGRESS, "ECS has accepted the deployment and not listed it yet"
    return (
        Rollout.SUPERSEDED,
        f"the newest deployment ({newest.status}) rolls out {newest.task_definition_arn or 'another revision'}",
    )


def _from_service(awaited: Awaited, service: Service) -> tuple[Rollout, str]:
    """Judge by the primary deployment: ECS keeps service deployments for 90 days only."""
    if service.task_definition_arn != awaited.task_definition_arn:
        return Rollout.SUPERSEDED, f"the service runs {service.task_definition_arn}"
    rollout = {"COMPLETED": Rollout.SUCCESSFUL, "FAILED": Rollout.FAILED}.get(
        service.rollout_state or "", Rollout.IN_PROGRESS
    )
    return rollout, service.rollout_reason or f"the primary deployment is {service.rollout_state}"
