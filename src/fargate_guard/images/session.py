"""An HTTP session with the room's promises: no credentials but those given, no plain HTTP, no late answer."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from fargate_guard import __version__
from fargate_guard.images.errors import Problem
from fargate_guard.images.plain_http import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

_CONNECT = 10.0
"""Seconds for a connection; a registry that is there takes less than one."""


class Session(requests.Session):
    """Proxies and certificate authorities are those of the environment; ``.netrc`` and cookies are not used."""

    def __init__(self) -> None:
        """No connection is opened yet."""
        super().__init__()
        self.remaining: Callable[[], float] = lambda: _CONNECT
        self.auth = _as_it_is  # else requests takes credentials from .netrc
        self.max_redirects = 5
        self.headers.update({"User-Agent": f"fargate-guard/{__version__}", "Accept-Encoding": "identity"})
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for prefix in ("https://", "http://"):
            self.mount(prefix, _Adapter(self))

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Leave credentials behind when redirected to another host."""
        if self.should_strip_auth(str(response.request.url), str(prepared_request.url)):
            prepared_request.headers.pop("Authorization", None)

    def merge_environment_settings(self, url: Any, *settings: Any) -> Any:
        """Ask no proxy for this machine, as Docker does not, either.

        :raises Problem: the certificate authorities that the environment names are not there.
        """
        merged = super().merge_environment_settings(url, *settings)
        asked = urlsplit(str(url))
        if is_loopback(asked.hostname or ""):
            merged["proxies"] = {}
        if asked.scheme == "https" and isinstance(merged["verify"], str) and not Path(merged["verify"]).exists():
            raise Problem(
                "the file of certificate authorities is not there",
                why=f"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE is {merged['verify']}",
                fix="correct that variable, or unset it for the usual authorities",
            )
        return merged


class _Adapter(HTTPAdapter):
    def __init__(self, session: Session) -> None:
        super().__init__(pool_connections=4, pool_maxsize=1)
        self._session = session

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        asked = urlsplit(str(request.url))
        if asked.scheme != "https" and not is_loopback(asked.hostname or ""):
            raise Problem(
                "the registry cannot be asked",
                why=f"it leads to {asked.hostname} without encryption",
                fix="give that host a certificate; plain HTTP is used on this machine only",
            )
        remaining = self._session.remaining()
        if remaining <= 0:
            raise requests.Timeout(request=request)
        options["timeout"] = (min(_CONNECT, remaining), remaining)
        return super().send(request, *arguments, **options)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def read_body(response: requests.Response, limit: int) -> bytes:
    """Read an answer.

    :raises Problem: when it is longer than ``limit`` bytes.
    """
    body = bytearray()
    for chunk in response.iter_content(64 * 1024):
        body += chunk
        if len(body) > limit:
            response.close()
            raise Problem(
                "the registry's answer is too long",
                why=f"a manifest or image configuration of more than {limit // 1024 // 1024} MiB",
            )
    return bytes(body)
