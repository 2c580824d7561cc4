"""Whether AWS is the embedded one, which no workflow imports: it is asked over HTTP, as everything is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from fargate_guard.config.sysdig import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS = "/_fguard/status"
TIMEOUT = 3.0


def local_endpoint(environ: Mapping[str, str]) -> str | None:
    """Return ``AWS_ENDPOINT_URL`` where that is this machine."""
    endpoint = environ.get("AWS_ENDPOINT_URL", "").rstrip("/")
    try:
        split = urlsplit(endpoint)
    except ValueError:
        return None
    return endpoint if split.scheme in ("http", "https") and is_loopback(split.hostname or "") else None


def is_embedded_aws(environ: Mapping[str, str]) -> bool:
    """Whether ``AWS_ENDPOINT_URL`` leads to ``fguard sandbox``: on this machine, and it says so itself."""
    endpoint = local_endpoint(environ)
    if endpoint is None:
        return False
    try:
        with build_opener(ProxyHandler({})).open(f"{endpoint}{STATUS}", timeout=TIMEOUT) as answer:
            return isinstance(json.loads(answer.read()), dict)
    except (URLError, OSError, ValueError):
        return False
