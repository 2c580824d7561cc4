"""Sysdig's regions with their collectors and URLs, and how its Secure API is reached.

https://docs.sysdig.com/en/docs/administration/saas-regions-and-ip-ranges/
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from fargate_guard.config.types import ParameterArn, SecretArn, Strict

SysdigRegion = Literal["us1", "us2", "us3", "us4", "eu1", "eu2", "au1", "in1", "jp1", "me2"]


class Collector(BaseModel):
    """The endpoint that agents send to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)] = 6443


COLLECTORS: dict[str, Collector] = {
    region: Collector(host=host)
    for region, host in {
        "us1": "collector.sysdigcloud.com",
        "us2": "ingest-us2.app.sysdig.com",
        "us3": "ingest.us3.sysdig.com",
        "us4": "ingest.us4.sysdig.com",
        "eu1": "ingest-eu1.app.sysdig.com",
        "eu2": "ingest.eu2.sysdig.com",
        "au1": "ingest.au1.sysdig.com",
        "in1": "ingest.in1.sysdig.com",
        "jp1": "ingest.jp1.sysdig.com",
        "me2": "ingest.me2.sysdig.com",
    }.items()
}

SECURE_URLS: dict[str, str] = {
    "us1": "https://secure.sysdig.com",
    "us2": "https://us2.app.sysdig.com",
    "us3": "https://app.us3.sysdig.com",
    "us4": "https://app.us4.sysdig.com",
    "eu1": "https://eu1.app.sysdig.com",
    "eu2": "https://app.eu2.sysdig.com",
    "au1": "https://app.au1.sysdig.com",
    "in1": "https://app.in1.sysdig.com",
    "jp1": "https://app.jp1.sysdig.com",
    "me2": "https://app.me2.sysdig.com",
}
"""Where each region's Secure API is."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: ``localhost``, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def secure_url(text: str) -> str:
    """Return the URL of a Secure API without its last slash.

    :raises ValueError: for anything but ``https://host[:port][/path]``; plain ``http`` is for this machine only.
    """
    split = urlsplit(text)
    _ = split.port  # a ValueError of its own
    if split.scheme not in ("https", "http") or not split.hostname:
        raise ValueError("must be like https://secure.sysdig.com")
    if split.scheme == "http" and not is_loopback(split.hostname):
        raise ValueError("must begin with https://, since a token travels to it")
    if "@" in split.netloc or split.query or split.fragment:
        raise ValueError("must have no user, no query and no fragment")
    return text.rstrip("/")


def _proxy_url(text: str) -> str:
    split = urlsplit(text)
    if split.scheme not in ("http", "https") or not split.hostname:
        raise ValueError("must be like http://proxy.example.com:3128")
    if "@" in split.netloc:
        raise ValueError("must have no user and password in it; set HTTPS_PROXY in the environment for those")
    return text


class ApiToken(Strict):
    """Where the API token is; never the token itself."""

    env: str | None = None
    """An environment variable."""
    file: str | None = None
    """A file that only its owner can read; relative to ``fguard.yaml``."""
    secret_arn: SecretArn | None = None
    """Secrets Manager, optionally with ``:json-key:version-stage:version-id``."""
    parameter_arn: ParameterArn | None = None
    """SSM Parameter Store, a SecureString."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [key for key in ("env", "file", "secret_arn", "parameter_arn") if getattr(self, key)]
        if len(given) != 1:
            raise ValueError("give exactly one of env, file, secret_arn, parameter_arn")
        return self


class Api(Strict):
    """The Secure API, for events, policies and rules."""

    url: Annotated[str, AfterValidator(secure_url)] | None = None
    """For on-premises and IBM installations; default: that of ``sysdig.region``."""
    token: ApiToken | None = None
    """An API token of Sysdig Secure; default: FGUARD_SYSDIG_TOKEN, then SYSDIG_SECURE_TOKEN."""
    ca_file: str | None = None
    """PEM file of certificate authorities to trust instead of the public ones; relative to ``fguard.yaml``."""
    proxy: Annotated[str, AfterValidator(_proxy_url)] | None = None
    """HTTP proxy; default: HTTPS_PROXY and NO_PROXY."""
    ibm_instance_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F-]{8,64}$")] | None = None
    """GUID of an IBM Cloud instance, sent as ``IBMInstanceID``."""
