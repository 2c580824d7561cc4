"""Trigger something harmless in the deployment, wait for its event, and tell where the chain breaks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fargate_guard.aws import logs
from fargate_guard.aws.errors import AwsError
from fargate_guard.errors import ExitCode
from fargate_guard.sysdig.errors import SysdigError
from fargate_guard.verify.facts.task_definition import TaskDefinition
from fargate_guard.workflows import detect_chain as chain
from fargate_guard.workflows.detect_chain import SECOND
from fargate_guard.workflows.detect_leftovers import family_of, remove_leftovers
from fargate_guard.workflows.detect_place import find_place, task_definition
from fargate_guard.workflows.detect_task import (
    Waiting,
    look,
    trigger_task,
)
from fargate_guard.workflows.detect_triggers import CONTAINER, WRITTEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.aws.session import Aws
    from fargate_guard.deployment import DeploymentOutputs
    from fargate_guard.sysdig.client import SecureClient
    from fargate_guard.sysdig.event import Event
    from fargate_guard.sysdig.filters import Supported
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.detect_chain import Link
    from fargate_guard.workflows.detect_place import Place
    from fargate_guard.workflows.detect_task import TriggerTask
    from fargate_guard.workflows.detect_triggers import Trigger

DETECTED, MISSED, NOT_WAITED = "detected", "not detected", "not waited for"
UNKNOWN = "not known"
"""Sysdig Secure could not be asked until the time was up."""
CLOCKS_DIFFER = 60 * SECOND
"""An event may be stamped by a clock that is late; the task is new, so that nothing older can be its."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for."""

    trigger: Trigger
    image: str | None = None
    """Instead of the trigger's own."""
    workload: str | None = None
    """Whose place the task takes."""
    timeout: float = 300.0
    """Seconds to wait for the event once the task runs."""
    wait: bool = True
    """Whether to wait for the event at all."""
    why_not: str | None = None
    """Why not, where it is not the user's wish."""
    interval: float = 2.0
    """Seconds between two looks at Sysdig."""


@dataclass(slots=True)
class ThroughExec:
    """A trigger in somebody else's container, through ECS Exec."""

    container: str
    command: str
    by_hand: bool
    """Whether somebody has to type it."""
    session_id: str | None = None
    output: list[str] = field(default_factory=list)
    """What the session wrote, line by line, without secrets."""
    other_events: dict[str, int] = field(default_factory=dict)
    """Events of the same task that are not the trigger's: how many by rule."""


@dataclass(slots=True)
class Detection:
    """What became of it."""

    trigger: str
    rules: tuple[str, ...]
    outcome: str = NOT_WAITED
    wanted: bool = True
    """Whether waiting was wanted, or would have been, had it been possible."""
    why_not_waited: str | None = None
    task_arn: str | None = None
    through_exec: ThroughExec | None = None
    """Where it was triggered in a running service."""
    triggered_at: int | None = None
    """Nanoseconds since 1970."""
    triggered_by: str = ""
    """What tells that time."""
    event: Event | None = None
    arrived_at: int | None = None
    """When fguard got the event, nanoseconds since 1970 by Sysdig's clock."""
    links: list[Link] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    """ARNs of what was taken away again."""
    kept: list[str] = field(default_factory=list)
    """ARNs of what could not be taken away."""
    left_earlier: list[str] = field(default_factory=list)
    """ARNs of what earlier runs had left, likewise."""

    @property
    def exit_code(self) -> ExitCode:
        """0 when the event came, or nobody wanted to wait and the task ran; else 3.

        1 when something is left, and where Sysdig did not tell and no link is known to be broken.
        """
        if self.kept:
            return ExitCode.FAILED
        broken = any(link.state is chain.LinkState.BROKEN for link in self.links)
        if self.outcome == DETECTED or (self.outcome == NOT_WAITED and not self.wanted and not broken):
            return ExitCode.DONE
        return ExitCode.FAILED if self.outcome == UNKNOWN and not broken else ExitCode.VERIFICATION_FAILED

    def latency(self) -> dict[str, float | None]:
        """Return seconds from the trigger to the event's time stamp, and to its arrival here."""
        since, event = self.triggered_at, self.event
        return {
            "to_event_seconds": _seconds(since, event.timestamp if event else None),
            "to_arrival_seconds": _seconds(since, self.arrived_at),
        }

    def document(self) -> dict[str, Any]:
        """Return the body of ``fguard.detect/v1``."""
        event = self.event
        return {
            "outcome": self.outcome,
            "trigger": self.trigger,
            "rules": list(self.rules),
            "task_arn": self.task_arn,
            "exec": asdict(self.through_exec) if self.through_exec else None,
            "triggered_at": iso(self.triggered_at),
            "triggered_by": self.triggered_by or None,
            "event": None
            if event is None
            else {
                "id": event.event_id,
                "time": iso(event.timestamp),
                "rule": event.rule,
                "policy": event.policy,
                "level": event.level,
                "output": event.output,
            },
            "arrived_at": iso(self.arrived_at),
            "latency": self.latency(),
            "not_waited_because": self.why_not_waited,
            "chain": [link.document() for link in self.links],
            "removed": self.removed,
            "not_removed": self.kept,
            "left_earlier": self.left_earlier,
        }


