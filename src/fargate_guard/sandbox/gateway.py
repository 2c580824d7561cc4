"""The sandbox's front door: time, faults and moto, one request after the other."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import UsageError
from fargate_guard.sandbox.answers import Answer, Answers
from fargate_guard.sandbox.faults import Fault, Faults
from fargate_guard.sandbox.loopback import LOOPBACK
from fargate_guard.sandbox.throttling import TokenBuckets
from fargate_guard.sandbox.wire import Call, error_response, parse_call, read_body

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    Environ = dict[str, Any]
    StartResponse = Callable[..., Any]
    Application = Callable[[Environ, StartResponse], Iterable[bytes]]

CONTROL = "/_fguard/"
IAM_PREFIXES = {"tagging": "tag"}
"""Where IAM names a service differently than its endpoint."""
MOTO_FAILURES = (NotImplementedError, AttributeError, LookupError, TypeError, ValueError)
"""With these moto ends when a call, or something in it, is beyond it. A plain 500 would be retried by the SDKs
for many minutes; 501 is reported at once."""
OWN_HOSTS = (LOOPBACK, "localhost")
STATUSES = {
    400: "400 Bad Request",
    403: "403 Forbidden",
    500: "500 Internal Server Error",
    501: "501 Not Implemented",
}


class Gateway:
    """A WSGI application around moto's.

    moto's backends are plain dictionaries and the scheduler changes several of them at once, so requests are
    answered one at a time. Whoever asks first brings the account up to date.
    """

    def __init__(
        self,
        application: Application,
        faults: Faults,
        *,
        lock: threading.RLock,
        advance: Callable[[], None],
        report: Callable[[], dict[str, Any]],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        """Wrap moto's application.

        :param lock: held while the account is looked at or changed.
        :param advance: brings the account up to date.
        :param report: what ``GET /_fguard/status`` answers.
        """
        self._lock = lock
        self.calls: set[str] = set()
        """Every call so far, as IAM names its permission: ``ecs:CreateService``."""
        self._application = application
        self._faults = faults
        self._advance = advance
        self._report = report
        self._clock = clock
        self._sleep = sleep
        self._buckets = TokenBuckets()
        self._answers = Answers()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if _from_a_web_page(environ):
            return _json(start_response, STATUSES[403], {"error": "Web pages cannot use the sandbox."})
        body = read_body(environ)
        if environ.get("PATH_INFO", "").startswith(CONTROL):
            with self._lock:
                return self._control(environ, body, start_response)
        call = parse_call(environ, body)
        self.calls.add(f"{IAM_PREFIXES.get(call.service, call.service)}:{call.action}")
        with self._lock:
            delay = self._faults.latency(call.service, call.action)
        if delay:
            self._sleep(delay)
        with self._lock:
            answer = self._answers.again(environ)
            if answer is not None:
                start_response(answer.status, answer.headers)
                return answer.body
            refusal = self._refusal(call, start_response)
            if refusal is not None:
                return refusal
            self._advance()
            try:
                return self._carry_out(environ, start_response)
            except MOTO_FAILURES as error:
                return _unsupported(call, error, start_response)

    def _carry_out(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        """Let moto answer, and remember it for an attempt that comes because the answer was lost."""
        begun: list[tuple[str, list[tuple[str, str]]]] = []

        def begin(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            begun.append((status, headers))
            return start_response(status, headers, *error)

        body = list(self._application(environ, begin))
        status, headers = begun[-1]
        self._answers.remember(environ, Answer(status, headers, body))
        return body

    def answer_in_process(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        """Answer a call that CloudFormation makes for a stack while the lock is held; time stands still."""
        call = parse_call(environ, read_body(environ))
        fault = self._faults.api_error(call.service, call.action)
        if fault is not None:
            return _error(call, fault.code, fault.message, fault.status, start_response)
        try:
            return list(self._application(environ, start_response))
        except MOTO_FAILURES as error:
            return _unsupported(call, error, start_response)

    def _refusal(self, call: Call, start_response: StartResponse) -> list[bytes] | None:
        """Answer with the error that a fault asks for."""
        fault = self._faults.api_error(call.service, call.action)
        if fault is not None:
            return _error(call, fault.code, fault.message, fault.status, start_response)
        if call.service != "ecs" or not self._faults.throttles(call.service, call.action):
            return None
        if self._buckets.take(call.region, call.action, self._clock()):
            return None
        return _error(call, "ThrottlingException", "Rate exceeded", 400, start_response)

    def _control(self, environ: Environ, body: bytes, start_response: StartResponse) -> list[bytes]:
        """``/_fguard/status`` and ``/_fguard/faults[/ID]``: for fguard itself and for tests elsewhere."""
        path = environ["PATH_INFO"].removeprefix(CONTROL).strip("/")
        method = environ["REQUEST_METHOD"]
        try:
            document = self._control_answer(method, path, body)
        except (UsageError, json.JSONDecodeError) as error:
            return _json(start_response, "400 Bad Request", {"error": str(error)})
        if document is None:
            return _json(start_response, "404 Not Found", {"error": f"There is no {method} {CONTROL}{path}."})
        return _json(start_response, "200 OK", document)

    def _control_answer(self, method: str, path: str, body: bytes) -> dict[str, Any] | None:
        if (method, path) == ("GET", "status"):
            self._advance()
            return self._report()
        if (method, path) == ("GET", "faults"):
            return {"faults": self._faults.to_json()}
        if (method, path) == ("POST", "faults"):
            return {"id": self._faults.add(Fault.from_json(json.loads(body)))}
        if (method, path) == ("DELETE", "faults"):
            self._faults.clear()
            return {}
        if method == "DELETE" and path.startswith("faults/"):
            self._faults.remove(path.removeprefix("faults/"))
            return {}
        return None


def _from_a_web_page(environ: Environ) -> bool:
    """Whether a browser asks for a page from elsewhere, directly or by a name that resolves to loopback.

    A key deployed to the sandbox for a try may be a real one.
    """
    host = environ.get("HTTP_HOST", "").rsplit(":", 1)[0]
    return "HTTP_ORIGIN" in environ or host not in OWN_HOSTS


def _error(call: Call, code: str, message: str, status: int, start_response: StartResponse) -> list[bytes]:
    request_id = str(uuid.uuid4())
    content_type, document = error_response(call, code=code, message=message, request_id=request_id)
    headers = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(document))),
        ("x-amzn-RequestId", request_id),
    ]
    start_response(STATUSES.get(status, f"{status} Error"), headers)
    return [document]


def _unsupported(call: Call, error: Exception, start_response: StartResponse) -> list[bytes]:
    """Say which call the sandbox cannot answer, and why."""
    what = f"{call.service}:{call.action}" if call.action else call.service
    why = "" if isinstance(error, NotImplementedError) else f" ({type(error).__name__}: {error})"
    message = f"The fguard sandbox does not support this use of {what}{why}. It works on AWS."
    return _error(call, "NotSupportedBySandbox", message, 501, start_response)


def _json(start_response: StartResponse, status: str, document: dict[str, Any]) -> list[bytes]:
    body = json.dumps(document).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
