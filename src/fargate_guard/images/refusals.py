"""What registries and networks say instead of an answer, in words that help."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from fargate_guard.images.credentials import ecr_registry
from fargate_guard.images.errors import Problem, timed_out
from fargate_guard.images.reference import DOCKER_HUB

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fargate_guard.images.credentials import Credentials

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TOO_MANY = 401, 403, 404, 429
_SERVER_FAULT = 500
_LONGEST = 300
_TUNNEL_FAILED = "Tunnel connection failed: "
_ECR_ACTIONS = "ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer"
_BROKEN_OFF = (
    ConnectionResetError,
    BrokenPipeError,
    http.client.HTTPException,
    requests.exceptions.ChunkedEncodingError,
)


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """An HTTP status of 400 or more, from the registry or from its token server."""

    status: int
    host: str
    """Who refused."""
    code: str
    """The registry's own code, for example ``MANIFEST_UNKNOWN``."""
    message: str
    retry_after: str | None

    @classmethod
    def of(cls, response: requests.Response, body: bytes) -> Refusal:
        """Read an answer.

        https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
        """
        code, message = _first_error(body)
        host = urlsplit(str(response.url)).netloc.rpartition("@")[2]
        return cls(response.status_code, host, code, message, response.headers.get("Retry-After"))

    @property
    def temporary(self) -> bool:
        """Whether it is worth asking again."""
        return self.status == TOO_MANY or self.status >= _SERVER_FAULT

    @property
    def says(self) -> str:
        """Status, code and message in one line."""
        reason = http.client.responses.get(self.status, "")
        says = " ".join(part for part in (f"HTTP {self.status}", self.code or reason) if part)
        return f"{self.host}: {says}" + (f": {self.message}" if self.message else "")

    def problem(self, host: str, credentials: Credentials | None) -> Problem:
        """Return what a user should know.

        :param host: of the registry, as in the reference.
        """
        if self.status in (UNAUTHORIZED, FORBIDDEN):
            message, fix = _access(host, credentials)
        elif self.status == NOT_FOUND:
            message, fix = "the registry has no such image", "correct the name or the tag, or push the image"
        elif self.status == TOO_MANY:
            message = "the registry answers no more requests for now"
            fix = f"run it again later, or with a higher limit: {_log_in(host)}"
        elif self.temporary:
            message, fix = "the registry fails", "run it again later"
        else:
            message, fix = "the registry refuses the request", f"check that {host} is a registry"
        why = credentials.hidden_in(self.says) if credentials else self.says
        return Problem(message, why=why, fix=fix, code=self.code, status=self.status)


def _access(host: str, credentials: Credentials | None) -> tuple[str, str]:
    if ecr_registry(host) and credentials:
        return (
            f"ECR refuses {credentials.origin}",
            f"allow {_ECR_ACTIONS} (for another account's registry, in the repository's policy, too)",
        )
    if credentials is None:
        return "the registry wants credentials, or has no such image", _log_in(host)
    if credentials.origin.startswith("repositoryCredentials"):
        return f"the registry refuses the credentials of {credentials.origin}", "put working ones into the secret"
    return f"the registry refuses the credentials of {credentials.origin}", _log_in(host)


def _log_in(host: str) -> str:
    return "docker login" if host == DOCKER_HUB else f"docker login {host}"


def _first_error(body: bytes) -> tuple[str, str]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    errors = document.get("errors") if isinstance(document, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else document
    if not isinstance(first, dict):
        return "", ""
    message = first.get("message") or first.get("details") or first.get("error_description") or ""
    return _plain(first.get("code")), _plain(message)


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_LONGEST]


def broken_off(error: Exception) -> bool:
    """Whether a connection broke in the middle, so that another attempt may help."""
    if isinstance(error, (requests.exceptions.SSLError, requests.Timeout, requests.exceptions.ProxyError)):
        return False
    return any(isinstance(cause, _BROKEN_OFF) for cause in _causes(error))


def unreachable(error: requests.RequestException, host: str, seconds: float) -> Problem:
    """Return what a user should know when nobody answered; URLs are left out, since signed ones are secrets."""
    asked = urlsplit(str(error.request.url)).hostname if error.request is not None else None
    asked = asked or host
    causes = list(_causes(error))
    network = "check the network and the proxy (HTTPS_PROXY, NO_PROXY)"
    if isinstance(error, requests.exceptions.ProxyError):
        return _no_way_through_proxy(error, causes, asked)
    if isinstance(error, requests.Timeout) or any(isinstance(cause, TimeoutError) for cause in causes):
        return timed_out(host, seconds)
    if isinstance(error, requests.exceptions.TooManyRedirects):
        return Problem("the registry cannot be asked", why=f"{asked} redirects in a circle", fix=network)
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            why = f"the name {asked} cannot be resolved (DNS: {cause.strerror})"
            return Problem("the registry cannot be reached", why=why, fix=f"correct the name; {network}")
        if isinstance(cause, ssl.SSLError):
            said = getattr(cause, "verify_message", "") or cause.reason or "handshake failed"
            return Problem(
                "there is no trusted connection to the registry",
                why=f"TLS to {asked}: {said}",
                fix="name the file of your own certificate authority in REQUESTS_CA_BUNDLE",
            )
    why = f"{asked}: {_fault(causes) or type(error).__name__}"
    return Problem("the registry cannot be reached", why=why, fix=network)


def _no_way_through_proxy(
    error: requests.exceptions.ProxyError, causes: Sequence[BaseException], asked: str
) -> Problem:
    """Tell the proxy's fault as the proxy's; its user and password are left out."""
    url = f"https://{asked}/"
    proxy = urlsplit(requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)) or "")
    address = proxy.netloc.rpartition("@")[2] or "the proxy"
    return Problem(
        "the registry cannot be reached through the proxy",
        why=f"{address}, asked for {asked}: {_fault(causes) or type(error).__name__}",
        fix=f"correct HTTPS_PROXY, or go past the proxy: NO_PROXY={asked}",
    )


def _fault(causes: Sequence[BaseException]) -> str | None:
    """The plainest word for what happened to a connection."""
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return f"the name cannot be resolved (DNS: {cause.strerror})"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        if type(cause) is OSError and str(cause).startswith(_TUNNEL_FAILED):  # what http.client raises
            return f"HTTP {str(cause).removeprefix(_TUNNEL_FAILED)}"
    return next((cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            waiting += [getattr(cause, "reason", None), cause.__cause__, cause.__context__, *cause.args]
