"""What images run by themselves, and which images must be asked.

ECS follows Docker: an ``entryPoint`` that is set drops the image's CMD, so nothing of the image is needed then;
``[]`` and null mean unset, and what is unset comes from the image.
https://docs.docker.com/reference/dockerfile/#understand-how-cmd-and-entrypoint-interact
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 120
"""Characters of an argv that a report shows."""


class ImageConfig(NamedTuple):
    """What an image runs by itself."""

    entry_point: tuple[str, ...]
    """ENTRYPOINT; empty when the image has none."""
    command: tuple[str, ...]
    """CMD; empty when the image has none. Its shell form is ``("/bin/sh", "-c", …)`` already."""
    source: str
    """Where this is from, for people: ``nginx@sha256:… (registry)``, ``--entrypoint``."""
    digest: str | None = None
    """Of the manifest that was inspected, ``sha256:…``; None where nobody asked a registry."""

    @property
    def words(self) -> str:
        """Both as JSON, shortened, for reports."""
        return f"{_shown(self.entry_point)} {_shown(self.command)}"


class ImageNeed(NamedTuple):
    """A container whose image must be known."""

    container: str
    """Its name."""
    path: str
    """JSON path of its image."""
    image: str
    """The reference as written, or as resolved in a template."""
    architecture: str
    """``X86_64`` (ECS's default) or ``ARM64``, from ``runtimePlatform.cpuArchitecture``."""
    credentials_arn: str | None
    """``repositoryCredentials.credentialsParameter``: the secret with the registry's user and password."""
    resource: str = ""
    """Logical ID in a template."""
    argv: bool = True
    """What the image runs is needed."""
    digest: bool = False
    """The image's digest is needed, to pin it."""


class Images(NamedTuple):
    """What is known about images."""

    by_image: Mapping[tuple[str, str], ImageConfig] = MappingProxyType({})
    """Found in a registry, by (image, architecture)."""
    by_container: Mapping[str, ImageConfig] = MappingProxyType({})
    """Answers by hand, by container name or ``LogicalId/container``; they win."""

    def find(self, need: ImageNeed) -> ImageConfig | None:
        """What the image of a container runs, or None when nobody knows."""
        return self._by_hand(need) or self.by_image.get((need.image, need.architecture))

    def digest(self, need: ImageNeed) -> str | None:
        """The digest to pin a container's image to; an answer by hand seldom has one."""
        by_hand, found = self._by_hand(need), self.by_image.get((need.image, need.architecture))
        return (by_hand and by_hand.digest) or (found and found.digest) or None

    def answers(self, need: ImageNeed) -> bool:
        """Whether all is known that a container needs."""
        return not (need.argv and self.find(need) is None) and not (need.digest and self.digest(need) is None)

    def _by_hand(self, need: ImageNeed) -> ImageConfig | None:
        if not self.by_container:
            return None
        qualified = self.by_container.get(f"{need.resource}/{need.container}") if need.resource else None
        return qualified or self.by_container.get(need.container)


def image_name(reference: str) -> str:
    """A reference without tag and digest: ``host:5000/team/web`` of ``host:5000/team/web:1.2@sha256:…``.

    https://pkg.go.dev/github.com/distribution/reference#pkg-overview
    """
    name = reference.partition("@")[0]
    path, slash, last = name.rpartition("/")
    return f"{path}{slash}{last.partition(':')[0]}"


def has_digest(reference: str) -> bool:
    """Whether a reference names one image for ever."""
    return "@" in reference


def pinned(reference: str, digest: str) -> str:
    """The reference of the same repository by digest; the tag goes, since it may say something else by now."""
    return f"{image_name(reference)}@{digest}"


def _shown(argv: tuple[str, ...]) -> str:
    text = json.dumps(list(argv), ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
