"""Following events as Sysdig publishes them: overlapping windows, no event twice, none left out.

An event may be published minutes after it happened (an agent that was disconnected sends later), so a cursor or a
high-water mark would miss it. Every look goes back two minutes behind the last one, and every few looks a quarter
of an hour; ids tell what was seen. After an outage the next look begins where the last successful one ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.sysdig.errors import BrokenAnswer, Overloaded, SysdigError, Unreachable
from fargate_guard.sysdig.events import SECOND, Window, read_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.sysdig.client import SecureClient
    from fargate_guard.sysdig.event import Event

MOST_BROKEN = 3
"""Answers in a row that make no sense, after which there is no sense in asking on."""
_MOMENT = 0.001
_GRACE = 5.0
"""Seconds beyond the end that a failure of the last look has to pass: what came until then is wanted."""
_LONGEST_PAUSE, _LONGEST_ASKED = 30.0, 600.0
"""Seconds after a failure: of one's own accord, and at Sysdig's request."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look, and how far back; seconds."""

    interval: float = 2.0
    overlap: float = 120.0
    far_overlap: float = 900.0
    """Of every ``far_every``-th look, for events that are published late."""
    far_every: int = 15

    def pause(self, per_minute: int | None) -> float:
        """Return the seconds between two looks: at most half of the allowed requests are used."""
        return max(self.interval, 120.0 / per_minute) if per_minute else self.interval

    def start_of(self, number: int, covered: int, begin: int) -> int:
        """Return where the window of a look begins."""
        overlap = self.far_overlap if number % self.far_every == 0 else self.overlap
        return max(begin, covered - int(overlap * SECOND))


def follow(
    client: SecureClient,
    begin: int,
    filter_text: str | None,
    *,
    pace: Pace | None = None,
    until: int | None = None,
    troubled: Callable[[SysdigError | None], None] = lambda _: None,
) -> Iterator[list[Event]]:
    """Yield what is new after every look, the oldest first; often nothing, as during an outage.

    :param begin: nanoseconds since 1970; what happened before is left out.
    :param until: when to end, in the same unit; what happened later is left out. None: never.
    :param troubled: hears of an outage, once, and with None that it is over.
    :raises FguardError: for what waiting does not mend: a token that is revoked, a missing permission; and for an
        outage that lasts until the end and some seconds more, since nobody knows what it hides.
    """
    pace = pace or Pace()
    seen: dict[str, int] = {}
    covered, looks, failures = begin, 0, 0
    while True:
        now = client.now()
        end = now if until is None else min(now, until)
        window = Window(pace.start_of(looks, covered, begin), max(end, covered))
        try:
            with client.quietly(_latest(now, until)):  # an outage is told of here, once
                found = list(read_events(client, window, filter_text))
        except (Unreachable, Overloaded, BrokenAnswer) as trouble:
            failures += 1
            if _lasts(trouble, failures) or _is_over(client, until):
                raise
            if failures == 1:
                troubled(trouble)
            yield []
            client.clock.sleep(min(_pause_after(trouble, failures, pace), _left(client, until)))
            continue
        if failures:
            failures = 0
            troubled(None)
        covered, looks = window.end, looks + 1
        yield _fresh(found, seen)
        _forget(seen, covered - 2 * int(pace.far_overlap * SECOND))
        if until is not None and window.end >= until:
            return
        client.clock.sleep(min(pace.pause(client.per_minute), _left(client, until)))


def _latest(now: int, until: int | None) -> int | None:
    """Return the time after which a look that fails is not tried again."""
    return None if until is None else max(now, until) + int(_GRACE * SECOND)


def _is_over(client: SecureClient, until: int | None) -> bool:
    return until is not None and client.now() >= until


def _left(client: SecureClient, until: int | None) -> float:
    """Return the seconds until the end, and a moment more, so that the last look is after it."""
    return float("inf") if until is None else max((until - client.now()) / SECOND, 0.0) + _MOMENT


def _lasts(trouble: SysdigError, failures: int) -> bool:
    if isinstance(trouble, Unreachable):
        return not trouble.temporary
    return isinstance(trouble, BrokenAnswer) and failures >= MOST_BROKEN


def _pause_after(trouble: SysdigError, failures: int, pace: Pace) -> float:
    asked = trouble.seconds if isinstance(trouble, Overloaded) else 0.0
    return max(min(asked, _LONGEST_ASKED), min(pace.interval * 2.0 ** min(failures, 10), _LONGEST_PAUSE))


def _fresh(found: list[Event], seen: dict[str, int]) -> list[Event]:
    fresh = [event for event in found if event.event_id not in seen]
    seen.update((event.event_id, event.timestamp) for event in fresh)
    return sorted(fresh, key=lambda event: (event.timestamp, event.event_id))


def _forget(seen: dict[str, int], before: int) -> None:
    for event_id in [event_id for event_id, timestamp in seen.items() if timestamp < before]:
        del seen[event_id]
