"""The v2 API of image registries, with the standard library alone.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from fargate_guard import __version__
from fargate_guard.images.budget import MOST_ATTEMPTS
from fargate_guard.images.credentials import Credentials, Keyring
from fargate_guard.images.errors import Problem, timed_out
from fargate_guard.images.manifest import LARGEST_ANSWER, MANIFEST_TYPES
from fargate_guard.images.plain_http import is_loopback, speaks_tls
from fargate_guard.images.reference import DIGEST
from fargate_guard.retry_delay import delay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fargate_guard.images.budget import Budget
    from fargate_guard.images.options import Options
    from fargate_guard.images.reference import Reference

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY, _SERVER_FAULT = 401, 403, 404, 429, 500
_LONGEST_WAIT = 10.0
"""Seconds for one answer."""
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_SCHEME = re.compile(r"\b(bearer|basic)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """A header; empty where there is none."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")


class _NoCredentialsElsewhere(HTTPRedirectHandler):
    """Blob storage gets no credentials, and nothing is asked without encryption but this machine."""

    max_redirections = 5

    def redirect_request(
        self, req: Request, fp: object, code: int, msg: str, headers: object, newurl: str
    ) -> Request | None:
        new = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        if new is not None:
            _check_encrypted(new.full_url)
            if urlsplit(new.full_url).netloc != urlsplit(req.full_url).netloc:
                new.remove_header("Authorization")
        return new


class Registries:
    """The way to any registry."""

    def __init__(self, options: Options) -> None:
        """Nothing is asked yet."""
        self._keyring = Keyring(options)

    @contextlib.contextmanager
    def repository(
        self, reference: Reference, credentials_arn: str | None, budget: Budget
    ) -> Iterator[RemoteRepository]:
        """Lend the way to an image's repository."""
        address = urlsplit(f"//{reference.api_host}")
        plain = is_loopback(address.hostname or "") and not speaks_tls(
            address.hostname or "", address.port or 443, budget.remaining()
        )
        yield RemoteRepository(
            reference,
            f"{'http' if plain else 'https'}://{reference.api_host}/v2/{reference.repository}",
            lambda: self._keyring.find(reference.host, credentials_arn, budget.remaining()),
            budget,
        )

    def close(self) -> None:
        """Nothing stays open."""


