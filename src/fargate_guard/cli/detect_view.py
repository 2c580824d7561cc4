"""What ``fguard detect`` found, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.cli.harmless import harmless
from fargate_guard.errors import ExitCode
from fargate_guard.workflows.detect import DETECTED, NOT_WAITED, UNKNOWN, iso
from fargate_guard.workflows.detect_chain import LinkState, weakest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.workflows.detect import Detection, ThroughExec

SIGNS = {LinkState.WHOLE: "ok", LinkState.BROKEN: "NO", LinkState.UNCLEAR: "?", LinkState.NOT_ASKED: "-"}


def detection_text(found: Detection, *, embedded: bool) -> str:
    """Return the verdict, the event or the chain, and what was taken away."""
    return "\n".join([_verdict(found, embedded=embedded), *_event(found), *_chain(found), *_removed(found)])


def _verdict(found: Detection, *, embedded: bool) -> str:
    task = found.task_arn or "no task"
    if found.outcome == DETECTED and found.event:
        return f"Detected: {harmless(found.event.rule)} in {task}."
    if found.outcome == UNKNOWN:
        return f"Not known: Sysdig Secure did not tell whether an event of {task} came; {_where_it_broke(found)}."
    if found.through_exec:
        return _verdict_through_exec(found, found.through_exec, embedded=embedded)
    if found.outcome == NOT_WAITED:
        return _verdict_without_waiting(found, task, embedded=embedded)
    return f"Not detected: no event of {task} came; {_where_it_broke(found)}."


def _verdict_without_waiting(found: Detection, task: str, *, embedded: bool) -> str:
    if found.exit_code is ExitCode.DONE:
        return f"As far as asked: the trigger ran in {task}; its event was not waited for."
    link = weakest(found.links)
    if link is not None and link.state is LinkState.BROKEN:
        return f"Not proven: nobody waited for an event of {task}, and {_where_it_broke(found)}."
    simulated = " (simulated: no container and no agent runs there)" if embedded else ""
    return f"Not proven: the trigger ran in {task}{simulated}, and nobody waited: {found.why_not_waited}."


def _where_it_broke(found: Detection) -> str:
    link = weakest(found.links)
    if link is None:
        return "every link looks whole: try a longer --timeout"
    if link.state is LinkState.BROKEN:
        return f"the chain breaks at: {link.name}"
    unclear = ", ".join(link.name for link in found.links if link.state is LinkState.UNCLEAR)
    return f"no link is known to be broken; nothing proves that these are whole: {unclear}"


def _verdict_through_exec(found: Detection, told: ThroughExec, *, embedded: bool) -> str:
    where = f"container {told.container} of {found.task_arn}"
    if found.outcome != NOT_WAITED:
        return f"Not detected: no event of the trigger in {where} came. It may not be seen through ECS Exec."
    if told.by_hand:
        return f"To be typed in {where}; its event was not waited for: {found.why_not_waited}."
    if embedded and not told.output:
        simulated = "simulated: no container and no agent runs there, so that nothing was run"
        return f"Not proven: ECS opened a session into {where} ({simulated})."
    return f"The trigger ran in {where}; its event was not waited for: {found.why_not_waited}."


def _event(found: Detection) -> Iterator[str]:
    event, latency = found.event, found.latency()
    if found.triggered_at and found.triggered_by:
        yield f"  triggered  {iso(found.triggered_at)}  (by {found.triggered_by})"
    if event is None:
        return
    yield f"  event      {iso(event.timestamp)}  {_after(latency['to_event_seconds'])}"
    yield f"  arrived    {iso(found.arrived_at)}  {_after(latency['to_arrival_seconds'])}"
    yield f"  policy     {harmless(event.policy)} ({event.level})"
    yield f"  output     {harmless(event.output)}"
    if event.rule not in found.rules:
        yield f"  note       another rule than the trigger is meant for: {', '.join(found.rules)}"


def _after(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s after the trigger"


def _chain(found: Detection) -> Iterator[str]:
    for link in found.links:
        yield f"  {SIGNS[link.state]:>2} {link.name}: {harmless(link.evidence)}"
        if link.fix and link.state in (LinkState.BROKEN, LinkState.UNCLEAR):
            yield f"       fix: {link.fix}"


def _removed(found: Detection) -> Iterator[str]:
    if found.removed:
        yield "Taken away again: " + ", ".join(arn.split(":", 5)[-1] for arn in found.removed)
    if found.kept:
        yield "NOT taken away (the next `fguard detect` tries again): " + ", ".join(found.kept)
