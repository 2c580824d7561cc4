"""Why there is no answer: no such name, no trust, a proxy, a time-out, a connection that broke."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import requests
from urllib3.exceptions import NameResolutionError

from fargate_guard.sysdig.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.sysdig.address import Address
    from fargate_guard.sysdig.transport import Transport


def unreachable(error: requests.RequestException, address: Address, transport: Transport) -> Unreachable:
    """Return the error a user can act on for what ``requests`` raised."""
    message, fix, temporary = _told(error, address, transport)
    found = Unreachable(message, where=address.url, why=_innermost(error), fix=fix)
    found.temporary = temporary
    return found


def _told(error: requests.RequestException, address: Address, transport: Transport) -> tuple[str, str, bool]:
    host = address.host.partition(":")[0]
    if isinstance(error, requests.exceptions.SSLError):
        return f"the certificate of {host} is not trusted", _AUTHORITY, False
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not lead to Sysdig Secure", "check HTTPS_PROXY, NO_PROXY and sysdig.api.proxy", True
    if any(isinstance(one, NameResolutionError | socket.gaierror) for one in _chain(error)):
        return f"there is no host {host}", f"correct {address.source}, or check DNS and the network", True
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection to Sysdig Secure within {transport.connect_seconds:g} s", _NETWORK, True
    if isinstance(error, requests.Timeout):
        return f"Sysdig Secure did not answer within {transport.answer_seconds:g} s", _LATER, True
    return "the connection to Sysdig Secure broke", _NETWORK, True


_AUTHORITY = (
    "where a proxy looks into TLS or Sysdig is your own installation, name its certificate authority:"
    " sysdig.api.ca_file, or REQUESTS_CA_BUNDLE"
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