def detect(
    context: Context,
    outputs: DeploymentOutputs,
    client: SecureClient | None,
    wish: Wish,
    *,
    waiting: Waiting | None = None,
) -> Detection:
    """Run the trigger as a one-off task of the deployment and wait for its event; all is taken away again.

    :param client: None: without a token; the event is not waited for.
    """
    waiting = waiting or Waiting()
    left_earlier = remove_leftovers(context, outputs, now=waiting.clock())
    if left_earlier:
        context.observer.note(f"took away what an earlier run had left: {', '.join(left_earlier)}")
    place = find_place(context, outputs, wish.workload)
    family = family_of(context.config.name)
    definition = task_definition(
        context, place, wish.trigger, family=family, image=wish.image, seconds=wish.timeout
    )
    result = Detection(wish.trigger.name, wish.trigger.rules, wanted=wish.wait or wish.why_not is not None)
    result.left_earlier = left_earlier
    supported = ask_once(client, _some_task(place)) if client is not None and wish.wait else {}
    context.observer.step(f"Start the trigger: {wish.trigger.does}")
    begin = client.now() - CLOCKS_DIFFER if client else 0
    with trigger_task(context, place, definition, seconds=wish.timeout, waiting=waiting) as made:
        result.task_arn, result.removed, result.kept = made.arn, made.removed, made.kept
        _watch(context, client, place, made, wish, result, begin, supported)
    return result


def ask_once(client: SecureClient, task_arn: str) -> Supported:
    """Let a wrong token, region or permission be told before anything is started.

    :param task_arn: of the task whose event is waited for, or one that looks like it.
    :returns: what Sysdig filters by; nothing where it refuses such a filter.
    """
    from fargate_guard.sysdig.events import Window, accepted, read_events, supported_filters
    from fargate_guard.sysdig.filters import Wanted

    supported = supported_filters(client)
    if accepted(client, Wanted(tasks=(task_arn,)).server_filter(supported)):
        return supported
    now = client.now()
    next(read_events(client, Window(now - SECOND, now), None, page_size=1), None)
    return {}


def _some_task(place: Place) -> str:
    return f"{place.cluster.replace(':cluster/', ':task/')}/{'0' * 32}"


def _watch(
    context: Context,
    client: SecureClient | None,
    place: Place,
    made: TriggerTask,
    wish: Wish,
    result: Detection,
    begin: int,
    supported: Supported,
) -> None:
    aws = context.aws.in_region(place.outputs.region)
    outage: SysdigError | None = None
    if made.runs and not made.has_ended and client is not None and wish.wait:
        context.observer.step(f"Wait for its event, up to {wish.timeout:g} s")
        result.outcome = MISSED

        def still_runs() -> bool:
            look(context, place, made)
            return not made.has_ended

        try:
            result.event, result.arrived_at = wait_for_event(
                client,
                made.arn or "",
                wish,
                begin,
                supported,
                still_runs,
                troubled=lambda trouble: tell_of_trouble(context, trouble),
            )
        except SysdigError as error:
            result.outcome, outage = UNKNOWN, error
    elif wish.wait:
        result.outcome = MISSED
    if result.outcome == NOT_WAITED:
        result.why_not_waited = wish.why_not or "--no-wait"
    result.triggered_at, result.triggered_by = _trigger_time(aws, place, made, result.event)
    if result.event is not None:
        result.outcome = DETECTED
        return
    look(context, place, made)
    result.links = list(_links(context, client, place, made, wish, outage))


