"""The registries' v2 API (https://github.com/opencontainers/distribution-spec/blob/main/spec.md), over oras.

oras sends the requests, answers challenges and exchanges tokens. Not used of it are its retries (they sleep for
seconds, for every exception, and hear neither Retry-After nor Ctrl-C), its reading of Docker's configuration (by
the process's environment; a failing helper counts as no credentials) and its grammar of references (without
``library/`` and ``localhost/``).
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from oras.provider import Registry

from fargate_guard.images.budget import MOST_ATTEMPTS
from fargate_guard.images.challenge import Challenge
from fargate_guard.images.errors import timed_out
from fargate_guard.images.manifest import LARGEST_ANSWER, MANIFEST_TYPES
from fargate_guard.images.plain_http import is_loopback, speaks_tls
from fargate_guard.images.reference import DIGEST, Reference
from fargate_guard.images.refusals import Refusal, broken_off, unreachable
from fargate_guard.images.session import Session, read_body
from fargate_guard.retry_delay import delay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.images.budget import Budget
    from fargate_guard.images.credentials import Credentials, Keyring
    from fargate_guard.images.errors import Problem


class Transport:
    """Connections of one batch, used again for the next image."""

    def __init__(self, keyring: Keyring) -> None:
        """Nothing is opened yet."""
        self._keyring = keyring
        self._idle: deque[Session] = deque()
        self._schemes: dict[str, str] = {}
        self._basic: dict[tuple[str, str | None], Credentials] = {}
        """By registry and secret: credentials that it wants with every request."""

    @contextlib.contextmanager
    def repository(
        self, reference: Reference, credentials_arn: str | None, budget: Budget
    ) -> Iterator[Repository]:
        """Lend the connection to an image's repository."""
        session = self._session()
        session.remaining = budget.remaining
        challenge = Challenge(
            reference.api_host,
            reference.repository,
            lambda: self._keyring.find(reference.host, credentials_arn, budget.remaining()),
        )
        challenge.use(session)
        known = self._basic.get((reference.api_host, credentials_arn))
        if known is not None:
            challenge.show_at_once(known)
        try:
            registry = _OneAttempt(reference.api_host, insecure=self._scheme(reference, budget) == "http")
            registry.session, registry.auth = session, challenge
            yield Repository(reference, registry, challenge, budget)
        finally:
            if challenge.basic is not None:
                self._basic[reference.api_host, credentials_arn] = challenge.basic
            self._idle.append(session)

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()

    def _session(self) -> Session:
        try:
            return self._idle.pop()
        except IndexError:
            return Session()

    def _scheme(self, reference: Reference, budget: Budget) -> str:
        """HTTPS everywhere; on this machine plain HTTP where nothing speaks HTTPS, as Docker does."""
        host = reference.api_host
        address = urlsplit(f"//{host}")
        if not is_loopback(address.hostname or ""):
            return "https"
        if host not in self._schemes:
            tls = speaks_tls(address.hostname or "", address.port or 443, budget.remaining())
            self._schemes[host] = "https" if tls else "http"
        return self._schemes[host]


class _OneAttempt(Registry):  # type: ignore[misc]
    do_request = inspect.unwrap(Registry.do_request)


class Repository:
    """What one registry says about one repository."""

    def __init__(self, reference: Reference, registry: Registry, challenge: Challenge, budget: Budget) -> None:
        """Made by :meth:`Transport.repository`."""
        self._reference = reference
        self._registry = registry
        self._challenge = challenge
        self._budget = budget
        self._path = f"{reference.api_host}/v2/{reference.repository}"

    def digest_of(self, tag: str) -> str | None:
        """Ask with one HEAD which manifest a tag names; None where only a GET tells.

        https://github.com/opencontainers/distribution-spec/blob/main/spec.md#checking-if-content-exists-in-the-registry
        """
        try:
            response, _ = self._ask("HEAD", f"{self._path}/manifests/{tag}", MANIFEST_TYPES)
        except Refusal as refusal:
            if refusal.temporary:
                raise self._problem(refusal) from None
            return None  # an answer to HEAD has no body, so that it does not say why
        digest = response.headers.get("Docker-Content-Digest") or ""
        return digest if DIGEST.fullmatch(digest) else None

    def manifest(self, tag_or_digest: str) -> tuple[bytes, str]:
        """Fetch a manifest or a list of them, and its media type."""
        response, body = self._fetch(f"{self._path}/manifests/{tag_or_digest}", MANIFEST_TYPES)
        return body, response.headers.get("Content-Type", "").partition(";")[0].strip()

    def blob(self, digest: str) -> bytes:
        """Fetch a blob; redirects to blob storage carry no credentials."""
        return self._fetch(f"{self._path}/blobs/{digest}", ("*/*",))[1]

    def _fetch(self, path: str, accept: tuple[str, ...]) -> tuple[requests.Response, bytes]:
        try:
            return self._ask("GET", path, accept)
        except Refusal as refusal:
            raise self._problem(refusal) from None

    def _problem(self, refusal: Refusal) -> Problem:
        return refusal.problem(self._reference.host, self._challenge.credentials)

    def _ask(self, method: str, path: str, accept: tuple[str, ...]) -> tuple[requests.Response, bytes]:
        send = functools.partial(self._send, method, f"{self._registry.prefix}://{path}", ", ".join(accept))
        attempt = 0
        while True:
            attempt += 1
            try:
                return send()
            except Refusal as refusal:
                if not refusal.temporary or attempt == MOST_ATTEMPTS:
                    raise
                seconds = delay(attempt, refusal.retry_after, self._budget.clock.wall())
                if seconds >= self._budget.remaining():
                    raise self._waiting_too_long(refusal, seconds) from None
            except requests.RequestException as error:
                if not broken_off(error) or attempt == MOST_ATTEMPTS:
                    raise unreachable(error, self._reference.host, self._budget.seconds) from None
                seconds = delay(attempt, None, 0)
                if seconds >= self._budget.remaining():
                    raise timed_out(self._reference.host, self._budget.seconds) from None
            self._budget.wait(seconds)

    def _send(self, method: str, url: str, accept: str) -> tuple[requests.Response, bytes]:
        response = self._registry.do_request(url, method, headers={"Accept": accept}, stream=True)
        with response:
            if response.status_code >= requests.codes.bad_request:
                raise Refusal.of(response, read_body(response, LARGEST_ANSWER))
            return response, read_body(response, LARGEST_ANSWER)

    def _waiting_too_long(self, refusal: Refusal, seconds: float) -> Problem:
        problem = self._problem(refusal)
        problem.why += (
            f"; the next attempt, in {seconds:.0f} s, would be after the {self._budget.seconds:g} s allowed"
        )
        return problem
