"""How deployments begin, complete, fail and roll back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.sandbox.scheduler import wording
from fargate_guard.sandbox.scheduler.model import (
    REVISION_SETTINGS,
    Deployment,
    ServiceDeployment,
    breaker_threshold,
)

if TYPE_CHECKING:
    from fargate_guard.sandbox.scheduler.lifecycle import Stop
    from fargate_guard.sandbox.scheduler.model import Json, Service
    from fargate_guard.sandbox.scheduler.pace import Pace

RUNNING_STATES = ("PENDING", "IN_PROGRESS", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")
PATIENT_FAILURES = 3
"""Failures in a row after which ECS starts to wait longer between attempts."""


def begin(
    service: Service, settings: Json, *, deployment_id: str, revision_id: str, service_deployment_id: str
) -> None:
    """Make a new primary deployment; what was primary goes on running until it is replaced."""
    at = service.clock
    deployment = Deployment(
        id=deployment_id,
        task_definition_arn=service.task_definition_arn,
        revision_id=revision_id,
        settings=settings,
        created_at=at,
        updated_at=at,
        desired_count=service.desired_count,
        rollout_state_reason=wording.in_progress_reason(deployment_id),
    )
    _supersede(service, at)
    sources = [previous.revision_id for previous in service.deployments]
    service.deployments = [deployment, *service.deployments]
    service.revisions[revision_id] = deployment
    breaker = service.configuration["deploymentCircuitBreaker"]
    service.service_deployments.insert(
        0,
        ServiceDeployment(
            id=service_deployment_id,
            deployment_id=deployment_id,
            source_revisions=sources,
            target_revision=revision_id,
            created_at=at,
            updated_at=at,
            breaker_status="MONITORING" if breaker["enable"] else "DISABLED",
            threshold=breaker_threshold(service.desired_count) if breaker["enable"] else 0,
            desired_count=service.desired_count,
            deployment_configuration=service.configuration,
        ),
    )


def _supersede(service: Service, at: float) -> None:
    """A newer deployment ends the one under way."""
    for previous in service.deployments:
        previous.status = "ACTIVE"
        previous.updated_at = at
        previous.desired_count = 0
    for running in service.service_deployments:
        if running.status in RUNNING_STATES:
            running.status = "STOPPED"
            running.status_reason = "A newer service deployment replaced this one."
            running.stopped_at = running.finished_at = running.updated_at = at


def complete(service: Service) -> list[str]:
    """The primary deployment is steady; return the events."""
    primary = service.deployments[0]
    primary.steady = True
    primary.updated_at = service.clock
    events = []
    if primary.rollout_state == "IN_PROGRESS":
        primary.rollout_state = "COMPLETED"
        primary.rollout_state_reason = wording.completed_reason(primary.id)
        service.last_completed = primary
        events.append(wording.completed(service.name, primary.id))
        current = service.service_deployments[0]
        current.status = "ROLLBACK_SUCCESSFUL" if current.rollback else "SUCCESSFUL"
        current.finished_at = current.updated_at = service.clock
        if current.breaker_status == "MONITORING":
            current.breaker_status = "MONITORING_COMPLETE"
    return [*events, wording.steady(service.name)]


def record_failure(service: Service, deployment: Deployment, stop: Stop, pace: Pace) -> list[str]:
    """Count a task that ended by itself and wait before the next one; return the events."""
    events = []
    deployment.steady = False
    deployment.failed_tasks += 1
    deployment.failure_count += 1
    deployment.updated_at = service.clock
    current = service.service_deployments[0]
    if current.breaker_status == "MONITORING":
        current.failure_count = deployment.failure_count
    excess = max(0, deployment.failure_count - PATIENT_FAILURES)
    wait = min(pace.seconds("first_retry") * 2 ** min(excess, 20), pace.seconds("longest_retry"))
    deployment.retry_at = service.clock + wait
    if "InsufficientFreeAddressesInSubnet" in stop.reason:
        events.append(wording.not_placed(service.name, stop.reason))
    if deployment.failure_count == PATIENT_FAILURES:
        events.append(wording.crash_loop(service.name))
    return events


def trip(service: Service, rolls_back: bool) -> None:
    """The circuit breaker ends the primary deployment."""
    primary, current, at = service.deployments[0], service.service_deployments[0], service.clock
    primary.rollout_state = "FAILED"
    primary.rollout_state_reason = wording.FAILED_REASON
    primary.updated_at = at
    current.breaker_status = "TRIGGERED"
    current.failure_count = primary.failure_count
    current.updated_at = at
    if rolls_back:
        return
    wanted = service.configuration["deploymentCircuitBreaker"]["rollback"]
    current.status = "ROLLBACK_FAILED" if wanted else "STOPPED"
    current.status_reason = wording.NO_ROLLBACK_CANDIDATE if wanted else wording.FAILED_REASON
    current.stopped_at = current.finished_at = at


def start_rollback(service: Service, deployment_id: str, reason: str) -> None:
    """Put a completed deployment back in the first place."""
    at = service.clock
    abandoned, current = service.deployments[0], service.service_deployments[0]
    previous = service.last_completed
    if previous is None or previous.id != deployment_id:
        return
    for deployment in service.deployments:
        deployment.status, deployment.desired_count = "ACTIVE", 0
    abandoned.updated_at = at
    previous.status = "PRIMARY"
    previous.rollout_state = "IN_PROGRESS"
    previous.rollout_state_reason = wording.rolling_back_reason(previous.id)
    previous.desired_count = service.desired_count
    previous.failed_tasks = previous.failure_count = 0
    previous.retry_at, previous.steady, previous.updated_at = 0.0, False, at
    others = [d for d in service.deployments if d.id != previous.id]
    service.deployments = [previous, *others]
    service.task_definition_arn = previous.task_definition_arn
    kept = {key: value for key, value in service.settings.items() if key not in REVISION_SETTINGS}
    restored = {key: value for key, value in previous.settings.items() if key in REVISION_SETTINGS}
    service.settings = {**kept, **restored}
    current.status = "ROLLBACK_IN_PROGRESS"
    current.status_reason = reason
    current.rollback = {"reason": reason, "startedAt": at, "serviceRevisionArn": previous.revision_id}
    current.rollback_deployment_id = previous.id
    current.updated_at = at
