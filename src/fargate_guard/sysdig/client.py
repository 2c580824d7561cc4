"""The client of Sysdig Secure's API: one address, one token, JSON in and out.

https://docs.sysdig.com/en/docs/developer-tools/sysdig-rest-api-conventions/
"""

from __future__ import annotations

import itertools
import time
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from fargate_guard.retry_delay import delay
from fargate_guard.sysdig.errors import Overloaded, Unreachable
from fargate_guard.sysdig.refusals import UNAUTHORIZED, document_of, refusal
from fargate_guard.sysdig.retrying import ATTEMPTS, LONGEST_WAIT, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeAlias

    from fargate_guard.sysdig.address import Address
    from fargate_guard.sysdig.refusals import Reply
    from fargate_guard.sysdig.session import Session
    from fargate_guard.sysdig.token import Token
    from fargate_guard.sysdig.transport import Transport

Json: TypeAlias = Any

_FIRST_ANSWER_ATTEMPTS, _FIRST_ANSWER_SECONDS = 2, 5.0
"""Until Sysdig has answered once, the address may be wrong, which is told soon: a time-out is not tried again."""
_BEGIN_OF_FAILURE = 300
_NOTICED = 2.0
"""Seconds; the ``Date`` header counts in whole ones."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, passed in."""

    wall: Callable[[], float] = time.time
    """Seconds since 1970."""
    sleep: Callable[[float], None] = time.sleep


class SecureClient:
    """Asks Sysdig Secure. A GET is tried again after 429, 5xx and a broken connection; nothing else ever is.

    After 401, which says that nothing was done (https://www.rfc-editor.org/rfc/rfc9110#name-401-unauthorized), any
    request is sent once more where there is another token by now.
    """

    def __init__(
        self,
        address: Address,
        token: Token,
        transport: Transport,
        *,
        clock: Clock | None = None,
        waiting: Callable[[float, str], None] | None = None,
        renewed: Callable[[], Token] | None = None,
    ) -> None:
        """Send nothing yet.

        :param renewed: reads the token once more, when Sysdig does not accept the one that it took before; others
            may have put a new one in its place. None: the token stays what it is.
        :param waiting: hears before every wait how many seconds it takes, and why.
        """
        self.address = address
        self.token = token
        self.clock = clock or Clock()
        self.per_minute: int | None = None
        """How many requests are allowed in a minute (``X-RateLimit-Limit``); None until an answer said so."""
        self._transport = transport
        self._waiting = waiting or (lambda _seconds, _why: None)
        self._renewed = renewed
        self._quiet = False
        self._until: int | None = None
        self._ahead: float | None = None
        self._made: Session | None = None

    def now(self) -> int:
        """Return Sysdig's time in nanoseconds since 1970: this machine's, corrected by what answers say."""
        return int((self.clock.wall() + (self._ahead or 0.0)) * 1e9)

    @contextmanager
    def quietly(self, until: int | None = None) -> Iterator[None]:
        """Tell nobody of waits meanwhile, and begin none that would last longer than until a time.

        :param until: nanoseconds since 1970, by Sysdig's clock; None: as always.
        """
        before = self._quiet, self._until
        self._quiet, self._until = True, until
        try:
            yield
        finally:
            self._quiet, self._until = before

    def get(self, path: str, params: Mapping[str, str] | None = None, *, permission: str) -> Json:
        """Return the JSON document at ``path``.

        :param permission: what Sysdig wants for it, for the error text.
        :raises SysdigError: or another :class:`FguardError` that says what to do.
        """
        began = self.clock.wall()
        for attempt in itertools.count(1):
            try:
                reply = self._exchange("GET", path, params, None)
            except Unreachable as error:
                seconds = delay(attempt, None, self.clock.wall())
                lasts = not error.temporary or attempt >= self._attempts(self.clock.wall() - began)
                if lasts or not self._has_time_for(seconds):
                    raise
                self._wait(seconds, error.message)
                continue
            if reply.status < _BEGIN_OF_FAILURE:
                return document_of(reply, self.address)
            refused = refusal(reply, self.address, permission, self.token.source)
            seconds = delay(attempt, reply.headers.get("Retry-After"), self.clock.wall())
            if isinstance(refused, Overloaded):
                refused.seconds = seconds
            if not (reply.is_temporary and attempt < ATTEMPTS and seconds <= LONGEST_WAIT):
                raise refused
            if not self._has_time_for(seconds):
                raise refused
            self._wait(seconds, refused.message)
        return None

    def change(
        self,
        method: str,
        path: str,
        body: Json = None,
        params: Mapping[str, str] | None = None,
        *,
        permission: str,
    ) -> Json:
        """Send a POST, PUT, PATCH or DELETE once and return the JSON of the answer, None where it has none."""
        reply = self._exchange(method, path, params, body)
        if reply.status >= _BEGIN_OF_FAILURE:
            raise refusal(reply, self.address, permission, self.token.source)
        return document_of(reply, self.address)

    def _has_another_token(self) -> bool:
        found = self.token if self._renewed is None else self._renewed()
        if found.value == self.token.value:
            return False
        self.token, self._made = found, None
        return True

    def _attempts(self, passed: float) -> int:
        if self._ahead is not None:
            return ATTEMPTS
        return 1 if passed > _FIRST_ANSWER_SECONDS else _FIRST_ANSWER_ATTEMPTS

    def _has_time_for(self, seconds: float) -> bool:
        return self._until is None or self.now() + seconds * 1e9 <= self._until

    def _wait(self, seconds: float, why: str) -> None:
        if not self._quiet:
            self._waiting(seconds, why)
        self.clock.sleep(seconds)

    def _exchange(self, method: str, path: str, params: Mapping[str, str] | None, body: Json) -> Reply:
        reply = self._sent(method, path, params, body)
        if reply.status == UNAUTHORIZED and self._has_another_token():
            reply = self._sent(method, path, params, body)
        return reply

    def _sent(self, method: str, path: str, params: Mapping[str, str] | None, body: Json) -> Reply:
        from fargate_guard.sysdig.unreachable import no_answer

        try:
            reply = self._session().send(method, path, params, body)
        except OSError as error:
            raise no_answer(error, self.address, self._transport) from error
        self._notice(reply)
        return reply

    def _session(self) -> Session:
        if self._made is None:
            from fargate_guard.sysdig.session import Session

            self._made = Session(self.address, self.token, self._transport)
        return self._made

    def _notice(self, reply: Reply) -> None:
        allowed = whole_number(reply.headers.get("X-RateLimit-Limit"))
        if allowed:
            self.per_minute = allowed
        if self._ahead is None:
            self._ahead = _ahead(reply.headers.get("Date"), self.clock.wall())


def _ahead(date: str | None, wall: float) -> float:
    """Return how many seconds Sysdig's clock is ahead; 0 where that may be the network's delay."""
    try:
        ahead = parsedate_to_datetime(date or "").timestamp() - wall
    except (ValueError, OverflowError):
        return 0.0
    return ahead if abs(ahead) > _NOTICED else 0.0
