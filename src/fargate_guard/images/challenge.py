"""The answer to a registry that wants to know who asks: Basic, or a token from its token server.

https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from oras.auth.token import TokenAuth
from oras.auth.utils import parse_auth_header

from fargate_guard.images.errors import Problem
from fargate_guard.images.manifest import LARGEST_ANSWER
from fargate_guard.images.plain_http import is_loopback
from fargate_guard.images.refusals import Refusal
from fargate_guard.images.session import read_body

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from fargate_guard.images.credentials import Credentials
    from fargate_guard.images.session import Session

_NEXT_CHALLENGE = re.compile(r",\s*(?=(?:basic|bearer|digest|negotiate|ntlm)\b)", re.IGNORECASE)


class Challenge(TokenAuth):  # type: ignore[misc]
    """oras's token exchange, and what it leaves out: Basic, identity tokens, and the reasons of a refusal."""

    _tls_verify = True

    def __init__(self, host: str, repository: str, credentials: Callable[[], Credentials | None]) -> None:
        """Ask for credentials only when the registry wants any.

        :param host: the only one whose challenges are answered; blob storage never sees credentials.
        """
        super().__init__()
        self.token: str | None = None
        self._host = host
        self._repository = repository
        self._find_credentials = credentials
        self.credentials: Credentials | None = None
        self._scheme = "Bearer"

    @property
    def basic(self) -> Credentials | None:
        """The credentials that the registry itself is shown, where it wants Basic."""
        return self.credentials if self._scheme == "Basic" else None

    def show_at_once(self, credentials: Credentials) -> None:
        """Send credentials with the first request: the registry is known to want Basic."""
        self.credentials = credentials
        self.set_basic_auth(credentials.user, credentials.password)
        self._scheme, self.token = "Basic", self._basic_auth

    def use(self, session: Session) -> None:
        """Ask the token server over the same connections."""
        self.session = _TokenServer(session)

    def get_auth_header(self) -> dict[str, str]:
        """What the following requests send at once."""
        return {"Authorization": f"{self._scheme} {self.token}"}

    def authenticate_request(
        self,
        original: requests.Response,
        headers: dict[str, str],
        refresh: bool = False,  # noqa: ARG002 - oras's own signature
    ) -> tuple[dict[str, str], bool]:
        """Answer the registry's challenge, once.

        :raises Refusal: when there is no challenge, none that can be answered, or the answer did not help.
        """
        body = read_body(original, LARGEST_ANSWER)  # also gives the connection back
        challenges = _NEXT_CHALLENGE.split(original.headers.get("WWW-Authenticate", ""))
        bearer, basic = (_of_scheme(challenges, scheme) for scheme in ("bearer", "basic"))
        if self.token or urlsplit(str(original.url)).netloc != self._host or not (bearer or basic):
            raise Refusal.of(original, body)
        self.credentials = self._find_credentials()
        if bearer:
            self.token = self._fetch_token(bearer)
        elif self.credentials is None or self.credentials.identity_token:
            raise Refusal.of(original, body)
        else:
            self.show_at_once(self.credentials)
        return {**headers, **self.get_auth_header()}, True

    def _fetch_token(self, challenge: str) -> str:
        question = parse_auth_header(challenge)
        realm = urlsplit(question.realm or "")
        if realm.scheme != "https" and not (realm.scheme == "http" and is_loopback(realm.hostname or "")):
            raise Problem(
                "the registry cannot be asked",
                why=f"{self._host} wants credentials sent unencrypted, to {realm.hostname or question.realm!r}",
                fix="give the registry's token server a certificate",
            )
        question.scope = question.scope or f"repository:{self._repository}:pull"
        if self.credentials is None:
            token = self.request_anonymous_token(question)
        elif self.credentials.identity_token:
            token = self._exchange(question, self.credentials.identity_token)
        else:
            self.set_basic_auth(self.credentials.user, self.credentials.password)
            token = self.request_token(question)
        if not isinstance(token, str):
            raise _no_token(realm.hostname)
        return token

    def _exchange(self, question: Any, identity_token: str) -> object:
        """https://distribution.github.io/distribution/spec/auth/oauth/"""
        form = {
            "grant_type": "refresh_token",
            "client_id": "fargate-guard",
            "service": question.service or "",
            "scope": question.scope,
            "refresh_token": identity_token,
        }
        return self.session.request("POST", question.realm, data=form).json().get("access_token")


class _TokenServer:
    """Where oras asks for tokens: a refusal keeps the server's words."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, url: str, **options: Any) -> requests.Response:
        return self.request("GET", url, **options)

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        response = self._session.request(method, url, **options)
        if not response.ok:
            raise Refusal.of(response, response.content)
        if not _is_object(response):
            raise _no_token(urlsplit(url).hostname)
        return response


def _is_object(response: requests.Response) -> bool:
    try:
        return isinstance(response.json(), dict)
    except ValueError:  # requests' own JSON error is one, too
        return False


def _no_token(host: str | None) -> Problem:
    return Problem(
        "the registry cannot be asked",
        why=f"its token server {host} gave no token",
        fix="check the proxy (HTTPS_PROXY), or whether a login page stands before the registry",
    )


def _of_scheme(challenges: list[str], scheme: str) -> str | None:
    return next((found for found in challenges if found.lower().startswith(f"{scheme} ")), None)
