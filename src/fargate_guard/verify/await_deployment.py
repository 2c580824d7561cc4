"""Wait for the deployments that fguard started to end, one way or the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fargate_guard.aws import ecs
from fargate_guard.verify.facts.ecs import Service, ServiceDeployment
from fargate_guard.verify.failed_tasks import failed_tasks
from fargate_guard.verify.rollout_verdict import GIVEN_UP, Awaited, Rollout, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from fargate_guard.aws.session import Aws

FIRST_PAUSE = 0.5
"""Seconds between the first two looks."""
LONGEST_PAUSE = 15.0
PAUSE_GROWTH = 1.3
SECONDS_PER_SERVICE = 0.1
"""ECS refills 20 DescribeServices or ListServiceDeployments a second; half of that is left to others."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a look at one service showed."""

    awaited: Awaited
    rollout: Rollout
    running_count: int
    pending_count: int
    desired_count: int
    events: tuple[str, ...]
    """The service's events since the last look, oldest first."""


def await_deployments(
    aws: Aws,
    awaited: Sequence[Awaited],
    *,
    timeout: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    progress: Callable[[Progress], None] = lambda _: None,
) -> tuple[Verdict, ...]:
    """Wait until every deployment has ended or ``timeout`` seconds have passed; verdicts in the order given.

    :param clock: monotonic seconds, for example :func:`time.monotonic`.
    :param sleep: for example :func:`time.sleep`.
    :param progress: called for each service that is still deploying, after each look, and once when it has ended.
    """
    deadline = clock() + timeout
    pause = FIRST_PAUSE
    verdicts: dict[str, Verdict] = {}
    seen = _Events()
    while True:
        waiting = [one for one in awaited if one.service_arn not in verdicts]
        for verdict, service, since in _look(aws, waiting):
            if service is not None:
                progress(seen.progress(verdict, service, since))
            if verdict.rollout is not Rollout.IN_PROGRESS:
                verdicts[verdict.awaited.service_arn] = _with_failed_tasks(aws, verdict)
            elif clock() >= deadline:
                late = replace(
                    verdict, rollout=Rollout.TIMED_OUT, reason=f"{verdict.reason}, after {timeout:.0f} s"
                )
                verdicts[verdict.awaited.service_arn] = _with_failed_tasks(aws, late)
        if len(verdicts) == len({one.service_arn for one in awaited}):
            return tuple(verdicts[one.service_arn] for one in awaited)
        sleep(max(min(pause, deadline - clock()), len(waiting) * SECONDS_PER_SERVICE))
        pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE)


def look(aws: Aws, awaited: Iterable[Awaited]) -> tuple[Verdict, ...]:
    """Say what became of the deployments so far, without waiting."""
    return tuple(_with_failed_tasks(aws, verdict) for verdict, _, _ in _look(aws, list(awaited)))


def _look(aws: Aws, awaited: Sequence[Awaited]) -> list[tuple[Verdict, Service | None, datetime | None]]:
    """Return verdict, service, and when its newest deployment began.

    Deployments are read first: when one has ended, what the service says afterwards is of that end.
    """
    results = []
    for cluster in dict.fromkeys(one.cluster_arn for one in awaited):
        here = [one for one in awaited if one.cluster_arn == cluster]
        arns = [one.service_arn for one in here]
        deployments = ecs.service_deployments(aws, cluster, arns)
        services = {found["serviceArn"]: Service.of(found) for found in ecs.services(aws, cluster, arns)}
        for one in here:
            recent = [ServiceDeployment.of(found) for found in deployments.get(one.service_arn, ())]
            service = services.get(one.service_arn)
            results.append((judge(one, service, recent), service, recent[0].created_at if recent else None))
    return results


def _with_failed_tasks(aws: Aws, verdict: Verdict) -> Verdict:
    if verdict.rollout not in (*GIVEN_UP, Rollout.FAILED, Rollout.TIMED_OUT):
        return verdict
    awaited = verdict.awaited
    stopped = failed_tasks(aws, awaited.cluster_arn, awaited.service_name, awaited.task_definition_arn)
    return replace(verdict, failed_tasks=stopped)


class _Events:
    """Which events of which service were told already."""

    def __init__(self) -> None:
        self._told: dict[str, set[tuple[object, str]]] = {}

    def progress(self, verdict: Verdict, service: Service, since: datetime | None) -> Progress:
        ended_before = service.arn not in self._told and verdict.rollout is not Rollout.IN_PROGRESS
        told = self._told.setdefault(service.arn, set())
        fresh = [
            event
            for event in reversed(service.events)
            if since is not None and event.at >= since and (event.at, event.message) not in told
        ]
        told.update((event.at, event.message) for event in fresh)
        return Progress(
            awaited=verdict.awaited,
            rollout=verdict.rollout,
            running_count=service.running_count,
            pending_count=service.pending_count,
            desired_count=service.desired_count,
            events=() if ended_before else tuple(event.message for event in fresh),
        )
