"""The events of Sysdig Secure: ``/secure/events/v1``, as its description says.

``from`` and ``to`` (nanoseconds, at most two weeks apart) or ``cursor``, never both and never neither;
``limit`` of 1 to 200, 25 by default; newest first; ``page.next`` leads to older events and is missing
on the last page. A cursor is a place in the stream of events: it knows nothing of the window or the filter
that it came from.
"""

from __future__ import annotations

import base64
import binascii
import bisect
import itertools
import json
import threading
import time
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.sysdig_api.filter_grammar import OPERATORS, BadFilter, parse
from tests.sysdig_api.server import Asked, Refused, Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Json: TypeAlias = dict[str, Any]

TWO_WEEKS = 14 * 24 * 3600 * 10**9
EVENTS_PATH = "/secure/events/v1/events"
MOST = 200
USUAL = 25
PERMISSION = "policy-events.read"
_TEXT = ("=", "!=", "in", "contains", "startsWith", "exists")
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "freeText": ("=",),
    "severity": ("=", "!=", "<", "<=", ">", ">=", "in"),
    **dict.fromkeys(
        (
            *("ruleName", "policyName", "policyId", "engine", "source", "originator", "rawEventOriginator"),
            *("aws.accountId", "aws.region", "aws.fargate.task.arn", "aws.fargate.cluster.arn"),
            *("container.name", "container.image.repo", "kubernetes.cluster.name", "host.hostName"),
        ),
        _TEXT,
    ),
}
assert all(operator in OPERATORS for operators in ATTRIBUTES.values() for operator in operators)


class EventStore:
    """The events of one customer."""

    def __init__(self) -> None:
        self.attributes = dict(ATTRIBUTES)
        """What may be filtered by; a test takes some away."""
        self.published: dict[str, float] = {}
        """Each event's id with the ``time.time()`` of its publication."""
        self.generation = 0
        """Raised by a test: every cursor handed out before has expired."""
        self._events: list[Json] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def publish(self, events: Iterable[Json]) -> None:
        """Make events visible, in any order of their time stamps."""
        with self._lock:
            for event in events:
                bisect.insort(self._events, event, key=_place)
                self.published[event["id"]] = time.time()

    def clear(self) -> None:
        with self._lock:
            self._events.clear()
            self.published.clear()
            self.attributes = dict(ATTRIBUTES)

    def newest_first(self) -> list[Json]:
        with self._lock:
            return list(reversed(self._events))

    def event(self, event_id: str) -> Json | None:
        return next((one for one in self.newest_first() if one["id"] == event_id), None)


def _place(event: Json) -> tuple[int, str]:
    return int(event["timestamp"]), str(event["id"])


def events_routes(store: EventStore) -> list[Route]:
    """Return the three routes of the events."""
    listing = _Listing(store)
    return [
        Route(
            "GET",
            EVENTS_PATH,
            listing,
            PERMISSION,
            parameters=frozenset({"from", "to", "cursor", "filter", "zones", "limit"}),
            repeatable=frozenset({"zones"}),
        ),
        Route("GET", "/secure/events/v1/events/{eventId}", listing.one, PERMISSION),
        Route("GET", "/secure/events/v1/supported-filters", listing.supported, PERMISSION),
    ]


class _Listing:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    def __call__(self, asked: Asked, _: Mapping[str, str]) -> Json:
        given = asked.parameters()
        limit = _number(given.get("limit", str(USUAL)), "limit")
        if not 1 <= limit <= MOST:
            raise Refused(400, "bad_request", f"limit must be between 1 and {MOST}")
        for zone in (value for name, value in asked.query if name == "zones"):
            _number(zone, "zones")
        matching = [event for event in self._store.newest_first() if self._test(given.get("filter"))(event)]
        if "cursor" in given:
            if given.keys() & {"from", "to"}:
                raise Refused(400, "bad_request", "cursor and from/to are mutually exclusive")
            return self._around(matching, self._cursor(given["cursor"]), limit)
        return self._within(matching, given, limit)

    def one(self, _: Asked, parts: Mapping[str, str]) -> Json:
        event = self._store.event(parts["eventId"])
        if event is None:
            raise Refused(404, "not_found", "Not found.")
        return self._told(event)

    def supported(self, _: Asked, __: Mapping[str, str]) -> Json:
        return {
            "data": [
                {
                    "id": attribute,
                    "type": "number" if attribute == "severity" else "string",
                    "operands": list(operators),
                }
                for attribute, operators in self._store.attributes.items()
            ]
        }

    def _test(self, text: str | None) -> Any:
        if text is None:
            return lambda _: True
        try:
            return parse(text, self._store.attributes)
        except BadFilter as wrong:
            raise Refused(400, "bad_request", f"invalid filter: {wrong}") from None

    def _within(self, matching: list[Json], given: Mapping[str, str], limit: int) -> Json:
        if "from" not in given or "to" not in given:
            raise Refused(400, "bad_request", "from and to, or cursor, are required")
        start, end = _nanoseconds(given["from"], "from"), _nanoseconds(given["to"], "to")
        if start > end:
            raise Refused(400, "bad_request", "from is after to")
        if end - start > TWO_WEEKS:
            raise Refused(400, "bad_request", "the timeframe is limited to two weeks")
        inside = [event for event in matching if start <= event["timestamp"] <= end]
        return self._page(matching, inside[:limit], len(inside))

    def _around(self, matching: list[Json], cursor: Json, limit: int) -> Json:
        place = (cursor["timestamp"], cursor["id"])
        older = [event for event in matching if _place(event) < place]
        newer = [event for event in matching if _place(event) > place]
        if cursor["type"] == "next":
            return self._page(matching, older[:limit], len(matching))
        if cursor["type"] == "prev":
            return self._page(matching, newer[-limit:], len(matching))
        half = limit // 2
        return self._page(matching, [*newer[-half:], *older[: limit - half]], len(matching))

    def _page(self, matching: list[Json], page: list[Json], total: int) -> Json:
        links = {}
        if page and _place(page[-1]) > _place(matching[-1]):
            links["next"] = self._handle("next", page[-1])
        if page and _place(page[0]) < _place(matching[0]):
            links["prev"] = self._handle("prev", page[0])
        return {"page": {"total": total, **links}, "data": [self._told(event) for event in page]}

    def _told(self, event: Json) -> Json:
        return {**event, "cursor": self._handle("around", event)}

    def _handle(self, kind: str, event: Json) -> str:
        place = {"type": kind, "timestamp": event["timestamp"], "id": event["id"], "of": self._store.generation}
        return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()

    def _cursor(self, text: str) -> Json:
        try:
            cursor: Json = json.loads(base64.urlsafe_b64decode(text.encode()))
        except (ValueError, binascii.Error):
            raise Refused(400, "bad_request", "invalid cursor") from None
        if cursor["of"] != self._store.generation:
            raise Refused(400, "bad_request", "the cursor has expired")
        return cursor


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise Refused(400, "bad_request", f"{name} is not a number")
    return int(text)


def _nanoseconds(text: str, name: str) -> int:
    value = _number(text, name)
    if value < 10**18:
        raise Refused(400, "bad_request", f"{name} must be in nanoseconds since 1970")
    return value
