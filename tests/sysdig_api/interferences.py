"""What can go wrong between a client and Sysdig Secure."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import threading

Interference: TypeAlias = Callable[[Any, "threading.Event"], None]
"""Gets the request's handler (``http.server``), and what is set when the server stops."""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(status: int, document: Any) -> Answer:
    return Answer(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


def error_answer(status: int, kind: str, message: str, details: tuple[str, ...] = ()) -> Answer:
    """The schema ``Error`` of the API's description: ``type``, ``message``, ``details``."""
    return json_answer(status, {"type": kind, "message": message, "details": list(details)})


def answering(answer: Answer) -> Interference:
    def interfere(handler: Any, _: threading.Event) -> None:
        handler.say(answer)

    return interfere


def too_many_requests(retry_after: str | int | None) -> Interference:
    """429; None leaves the documented ``Retry-After`` out."""
    answer = error_answer(429, "too_many_requests", "Too many requests.")
    after = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return answering(Answer(429, answer.body, {**answer.headers, **after}))


def failing(status: int = 500) -> Interference:
    return answering(error_answer(status, "internal", "Internal server error."))


def login_page(status: int = 200) -> Interference:
    """What a wrong URL or a proxy that wants a log-in answers."""
    page = b"<!doctype html><html><head><title>Sign in to Example Proxy</title></head><body>...</body></html>"
    return answering(Answer(status, page, {"Content-Type": "text/html; charset=utf-8"}))


def saying(body: bytes, content_type: str = "application/json") -> Interference:
    """200 with a body of one's own: invalid JSON, missing keys."""
    return answering(Answer(200, body, {"Content-Type": content_type}))


def redirecting(location: str, status: int = 302) -> Interference:
    return answering(Answer(status, b"", {"Location": location}))


def slow(_: Any, stopping: threading.Event) -> None:
    """Never answer, until the server stops."""
    stopping.wait()


def reset(handler: Any, _: threading.Event) -> None:
    """Reset the connection instead of answering."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RD)
    handler.rfile.close()
    handler.wfile.close()
    handler.connection.close()


def cut_off(handler: Any, _: threading.Event) -> None:
    """Promise more bytes than are sent."""
    handler.say(Answer(200, b'{"data": [', {"Content-Type": "application/json"}), length=4096)
    handler.close_connection = True
