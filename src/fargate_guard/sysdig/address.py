"""Where Sysdig Secure is: a region's URL, or one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fargate_guard.config.sysdig import SECURE_URLS, secure_url
from fargate_guard.errors import UsageError
from fargate_guard.sysdig.errors import AddressError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.config.model import Sysdig

URL_VARIABLES = ("FGUARD_SYSDIG_URL", "SYSDIG_SECURE_URL")
"""The second is the one that Sysdig's Terraform provider reads."""


@dataclass(frozen=True, slots=True)
class Address:
    """A base URL, without a slash at its end."""

    url: str
    source: str
    """What said so: a flag, a variable, ``fguard.yaml``."""

    @property
    def host(self) -> str:
        """Host, and port where there is one."""
        return urlsplit(self.url).netloc

    @property
    def region(self) -> str | None:
        """Sysdig's name of the region; None for one's own installation."""
        return region_of(self.url)


def region_of(url: str) -> str | None:
    """Return the region whose host a URL has."""
    host = urlsplit(url).hostname
    return next((name for name, known in SECURE_URLS.items() if urlsplit(known).hostname == host), None)


def find_address(
    configured: Sysdig | None, environ: Mapping[str, str], *, url: str | None = None, region: str | None = None
) -> Address:
    """Return where Sysdig Secure is: flags, then variables, then ``fguard.yaml``.

    :param url: of a flag.
    :param region: of a flag.
    :raises UsageError: when a URL or a region is none.
    :raises AddressError: when nobody says where it is.
    """
    if url and region:
        raise UsageError("both a URL and a region are given", fix="leave out --sysdig-url or --sysdig-region")
    if url:
        return _of_url(url, "--sysdig-url")
    if region:
        return _of_region(region, "--sysdig-region")
    for name in URL_VARIABLES:
        if environ.get(name):
            return _of_url(environ[name], name)
    if configured is not None and configured.api.url:
        return Address(configured.api.url, "sysdig.api.url")
    if configured is not None and configured.region:
        return _of_region(configured.region, "sysdig.region")
    raise AddressError(
        "it is not known where your Sysdig Secure is",
        why="fguard.yaml names a collector of your own, and no URL"
        if configured is not None
        else "there is no fguard.yaml, and no flag or variable says so",
        fix=f"add sysdig.api.url to fguard.yaml, set {URL_VARIABLES[0]}, or give --sysdig-region us1"
        f" (regions: {', '.join(SECURE_URLS)})",
    )


def _of_region(region: str, source: str) -> Address:
    if region not in SECURE_URLS:
        raise UsageError(
            f"{region!r} is not a region of Sysdig", where=source, fix=f"use one of {', '.join(SECURE_URLS)}"
        )
    return Address(SECURE_URLS[region], source)


def _of_url(url: str, source: str) -> Address:
    try:
        return Address(secure_url(url), source)
    except ValueError as wrong:
        why = "must have no user and password in it" if "@" in url else f"{url}: {wrong}"  # nor are they shown
        raise UsageError("this is not the URL of a Sysdig Secure", where=source, why=why) from None
