"""Sysdig Secure's HTTP API on loopback, as strict as its description: what is not documented is refused.

Written from the published description of the API alone, never from the client that it tests. ``SecureApi`` has the
machinery (tokens, permissions, parameters, rate limit, interferences); routes are added by other files, see
``events_routes.py``::

    with SecureApi() as api:
        api.add(events_routes(store))
        api.interfere(too_many_requests(retry_after=1))
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.sysdig_api.interferences import Answer, Interference, error_answer, json_answer

if TYPE_CHECKING:
    import ssl

READER = "token-of-a-reader"
"""May read events, policies and rules."""
STRANGER = "token-without-permissions"
PER_MINUTE = 6000
"""Requests allowed per minute, unless a test says less."""


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    at: float
    """``time.time()`` when it arrived."""

    def parameters(self) -> dict[str, str]:
        return dict(self.query)


class Refused(Exception):  # noqa: N818 - an answer, not a mistake
    """A request that is answered with an error of the documented shape."""

    def __init__(self, status: int, kind: str, message: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.answer = error_answer(status, kind, message, details)


Handler: TypeAlias = Callable[[Asked, Mapping[str, str]], Any]
"""Gets the request and the parts of its path; returns the JSON document, or an Answer."""


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    """``/secure/events/v1/events/{eventId}``; a part in braces takes one segment."""
    handler: Handler
    permission: str
    parameters: frozenset[str] = frozenset()
    """The documented query parameters; any other is refused."""
    repeatable: frozenset[str] = frozenset()

    def match(self, path: str) -> dict[str, str] | None:
        given, own = path.split("/"), self.path.split("/")
        if len(given) != len(own):
            return None
        pairs = list(zip(own, given, strict=True))
        if any(not mine.startswith("{") and mine != theirs for mine, theirs in pairs):
            return None
        return {mine.strip("{}"): unquote(theirs) for mine, theirs in pairs if mine.startswith("{")}


@dataclass
class _Plan:
    interference: Interference
    times: int
    path: str


@dataclass
class _State:
    routes: list[Route] = field(default_factory=list)
    plans: deque[_Plan] = field(default_factory=deque)
    arrivals: deque[float] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)


class SecureApi:
    """A server; ``with`` starts and stops it."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        reads = frozenset({"policy-events.read", "policies.read", "falco-rules.read"})
        self.tokens: dict[str, frozenset[str]] = {READER: reads, STRANGER: frozenset()}
        """Each token with its permissions."""
        self.per_minute = PER_MINUTE
        self.wall: Callable[[], float] = time.time
        """The clock of the server's ``Date``: a test whose own stands still gives it to the server, too."""
        self.clock_ahead = 0.0
        """Seconds that the server's ``Date`` is ahead of it."""
        self.stopping = threading.Event()
        self._state = _State()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._scheme = "http"
        if tls:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """What a client is told instead of a region's URL."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[Asked]:
        """Every request so far."""
        with self._lock:
            return list(self._state.asked)

    def add(self, routes: Iterable[Route]) -> None:
        """Serve more of the API."""
        self._state.routes += routes

    def interfere(self, interference: Interference, *, times: int = 1, path: str = "/") -> None:
        """Answer the next requests below ``path`` in another way than documented for all being well."""
        with self._lock:
            self._state.plans.append(_Plan(interference, times, path))

    def forget(self) -> None:
        """Forget what was asked and what was still to go wrong."""
        with self._lock:
            self._state.plans.clear()
            self._state.asked.clear()
            self._state.arrivals.clear()

    def __enter__(self) -> SecureApi:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, asked: Asked) -> Answer | Interference:
        """Return the answer to a request, or what is to happen to it instead."""
        with self._lock:
            self._state.asked.append(asked)
            planned = self._planned(asked.path)
            waiting = self._too_many(asked.at)
        if planned is not None:
            return planned
        try:
            if waiting is not None:
                return self._limited(waiting)
            return self._routed(asked)
        except Refused as refused:
            return refused.answer

    def headers(self) -> dict[str, str]:
        """Return what the description says every answer carries."""
        return {"X-RateLimit-Limit": str(self.per_minute)}

    def _planned(self, path: str) -> Interference | None:
        for plan in self._state.plans:
            if path.startswith(plan.path):
                plan.times -= 1
                if plan.times <= 0:
                    self._state.plans.remove(plan)
                return plan.interference
        return None

    def _too_many(self, now: float) -> float | None:
        arrivals = self._state.arrivals
        while arrivals and arrivals[0] <= now - 60:
            arrivals.popleft()
        if len(arrivals) >= self.per_minute:
            return arrivals[0] + 60 - now
        arrivals.append(now)
        return None

    def _limited(self, seconds: float) -> Answer:
        limited = error_answer(429, "too_many_requests", "Too many requests.")
        return Answer(limited.status, limited.body, {**limited.headers, "Retry-After": str(int(seconds) + 1)})

    def _routed(self, asked: Asked) -> Answer:
        permissions = self._permissions(asked)
        found_routes = [route for route in self._state.routes if route.match(asked.path) is not None]
        if not found_routes:
            raise Refused(404, "not_found", "Not found.")
        route = next((one for one in found_routes if one.method == asked.method), None)
        if route is None:
            raise Refused(405, "method_not_allowed", "Method not allowed.")
        if route.permission not in permissions:
            raise Refused(403, "forbidden", "Not enough privileges to complete the action.")
        _check_parameters(route, asked)
        found = route.handler(asked, route.match(asked.path) or {})
        return found if isinstance(found, Answer) else json_answer(200, found)

    def _permissions(self, asked: Asked) -> frozenset[str]:
        scheme, _, token = asked.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            raise Refused(401, "unauthorized", "Access denied.")
        return self.tokens[token]


def _check_parameters(route: Route, asked: Asked) -> None:
    seen = set()
    for name, value in asked.query:
        if name not in route.parameters:
            raise Refused(400, "bad_request", f"unknown query parameter {name}")
        if name in seen and name not in route.repeatable:
            raise Refused(400, "bad_request", f"{name} is given twice")
        if not value:
            raise Refused(400, "bad_request", f"{name} is empty")
        seen.add(name)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up, or do not trust the certificate, are part of the tests."""


def _handler(api: SecureApi) -> type[BaseHTTPRequestHandler]:
    class _Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def serve(self) -> None:
            split = urlsplit(self.path)
            asked = Asked(
                self.command,
                split.path,
                tuple(parse_qsl(split.query, keep_blank_values=True)),
                dict(self.headers.items()),
                self.rfile.read(int(self.headers.get("Content-Length") or 0)),
                time.time(),
            )
            found = api.answer(asked)
            if isinstance(found, Answer):
                self.say(found)
            else:
                found(self, api.stopping)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = serve  # noqa: N815 - http.server calls them so

        def say(self, answer: Answer, *, length: int | None = None) -> None:
            """Send an answer; ``length`` promises another number of bytes than there are."""
            self.send_response(answer.status)
            for name, value in {**api.headers(), **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body) if length is None else length))
            self.end_headers()
            self.wfile.write(answer.body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string((timestamp or api.wall()) + api.clock_ahead)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Tests look at ``asked``."""

    return _Requests


def document_of(asked: Asked) -> Any:
    """Return a request's JSON body; for routes that take one."""
    try:
        return json.loads(asked.body)
    except ValueError:
        raise Refused(400, "bad_request", "the body is not JSON") from None