def tell_of_trouble(context: Context, trouble: SysdigError | None) -> None:
    """Say that Sysdig does not answer, or, with None, that it does again."""
    if trouble is None:
        context.observer.note("Sysdig Secure answers again")
    else:
        context.observer.warning(f"{trouble.message} ({trouble.why}); trying on")


def _links(
    context: Context,
    client: SecureClient | None,
    place: Place,
    made: TriggerTask,
    wish: Wish,
    outage: SysdigError | None,
) -> Iterator[Link]:
    yield chain.task_link(made.described)
    if not made.runs:
        return
    definition = TaskDefinition.of({**made.definition, "taskDefinitionArn": made.revision})
    running = chain.Running(made.arn or "", definition)
    yield from chain.links_beyond(
        context, client, place.outputs, running, wish.trigger.rules, waited=wish.wait, outage=outage
    )


def wait_for_event(
    client: SecureClient,
    task_arn: str,
    wish: Wish,
    begin: int,
    supported: Supported,
    goes_on: Callable[[], bool] = lambda: True,
    *,
    ours: Callable[[Event], bool] = lambda _: True,
    troubled: Callable[[SysdigError | None], None] = lambda _: None,
) -> tuple[Event | None, int | None]:
    """Return the first event of a task and when it arrived; of several, one of the rules.

    :param begin: nanoseconds since 1970; earlier events do not count.
    :param supported: what Sysdig filters by.
    :param goes_on: asked between two looks; when not, one more look is taken.
    :param ours: whether an event of the task is the trigger's; asked of each.
    :param troubled: hears of an outage, and with None that it is over.
    :raises SysdigError: when Sysdig does not answer until the time is up, or does not the last look.
    """
    from fargate_guard.sysdig.filters import Wanted
    from fargate_guard.sysdig.follow import Pace, follow

    wanted = Wanted(tasks=(task_arn,))
    narrowed = wanted.server_filter(supported)
    until = client.now() + int(wish.timeout * SECOND)
    last, pace = False, Pace(interval=wish.interval)
    outage: SysdigError | None = None

    def hear(trouble: SysdigError | None) -> None:
        nonlocal outage
        outage = trouble
        troubled(trouble)

    for batch in follow(client, begin, narrowed, pace=pace, until=until, troubled=hear):
        mine = [event for event in batch if wanted.matches(event) and ours(event)]
        if mine:
            return next((event for event in mine if event.rule in wish.trigger.rules), mine[0]), client.now()
        if last and outage is not None:
            raise outage
        if last:
            break
        last = not goes_on()
    return None, None


def _trigger_time(aws: Aws, place: Place, made: TriggerTask, event: Event | None) -> tuple[int | None, str]:
    """Return when the trigger acted: its own log line before the event, else when the task had started.

    What is later than the event is not what caused it.
    """
    stream = f"fguard-detect/{CONTAINER}/{(made.arn or '').rpartition('/')[2]}"
    try:
        lines = logs.newest_lines(aws, place.log_group, stream)
    except AwsError:
        lines = ()
    mine = [line for line in lines if line.text.startswith(WRITTEN)]
    if event is not None:
        mine = [line for line in mine if line.at * 10**6 <= event.timestamp]
    if mine:
        return mine[0].at * 10**6, "the trigger's own log line"
    started = (made.described or {}).get("startedAt")
    if isinstance(started, datetime) and (event is None or started.timestamp() * SECOND <= event.timestamp):
        return int(started.timestamp() * SECOND), "the start of the task"
    return None, ""


def iso(nanoseconds: int | None) -> str | None:
    """Return a time in ISO 8601, UTC."""
    if nanoseconds is None:
        return None
    return (
        datetime.fromtimestamp(nanoseconds / SECOND, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def _seconds(since: int | None, until: int | None) -> float | None:
    return None if since is None or until is None else round((until - since) / SECOND, 3)
