"""References to images, by Docker's grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass

DOCKER_HUB = "docker.io"
_DOCKER_HUB_API = "registry-1.docker.io"
_HUB_NAMES = {DOCKER_HUB, "index.docker.io", _DOCKER_HUB_API}

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9])"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::(?P<port>[0-9]{{1,9}}))?")
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}")
_PLACEHOLDER = re.compile(r"<.*?>|\$\{.*?\}|\{\{.*?\}\}")
"""What a pipeline replaces: ``<IMAGE1_NAME>`` of CodePipeline, ``${TAG}`` of envsubst, ``{{ image }}``.
https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECSbluegreen.html"""
_LONGEST_NAME = 255
_HIGHEST_PORT = 65535


class ReferenceFault(ValueError):  # noqa: N818 - becomes an ImageError, which says where
    """What is wrong with a reference."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Which image of which registry."""

    host: str
    """With its port: ``docker.io``, ``ghcr.io``, ``localhost:5000``."""
    repository: str
    """``library/nginx``."""
    tag: str | None
    """``latest`` where neither tag nor digest was given."""
    digest: str | None

    @property
    def api_host(self) -> str:
        """The host that answers for the registry."""
        return _DOCKER_HUB_API if self.host == DOCKER_HUB else self.host.lower()

    @property
    def short_name(self) -> str:
        """The name as people write it, without tag and digest: ``nginx``, ``ghcr.io/team/web``."""
        if self.host == DOCKER_HUB:
            return self.repository.removeprefix("library/")
        return f"{self.host}/{self.repository}"


def read_reference(text: str) -> Reference:
    """Read ``[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]``.

    https://pkg.go.dev/github.com/distribution/reference

    :raises ReferenceFault: saying which part is wrong.
    """
    placeholder = _PLACEHOLDER.search(text)
    if placeholder:
        raise ReferenceFault(f"{placeholder[0]} stands for something that is filled in later")
    name, at, digest = text.partition("@")
    if at and not DIGEST.fullmatch(digest):
        raise ReferenceFault(f"{digest!r} is no digest; one is sha256: and 64 hexadecimal digits")
    name, tag = _without_tag(name)
    host, repository = _split(name)
    as_host = _HOST.fullmatch(host)
    if not as_host:
        raise ReferenceFault(f"{host!r} is no host name")
    if int(as_host["port"] or 0) > _HIGHEST_PORT:
        raise ReferenceFault(f"{as_host['port'][:10]} is no port")
    if not _REPOSITORY.fullmatch(repository):
        is_only_case = _REPOSITORY.fullmatch(repository.lower())
        reason = "upper-case letters are not allowed" if is_only_case else "see Docker's rules"
        raise ReferenceFault(f"{repository!r} is no repository name ({reason})")
    if len(host) + 1 + len(repository) > _LONGEST_NAME:
        raise ReferenceFault(f"the name is longer than {_LONGEST_NAME} characters")
    return Reference(host, repository, tag or (None if at else "latest"), digest or None)


def _without_tag(name: str) -> tuple[str, str | None]:
    head, colon, last = name.rpartition(":")
    if not colon or "/" in last:  # the colon is that of a port
        return name, None
    if not _TAG.fullmatch(last):
        raise ReferenceFault(f"{last!r} is no tag")
    return head, last


def _split(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    if not is_host:
        host, repository = DOCKER_HUB, name
    else:
        host, repository = first, rest
    if host in _HUB_NAMES:
        host = DOCKER_HUB
        repository = repository if "/" in repository else f"library/{repository}"
    return host, repository
