"""Turn what Sysdig Secure answers into errors that name the permission, the region or the token. Pure."""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fargate_guard.config.sysdig import SECURE_URLS
from fargate_guard.sysdig.address import Address, region_of
from fargate_guard.sysdig.errors import (
    AddressError,
    BadRequest,
    BrokenAnswer,
    NotFound,
    Overloaded,
    PermissionMissing,
    SysdigError,
    TokenError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.errors import FguardError

TOO_MANY, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, BAD = 429, 401, 403, 404, 400
PROXY_WANTS_LOGIN = 407
FIRST_SERVER_FAULT = 500
_TITLE = re.compile(rb"<title[^>]*>\s*([^<]{1,120})", re.IGNORECASE)
_SHOWN = 300
_OF_IBM = ".cloud.ibm.com"
"""https://cloud.ibm.com/docs/workload-protection?topic=workload-protection-secure_token"""
_NUMBER = 40
"""Characters of a header that is shown: a number, or a date."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, as far as errors need it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    request: str
    """Method and path."""

    @property
    def is_temporary(self) -> bool:
        """Whether it is worth asking again."""
        return self.status == TOO_MANY or self.status >= FIRST_SERVER_FAULT

    @property
    def is_html(self) -> bool:
        """Whether a person was to read it."""
        return "html" in self.headers.get("Content-Type", "").lower() or self.body.lstrip()[:1] == b"<"

    @property
    def says(self) -> str:
        """Status and the server's own words, in one line."""
        reason = http.client.responses.get(self.status, "")
        message = _message(self.body)
        return f"HTTP {self.status} {reason}".rstrip() + (f": {message}" if message else "")


def document_of(reply: Reply, address: Address) -> Any:
    """Return the JSON of an answer; None where it has no body.

    :raises SysdigError: when it is not JSON.
    """
    if reply.is_html:
        raise _page_for_people(reply, address)
    if not reply.body.strip():
        return None
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError) as wrong:
        raise BrokenAnswer(
            "Sysdig Secure's answer is not JSON",
            where=f"{reply.request} at {address.host}",
            why=f"{wrong}; it begins with {_shown(reply.body[:60])!r}",
            fix="run it again; where it stays so, something between here and Sysdig changes its answers",
        ) from None


def refusal(reply: Reply, address: Address, permission: str, token_source: str) -> FguardError:
    """Return the error for an answer that is not a success.

    :param permission: what the request needs, in Sysdig's words, for example ``policy-events.read``.
    """
    where = f"{reply.request} at {address.host}"
    if reply.status == PROXY_WANTS_LOGIN:
        return AddressError("the proxy wants a log-in", where=where, why=reply.says, fix=_PROXY)
    if reply.is_html and reply.status != TOO_MANY and reply.status < FIRST_SERVER_FAULT:
        return _page_for_people(reply, address)
    if reply.status == UNAUTHORIZED:
        return TokenError(
            "Sysdig Secure does not accept the API token",
            where=where,
            why=f"{reply.says.rstrip('.')}. The token is from {token_source}; the address from {address.source}",
            fix=_other_places(address),
        )
    refused = _by_status(reply, where, permission, address)
    refused.status = reply.status
    return refused


def redirected(address: Address, location: str, request: str) -> AddressError:
    """Return the error for an answer that leads to another host, where the token does not go."""
    region = region_of(location)
    return AddressError(
        "Sysdig Secure is at another address for this account",
        where=f"{request} at {address.host}",
        why=f"it leads to {_shown(location.encode())}, and a token never goes to another host",
        fix=f"this is Sysdig's region {region}: set sysdig.region to {region}, or give --sysdig-region {region}"
        if region
        else "where that is your Sysdig Secure, write its URL into sysdig.api.url",
    )


def _by_status(reply: Reply, where: str, permission: str, address: Address) -> SysdigError:
    if reply.status == FORBIDDEN:
        missing = PermissionMissing(
            f"the API token lacks the permission {permission}",
            where=where,
            why=reply.says,
            fix=f"give its user's or service account's role {permission} (Settings > Access & Secrets > Roles),"
            " or use another token; a token belongs to one team",
        )
        missing.permission = permission
        return missing
    if reply.status == TOO_MANY:
        after = reply.headers.get("Retry-After")
        return Overloaded(
            "Sysdig Secure answers no more requests for now",
            where=where,
            why=reply.says + (f"; it asks to wait {_shown(after.encode())[:_NUMBER]} s" if after else ""),
            fix="run it again later; others may use the same account's limit of requests per minute",
        )
    if reply.status >= FIRST_SERVER_FAULT:
        return Overloaded(
            "Sysdig Secure fails",
            where=where,
            why=reply.says,
            fix="run it again later; see https://status.sysdig.com",
        )
    if reply.status == NOT_FOUND:
        return NotFound(
            "Sysdig Secure has no such thing",
            where=where,
            why=reply.says,
            fix=f"check {address.source}: {address.url}",
        )
    if reply.status == BAD:
        return BadRequest("Sysdig Secure does not understand the request", where=where, why=reply.says)
    return SysdigError("Sysdig Secure refuses the request", where=where, why=reply.says)


_PROXY = "check HTTPS_PROXY and sysdig.api.proxy, or except the host with NO_PROXY"


def _page_for_people(reply: Reply, address: Address) -> AddressError:
    title = _TITLE.search(reply.body)
    shows = f", called {_shown(title.group(1).strip())!r}" if title else ""
    return AddressError(
        "what answers is a web page, not Sysdig Secure's API",
        where=f"{reply.request} at {address.host}",
        why=f"HTTP {reply.status} with HTML{shows}: a wrong URL, or the log-in page of a proxy",
        fix=f"check {address.source}: {address.url}; {_PROXY}",
    )


def _other_places(address: Address) -> str:
    here = address.region
    if (urlsplit(address.url).hostname or "").endswith(_OF_IBM):
        return (
            "use the Secure API token of this region's instance, or an IAM token, which is valid for an hour"
            " (ibmcloud iam oauth-tokens) and needs sysdig.api.ibm_instance_id, the instance's GUID"
        )
    if here is None:
        return "check that the token is of this installation, of Sysdig Secure (not Monitor), and not revoked"
    others = ", ".join(
        f"{name} {url.removeprefix('https://')}" for name, url in SECURE_URLS.items() if name != here
    )
    return (
        f"a token works in its own region only, and this is {here}. Where your Sysdig opens at another of these"
        f" hosts, set sysdig.region (or --sysdig-region): {others}. Else renew the token (of Secure, not Monitor)"
    )


def _message(body: bytes) -> str:
    """Return the message of the documented error (``type``, ``message``, ``details``), or of the older shapes."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(document, dict):
        return ""
    errors = document.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        document = {**errors[0], **{key: value for key, value in document.items() if key != "errors"}}
    parts = [document.get("message") or document.get("reason") or document.get("error")]
    details = document.get("details")
    parts += details if isinstance(details, list) else []
    return _shown("; ".join(str(part) for part in parts if part).encode())


def _shown(text: bytes) -> str:
    one_line = " ".join(text.decode("utf-8", "replace").split())
    return one_line[:_SHOWN]
