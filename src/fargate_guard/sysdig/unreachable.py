"""Why there is no answer: no such name, no trust, a proxy, a time-out, a connection that broke."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import requests
from urllib3.exceptions import NameResolutionError

from fargate_guard.errors import PreflightError
from fargate_guard.sysdig.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.errors import FguardError
    from fargate_guard.sysdig.address import Address
    from fargate_guard.sysdig.transport import Transport


def no_answer(error: OSError, address: Address, transport: Transport) -> FguardError:
    """Return the error a user can act on for what ``requests`` raised; those of its own are ``OSError`` too."""
    why = _innermost(error)
    if any(words in why for words in _NO_CERTIFICATES):
        return PreflightError(
            "the file of certificate authorities cannot be used",
            where=transport.ca_file or "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE",
            why=why,
            fix="name a PEM file: sysdig.api.ca_file, or REQUESTS_CA_BUNDLE",
        )
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        # Its words may be part of a password. It is not Sysdig's URL, which was looked at.
        where = "HTTPS_PROXY, ALL_PROXY or sysdig.api.proxy"
        return PreflightError("the URL of the proxy cannot be used", where=where, fix=_PROXY_URL)
    lasting = _lasting(error, why, address)
    message, fix = lasting or _passing(error, address, transport)
    found = Unreachable(message, where=address.url, why=why, fix=fix)
    found.temporary = lasting is None
    return found


def _lasting(error: OSError, why: str, address: Address) -> tuple[str, str] | None:
    """Return message and fix for what waiting does not mend."""
    if isinstance(error, requests.exceptions.SSLError):
        return f"the certificate of {_host(address)} is not trusted", _mend(why, address)
    if isinstance(error, requests.exceptions.ProxyError) and _LOGIN_WANTED in why:
        return "the proxy wants a log-in", _LOGIN
    return None


def _passing(error: OSError, address: Address, transport: Transport) -> tuple[str, str]:
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not lead to Sysdig Secure", "check HTTPS_PROXY, NO_PROXY and sysdig.api.proxy"
    if any(isinstance(one, NameResolutionError | socket.gaierror) for one in _chain(error)):
        return f"there is no host {_host(address)}", f"correct {address.source}, or check DNS and the network"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection to Sysdig Secure within {transport.connect_seconds:g} s", _NETWORK
    if isinstance(error, requests.Timeout):
        return f"Sysdig Secure did not answer within {transport.answer_seconds:g} s", _LATER
    return "the connection to Sysdig Secure broke", _NETWORK


def _host(address: Address) -> str:
    return address.host.partition(":")[0]


def _mend(why: str, address: Address) -> str:
    if "mismatch" in why:
        return f"the certificate is of another host: correct {address.source} ({address.url})"
    return "have it renewed, or set this machine's clock" if "expired" in why else _AUTHORITY


_AUTHORITY = (
    "where a proxy looks into TLS or Sysdig is your own installation, name its certificate authority:"
    " sysdig.api.ca_file, or REQUESTS_CA_BUNDLE"
)
_NO_CERTIFICATES = ("TLS CA certificate bundle", "[X509")
"""In requests' words for a file that is missing, and in OpenSSL's for one that has none."""
_LOGIN_WANTED = "407"
"""HTTP's status of a proxy that refuses CONNECT, in the words of Python's http.client."""
_LOGIN = "give user and password of the proxy in the environment: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"
_PROXY_URL = (
    "make it like http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT with %2F for / and likewise for whatever"
    " else is no letter, digit, - or _; SOCKS is not supported"
)
_NETWORK = "run it again; check the network and HTTPS_PROXY"
_LATER = "run it again, or ask for less time (--since)"


def _chain(error: BaseException) -> Iterator[BaseException]:
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _innermost(error: BaseException) -> str:
    """Return the shortest words of the chain that say something: requests wraps them in its own classes' names."""
    said = [str(one) for one in _chain(error) if str(one) and not isinstance(one, requests.RequestException)]
    return min(said, key=len) if said else str(error)