class RemoteRepository:
    """What one registry says about one repository."""

    def __init__(
        self, reference: Reference, base: str, credentials: Callable[[], Credentials | None], budget: Budget
    ) -> None:
        """Made by :class:`Registries`."""
        self._reference, self._base, self._budget = reference, base, budget
        self._credentials = credentials
        self._used: Credentials | None = None
        self._authorization: str | None = None

    def digest_of(self, tag: str) -> str | None:
        """Ask with one HEAD which manifest a tag names; None where only a GET tells."""
        answer = self._ask("HEAD", f"{self._base}/manifests/{tag}", MANIFEST_TYPES)
        digest = answer.header("Docker-Content-Digest")
        return digest if answer.status < http.client.BAD_REQUEST and DIGEST.fullmatch(digest) else None

    def manifest(self, tag_or_digest: str) -> tuple[bytes, str]:
        """Fetch a manifest or a list of them, and its media type."""
        answer = self._fetch(f"{self._base}/manifests/{tag_or_digest}", MANIFEST_TYPES)
        return answer.body, answer.header("Content-Type").partition(";")[0].strip()

    def blob(self, digest: str) -> bytes:
        """Fetch a blob."""
        return self._fetch(f"{self._base}/blobs/{digest}", ("*/*",)).body

    def _fetch(self, url: str, accept: tuple[str, ...]) -> Answer:
        answer = self._ask("GET", url, accept)
        if answer.status >= http.client.BAD_REQUEST:
            raise self._problem(answer)
        return answer

    def _ask(self, method: str, url: str, accept: tuple[str, ...]) -> Answer:
        """Ask, answer a challenge once, and ask again what is temporary."""
        attempt = 0
        while True:
            attempt += 1
            headers = {"Accept": ", ".join(accept)}
            if self._authorization:
                headers["Authorization"] = self._authorization
            answer = self._send(method, url, headers)
            if answer.status == _UNAUTHORIZED and self._authorization is None:
                self._authorization = self._answered(answer)
                if self._authorization:
                    continue
            if not _is_temporary(answer.status) or attempt >= MOST_ATTEMPTS:
                return answer
            seconds = delay(attempt, answer.header("Retry-After"), self._budget.clock.wall())
            if seconds >= self._budget.remaining():
                return answer
            self._budget.wait(seconds)

    def _answered(self, answer: Answer) -> str | None:
        """The ``Authorization`` that a challenge asks for; None where it cannot be answered."""
        challenge = answer.header("WWW-Authenticate")
        scheme = _SCHEME.search(challenge)
        self._used = self._credentials()
        basic = _basic(self._used) if self._used else None
        if scheme is None or scheme[1].lower() == "basic":
            return basic if scheme else None
        question = dict(_PARAMETER.findall(challenge))
        realm = question.get("realm", "")
        _check_encrypted(realm)
        scope = question.get("scope") or f"repository:{self._reference.repository}:pull"
        query = urlencode({"service": question.get("service", ""), "scope": scope})
        given = self._send(
            "GET", f"{realm}{'&' if '?' in realm else '?'}{query}", {"Authorization": basic} if basic else {}
        )
        if given.status >= http.client.BAD_REQUEST:
            raise self._problem(given)
        token = _token(given.body)
        if token is None:
            raise Problem(
                "the registry cannot be asked", why=f"its token server {urlsplit(realm).hostname} gave no token"
            )
        return f"Bearer {token}"

    def _send(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        remaining = self._budget.remaining()
        if remaining <= 0:
            raise timed_out(self._reference.host, self._budget.seconds)
        request = Request(  # noqa: S310 - https, or http to this machine: _check_encrypted
            url, method=method, headers={**headers, "User-Agent": f"fargate-guard/{__version__}"}
        )
        try:
            with _opener(url).open(request, timeout=min(remaining, _LONGEST_WAIT)) as response:
                return Answer(response.status, dict(response.headers), self._read(response))
        except HTTPError as refused:
            with refused:
                return Answer(refused.code, dict(refused.headers), refused.read(LARGEST_ANSWER))
        except (URLError, OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        body = bytearray()
        while chunk := response.read(64 * 1024):
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise Problem(
                    "the registry's answer is too large", why=f"more than {LARGEST_ANSWER} bytes from {self._base}"
                )
            if self._budget.remaining() <= 0:
                raise timed_out(self._reference.host, self._budget.seconds)
        return bytes(body)

    def _problem(self, answer: Answer) -> Problem:
        host, status = self._reference.host, answer.status
        messages = {
            _UNAUTHORIZED: "the registry wants other credentials, or has no such image",
            _FORBIDDEN: "the registry wants other credentials, or has no such image",
            _NOT_FOUND: "the registry has no such image",
            _TOO_MANY: "the registry answers no more requests for now",
        }
        default = "the registry fails" if status >= _SERVER_FAULT else "the registry refuses the request"
        why = f"{host}: HTTP {status} {http.client.responses.get(status, '')}".strip()
        return Problem(messages.get(status, default), why=why, status=status)

    def _unreachable(self, error: Exception) -> Problem:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, TimeoutError):
            return timed_out(self._reference.host, self._budget.seconds)
        said = reason.verify_message if isinstance(reason, ssl.SSLCertVerificationError) else None
        said = said or getattr(reason, "strerror", None) or type(reason).__name__
        return Problem("the registry cannot be reached", why=f"{self._reference.host}: {said}")


def _opener(url: str) -> OpenerDirector:
    local = is_loopback(urlsplit(url).hostname or "")
    return build_opener(_NoCredentialsElsewhere, *([ProxyHandler({})] if local else []))


def _check_encrypted(url: str) -> None:
    """Only this machine is asked without encryption."""
    asked = urlsplit(url)
    if asked.scheme != "https" and not (asked.scheme == "http" and is_loopback(asked.hostname or "")):
        raise Problem(
            "the registry cannot be asked", why=f"it leads to {asked.hostname or 'nowhere'} without encryption"
        )


def _is_temporary(status: int) -> bool:
    return status == _TOO_MANY or status >= _SERVER_FAULT


def _basic(credentials: Credentials) -> str:
    return "Basic " + base64.b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()


def _token(body: bytes) -> str | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    token = (document.get("token") or document.get("access_token")) if isinstance(document, dict) else None
    return token if isinstance(token, str) and token.isprintable() and token.isascii() else None
