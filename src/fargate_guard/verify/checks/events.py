"""Detections of the deployed tasks, as Sysdig Secure has them; run on request (``fguard verify --events``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.verify.registry import Registry, judged, skipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.registry import Observation

CHECKS = Registry()


@CHECKS.check(
    "events.arrived",
    title="An event of a deployed task arrived within the last minutes",
    docs="https://docs.sysdig.com/en/docs/sysdig-secure/threats/activity/events-feed/",
    needs=("tasks",),
)
def arrived(facts: Facts) -> Iterator[Observation]:
    """Only `fguard verify --events MINUTES`: the whole way works, from the agent through policies to the API."""
    recent = facts.recent_events
    if recent is None:
        yield skipped(facts.expected.name, "not asked for: --events MINUTES")
        return
    groups = {f"service:{one.service_name}" for one in facts.expected.workloads if one.service_arn}
    ours = [task for task in (*facts.tasks, *facts.stopped_tasks) if task.group in groups]
    if not ours:
        yield skipped(facts.expected.name, "no task of a workload runs, or did within the last hour")
        return
    seen = [(recent.by_task[task.arn], task.arn) for task in ours if task.arn in recent.by_task]
    newest = max(seen, key=lambda one: one[0].time, default=None)
    elsewhere = f"; {len(recent.by_task)} other tasks have some" if recent.by_task else ""
    yield judged(
        newest[1] if newest else facts.expected.name,
        newest is not None,
        expected=f"an event within the last {recent.minutes:g} minutes",
        found=f"{newest[0].rule} at {newest[0].time}" if newest else f"none of {len(ours)} tasks{elsewhere}",
        fix="nothing may have happened: `fguard detect` triggers something, and says where the chain breaks",
    )
