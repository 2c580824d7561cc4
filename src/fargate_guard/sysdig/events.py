"""Reading events: windows of at most two weeks, pages by cursor, no event twice and none left out.

``GET /secure/events/v1/events`` takes ``from`` and ``to`` in nanoseconds, at most two weeks apart, or a
``cursor``, with ``limit`` up to 200; it answers the newest first, and ``page.next`` leads to older ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.sysdig.errors import BadRequest, BrokenAnswer, NotFound, PermissionMissing
from fargate_guard.sysdig.event import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fargate_guard.sysdig.client import SecureClient
    from fargate_guard.sysdig.filters import Supported

EVENTS = "/secure/events/v1/events"
SUPPORTED_FILTERS = "/secure/events/v1/supported-filters"
READ_EVENTS = "policy-events.read"
MOST_PER_PAGE = 200
MOST_EMPTY = 50
"""Pages in a row without an event that lead to a next one; a filter may leave nothing of a page."""
SECOND = 10**9
LONGEST_WINDOW = 14 * 24 * 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when, in nanoseconds since 1970, both included."""

    start: int
    end: int

    def parts(self) -> Iterator[Window]:
        """Yield windows that the API takes, the newest first; neighbours share one nanosecond."""
        end = self.end
        while end - self.start > LONGEST_WINDOW:
            yield Window(end - LONGEST_WINDOW, end)
            end -= LONGEST_WINDOW
        yield Window(self.start, end)


def supported_filters(client: SecureClient) -> Supported:
    """Return what this Sysdig filters events by; nothing where it does not say, so that all is filtered here.

    :raises FguardError: for what keeps it from answering anything: its token, its address, an outage.
    """
    try:
        document = client.get(SUPPORTED_FILTERS, permission=READ_EVENTS)
        listed = _list(document, "data", SUPPORTED_FILTERS)
    except (
        NotFound,
        BadRequest,
        PermissionMissing,
        BrokenAnswer,
    ):  # the events themselves may be had all the same
        return {}
    return {
        str(one["id"]): frozenset(map(str, one.get("operands") or ()))
        for one in listed
        if isinstance(one, dict) and "id" in one
    }


def accepted(
    client: SecureClient, filter_text: str | None, *, refused: Callable[[str], None] = lambda _: None
) -> str | None:
    """Try a filter on the last second; return it, None where Sysdig refuses it, or there is none.

    :param refused: hears why Sysdig refuses it.
    """
    if filter_text is None:
        return None
    now = client.now()
    try:
        _page(client, {"from": str(now - SECOND), "to": str(now), "limit": "1", "filter": filter_text})
    except BadRequest as refusal:
        refused(refusal.why or refusal.message)
        return None
    return filter_text


def read_events(
    client: SecureClient, window: Window, filter_text: str | None, *, page_size: int = MOST_PER_PAGE
) -> Iterator[Event]:
    """Yield every event of a window, the newest first, each once.

    :param page_size: 1 to 200.
    """
    seen: set[str] = set()
    for part in window.parts():
        for event in _of_part(client, part, filter_text, page_size):
            if event.event_id not in seen:
                seen.add(event.event_id)
                yield event


def _of_part(client: SecureClient, window: Window, filter_text: str | None, page_size: int) -> Iterator[Event]:
    """Yield the events of one window; some may come twice where a cursor expired."""
    end = window.end
    while True:
        oldest = None
        try:
            for event in _scrolled(client, Window(window.start, end), filter_text, page_size):
                oldest = event.timestamp
                if event.timestamp <= window.end:
                    yield event
        except _CursorExpired as expired:
            if oldest is None or oldest >= end:
                raise expired.cause from None
            end = oldest
            continue
        return


class _CursorExpired(Exception):  # noqa: N818 - never leaves this file
    def __init__(self, cause: BadRequest) -> None:
        super().__init__()
        self.cause = cause


def _scrolled(client: SecureClient, window: Window, filter_text: str | None, page_size: int) -> Iterator[Event]:
    shared = {"limit": str(page_size)} | ({"filter": filter_text} if filter_text else {})
    page = _page(client, {"from": str(window.start), "to": str(window.end), **shared})
    cursors: set[str] = set()
    empty = 0
    while True:
        for event in page.events:
            if event.timestamp < window.start:  # a cursor knows nothing of the window that it came from
                return
            yield event
        if not page.next:
            return
        empty = 0 if page.events else empty + 1
        if page.next in cursors:
            raise BrokenAnswer("Sysdig Secure's pages lead in a circle", where=EVENTS)
        if empty > MOST_EMPTY:
            raise BrokenAnswer(
                "Sysdig Secure's pages have no end",
                where=EVENTS,
                why=f"{empty} in a row have no event, and lead to a next one",
            )
        cursors.add(page.next)
        try:
            page = _page(client, {"cursor": page.next, **shared})
        except BadRequest as refused:
            raise _CursorExpired(refused) from None


@dataclass(frozen=True, slots=True)
class _Page:
    events: tuple[Event, ...]
    next: str | None


def _page(client: SecureClient, params: Mapping[str, str]) -> _Page:
    document = client.get(EVENTS, params, permission=READ_EVENTS)
    events = tuple(Event.of(one) for one in _list(document, "data", EVENTS))
    page = document.get("page")
    if not isinstance(page, dict):
        raise _lacks("page", document, EVENTS)
    return _Page(events, str(page["next"]) if page.get("next") else None)


def _list(document: Any, key: str, path: str) -> list[Any]:
    found = document.get(key) if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise _lacks(key, document, path)
    return found


def _lacks(key: str, document: Any, path: str) -> BrokenAnswer:
    has = (
        f"it has {', '.join(map(str, document)) or 'nothing'}" if isinstance(document, dict) else "it is no object"
    )
    return BrokenAnswer(
        f"Sysdig Secure's answer has no {key}",
        where=path,
        why=has,
        fix="run it again; where it stays so, check that the URL is Sysdig Secure's, and report it",
    )
