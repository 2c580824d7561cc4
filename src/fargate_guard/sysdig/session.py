"""One HTTP request to Sysdig Secure: TLS, proxies and time-outs, and a token that goes to one host only."""

from __future__ import annotations

import time
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests

from fargate_guard import __version__
from fargate_guard.config.sysdig import is_loopback
from fargate_guard.sysdig.errors import BrokenAnswer
from fargate_guard.sysdig.refusals import Reply, redirected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sysdig.address import Address
    from fargate_guard.sysdig.token import Token
    from fargate_guard.sysdig.transport import Transport

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes. A page has at most 200 events."""
MOST_REDIRECTS = 3
_LOCATION_SHOWN = 120
_REDIRECTS = (301, 302, 303, 307, 308)


class Session:
    """Keeps connections. ``.netrc`` and cookies are not used; a redirect is followed on the same host only."""

    def __init__(self, address: Address, token: Token, transport: Transport) -> None:
        """Open no connection yet."""
        self._address = address
        self._transport = transport
        self._session = _Plain()
        self._session.auth = _Bearer(token.value)
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.update(
            {"User-Agent": f"fargate-guard/{__version__}", "Accept": "application/json", **dict(transport.headers)}
        )

    def send(self, method: str, path: str, params: Mapping[str, str] | None, body: Any) -> Reply:
        """Send one request and read the whole answer.

        :raises requests.RequestException: when there is no answer.
        :raises AddressError: when the answer leads to another host.
        """
        url = f"{self._address.url}{path}"
        request = f"{method} {path}"
        for _ in range(1 + MOST_REDIRECTS):
            reply = self._once(method, url, params, body, request)
            location = reply.headers.get("Location")
            if reply.status not in _REDIRECTS or not location:
                return reply
            target, stays = _target(url, location, f"{request} at {self._address.host}")
            if method != "GET" or not stays:
                raise redirected(self._address, target, request)
            url, params = target, None
        raise BrokenAnswer("Sysdig Secure leads in a circle", where=f"{request} at {self._address.host}")

    def _once(self, method: str, url: str, params: Mapping[str, str] | None, body: Any, request: str) -> Reply:
        limit = self._transport.answer_seconds
        deadline = time.monotonic() + limit
        with self._session.request(
            method,
            url,
            params=params,
            json=body,
            allow_redirects=False,
            stream=True,
            timeout=(min(self._transport.connect_seconds, limit), limit),
            verify=self._transport.ca_file or True,
            proxies=self._proxies(url),
        ) as response:
            return Reply(response.status_code, response.headers, _read(response, deadline), request)

    def _proxies(self, url: str) -> dict[str, str] | None:
        if is_loopback(urlsplit(url).hostname or ""):
            return {"http": "", "https": ""}  # no proxy reaches this machine
        return {"https": self._transport.proxy} if self._transport.proxy else None


class _Plain(requests.Session):
    """Looks at no redirect: requests would read ``Location`` even where it may not follow it."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - requests' own signature
        return None


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _read(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(64 * 1024):
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise BrokenAnswer(
                "Sysdig Secure's answer is too long", why=f"more than {LARGEST_ANSWER // 1024 // 1024} MiB"
            )
        if time.monotonic() > deadline:
            raise requests.Timeout("the answer did not end in time")
    return bytes(body)


def _target(url: str, location: str, where: str) -> tuple[str, bool]:
    """Return where a redirect leads, and whether that is the same host.

    :raises BrokenAnswer: when that is no URL.
    """
    try:
        target = urljoin(url, location)
        return target, _origin(target) == _origin(url)
    except ValueError as wrong:
        raise BrokenAnswer(
            "Sysdig Secure leads to what is no address",
            where=where,
            why=f"Location: {location[:_LOCATION_SHOWN]!r}: {wrong}",
            fix="check the URL of Sysdig Secure, and what is between here and it",
        ) from None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    split = urlsplit(url)
    return split.scheme, split.hostname, split.port
