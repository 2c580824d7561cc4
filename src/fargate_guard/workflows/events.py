"""Events of Sysdig Secure, joined with what ECS knows about their tasks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import UsageError
from fargate_guard.sysdig.event import LEVELS, UNKNOWN
from fargate_guard.sysdig.events import MOST_PER_PAGE, Window, accepted, read_events, supported_filters
from fargate_guard.sysdig.filters import Wanted, task_id
from fargate_guard.sysdig.follow import Pace, follow
from fargate_guard.workflows.event_times import nanoseconds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fargate_guard.sysdig.client import SecureClient
    from fargate_guard.sysdig.errors import SysdigError
    from fargate_guard.sysdig.event import Event
    from fargate_guard.workflows.event_tasks import KnownTasks, TaskFacts

EARLIEST = 1_420_070_400 * 10**9
"""2015-01-01 in nanoseconds since 1970; each two weeks are a request."""
JOINED_AT_ONCE = 100
"""Events whose tasks ECS is asked about together."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An event, and the task that it happened in."""

    event: Event
    task: TaskFacts

    def document(self) -> dict[str, Any]:
        """Return one element of ``events``, or one line of JSON Lines."""
        event = self.event
        return {
            "id": event.event_id,
            "time": event.time.isoformat().replace("+00:00", "Z"),
            "timestamp": event.timestamp,
            "severity": event.severity,
            "level": event.level,
            "rule": event.rule,
            "policy": event.policy,
            "output": event.output,
            "container": event.container,
            "image": event.image,
            "task": {
                "arn": event.task_arn,
                "id": task_id(event.task_arn) if event.task_arn else None,
                "cluster_arn": event.cluster_arn,
                **self.task.document(),
            },
            "raw": event.raw,
        }


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for."""

    window: Window
    wanted: Wanted
    services: tuple[str, ...] = ()
    """Names of ECS services; ``*`` and ``?`` are wildcards."""
    limit: int = 100
    """The newest so many; 0: all."""
    fail_on: str | None = None
    """A level: an event as bad or worse makes the answer a failure."""
    server_filter: str | None = None
    """What Sysdig filters by itself; everything is checked here, too."""


@dataclass(slots=True)
class Found:
    """What there is."""

    window: Window
    sightings: list[Sighting] = field(default_factory=list)
    """The oldest first."""
    more: bool = False
    """There are older ones that the limit left out."""
    unmatched: int = 0
    """Events left out since the service of their task is unknown."""
    fails: bool = False
    """One is as bad as ``fail_on``."""

    def document(self) -> dict[str, Any]:
        """Return the body of ``fguard.events/v1``."""
        return {
            "from": self.window.start,
            "to": self.window.end,
            "count": len(self.sightings),
            "more": self.more,
            "service_unknown": self.unmatched,
            "fails": self.fails,
            "events": [one.document() for one in self.sightings],
        }

    def summary(self) -> str:
        """Return one line: how many, and how bad."""
        levels = Counter(one.event.level for one in self.sightings)
        kinds = ", ".join(f"{levels[name]} {name}" for name in (*LEVELS, UNKNOWN) if levels[name])
        count = len(self.sightings)
        return f"{count} event{'' if count == 1 else 's'}" + (f": {kinds}" if kinds else "")


def window_of(since: str, until: str | None, now: int) -> Window:
    """Return the window between two times as people give them; it ends now at the latest.

    :raises UsageError: when one is no time, they are the wrong way round, or the first is before any event.
    """
    start = nanoseconds_of(since, "--since", now)
    end = now if until is None else min(nanoseconds_of(until, "--until", now), now)
    if start > end:
        raise UsageError(
            "the events wanted begin after they end",
            why=f"--since {since} is after " + (f"--until {until}" if until and end < now else "now"),
        )
    if start < EARLIEST:
        raise UsageError(f"--since {since} is before there was Sysdig Secure", fix="use a time after 2015")
    return Window(start, end)


def server_filter(client: SecureClient, wanted: Wanted, *, refused: Callable[[str], None]) -> str | None:
    """Return the filter that Sysdig supports and accepts; None where everything has to be filtered here.

    :param refused: hears why Sysdig does not take a filter of its own language.
    """
    return accepted(client, wanted.server_filter(supported_filters(client)), refused=refused)


def find_events(
    client: SecureClient, tasks: KnownTasks, query: Query, *, reading: Callable[[int], None] = lambda _: None
) -> Found:
    """Return the newest events that are wanted.

    :param reading: hears now and then how many events were looked at.
    """
    page_size = min(MOST_PER_PAGE, max(query.limit + 1, 25)) if query.limit else MOST_PER_PAGE
    found = Found(query.window)
    events = read_events(client, query.window, query.server_filter, page_size=page_size)
    for sighting in _joined(_wanted(events, query.wanted, reading), tasks, query, found):
        found.fails = found.fails or fails(sighting, query.fail_on)
        if not query.limit or len(found.sightings) < query.limit:
            found.sightings.append(sighting)
            continue
        found.more = True
        if found.fails or query.fail_on is None:
            break
    found.sightings.reverse()
    return found


def follow_events(
    client: SecureClient,
    tasks: KnownTasks,
    query: Query,
    found: Found,
    *,
    pace: Pace | None = None,
    until: int | None = None,
    troubled: Callable[[SysdigError | None], None] = lambda _: None,
) -> Iterator[Sighting]:
    """Yield events as Sysdig publishes them, from the window's start on.

    Ends at ``until``, after the look that found one as bad as ``fail_on``, else never.

    :param found: learns, beside, whether one is as bad as ``fail_on``; those of unknown service count, too.
    """
    begin = query.window.start
    for batch in follow(client, begin, query.server_filter, pace=pace, until=until, troubled=troubled):
        for sighting in _joined((event for event in batch if query.wanted.matches(event)), tasks, query, found):
            found.fails = found.fails or fails(sighting, query.fail_on)
            yield sighting
        if found.fails:
            return


def fails(sighting: Sighting, level: str | None) -> bool:
    """Whether an event is as bad as the level that must not occur."""
    return level is not None and sighting.event.is_at_least(level)


def _wanted(events: Iterable[Event], wanted: Wanted, reading: Callable[[int], None]) -> Iterator[Event]:
    for number, event in enumerate(events, 1):
        if number % (10 * MOST_PER_PAGE) == 0:
            reading(number)
        if wanted.matches(event):
            yield event


def _joined(events: Iterable[Event], tasks: KnownTasks, query: Query, found: Found) -> Iterator[Sighting]:
    waiting = iter(events)
    while batch := list(islice(waiting, JOINED_AT_ONCE)):
        facts = tasks.facts(event.task_arn for event in batch)
        sightings = [Sighting(event, facts[event.task_arn]) for event in batch]
        yield from _of_services(sightings, query, found) if query.services else sightings


def _of_services(sightings: Sequence[Sighting], query: Query, found: Found) -> Iterator[Sighting]:
    for one in sightings:
        if one.task.unknown is not None:
            found.unmatched += 1
            found.fails = found.fails or fails(one, query.fail_on)
        elif any(fnmatchcase(one.task.service or "", name) for name in query.services):
            yield one
