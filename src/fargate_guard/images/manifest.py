"""What registries answer: manifests, lists of manifests, and image configurations. Pure.

https://github.com/opencontainers/image-spec/blob/main/manifest.md
https://distribution.github.io/distribution/spec/manifest-v2-2/
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from fargate_guard.images.errors import Problem
from fargate_guard.images.reference import DIGEST

Json: TypeAlias = Any

_DOCKER, _OCI = "application/vnd.docker", "application/vnd.oci.image"
INDEX_TYPES = (f"{_OCI}.index.v1+json", f"{_DOCKER}.distribution.manifest.list.v2+json")
IMAGE_TYPES = (f"{_OCI}.manifest.v1+json", f"{_DOCKER}.distribution.manifest.v2+json")
MANIFEST_TYPES = (*INDEX_TYPES, *IMAGE_TYPES)
CONFIG_TYPES = (f"{_OCI}.config.v1+json", f"{_DOCKER}.container.image.v1+json")
_SCHEMA_1 = (f"{_DOCKER}.distribution.manifest.v1+json", f"{_DOCKER}.distribution.manifest.v1+prettyjws")

LARGEST_ANSWER = 4 * 1024 * 1024
"""Bytes of a manifest or of an image configuration; registries take no larger manifests, either:
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests"""

ARCHITECTURES = {"X86_64": "amd64", "ARM64": "arm64"}
"""ECS's names to the images'.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RuntimePlatform.html"""
_BASELINE = {"amd64": {"", "v1"}, "arm64": {"", "v8"}}
"""Variants that every Fargate task of the architecture can run."""

_ANSWERED_BY_ANOTHER = (
    "look whether a proxy or a login page answers in the registry's place; else push the image again"
)


@dataclass(frozen=True, slots=True)
class Runs:
    """What an image runs by itself."""

    entry_point: tuple[str, ...]
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Platform:
    """For which machine an image is."""

    os: str
    architecture: str
    variant: str

    def __str__(self) -> str:
        """As Docker writes it: ``linux/arm64/v8``."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def fits(self, architecture: str) -> bool:
        """Whether a Fargate task of the architecture (``amd64``, ``arm64``) can run it."""
        return self.os == "linux" and self.architecture == architecture and self.variant in _BASELINE[architecture]


@dataclass(frozen=True, slots=True)
class Index:
    """Images of one name for several machines; those of attestations are left out."""

    images: tuple[tuple[Platform | None, str], ...]
    """Platform, where it is told, and the digest of the manifest."""


@dataclass(frozen=True, slots=True)
class ImageManifest:
    """One image."""

    config_digest: str


def verify(content: bytes, digest: str, what: str) -> None:
    """Refuse content that is not what the digest names."""
    algorithm = digest.partition(":")[0]
    found = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
    if found != digest:
        raise Problem(
            f"the registry's {what} is not the one asked for",
            why=f"asked for {digest}, but the content is {found}",
            fix="push the image again, and look for a proxy that changes what it forwards",
        )


def read_manifest(content: bytes, media_type: str) -> Index | ImageManifest:
    """Read what a registry answers for a tag or a digest."""
    document = _object(content, "manifest")
    media_type = str(document.get("mediaType") or media_type)
    if media_type in _SCHEMA_1 or document.get("schemaVersion") == 1:
        raise Problem(
            "the image is in the format of 2015 (manifest schema 1), which ECS on Fargate does not pull",
            why="it names neither ENTRYPOINT nor CMD in a place of their own",
            fix="pull it, and push it again with a current Docker",
        )
    if media_type in INDEX_TYPES or isinstance(document.get("manifests"), list):
        return _index(document)
    config = document.get("config")
    if not isinstance(config, dict) or not _is_digest(config.get("digest")):
        raise _garbage("manifest", "it names no image configuration")
    if config.get("mediaType") not in CONFIG_TYPES:
        raise Problem(
            "what the reference names is not a container image",
            why=f"its configuration is of type {_shown(config.get('mediaType'))}",
            fix="name the image, not another artifact of the same repository",
        )
    return ImageManifest(config["digest"])


def _index(document: Json) -> Index:
    images = []
    for entry in _list(document.get("manifests")):
        if not isinstance(entry, dict) or not _is_digest(entry.get("digest")):
            raise _garbage("list of manifests", "an entry names no digest")
        platform = _platform(entry.get("platform"))
        if platform is None or platform.architecture != "unknown":
            images.append((platform, entry["digest"]))
    return Index(tuple(images))


def choose(index: Index, architecture: str) -> str:
    """Return the digest of the manifest for the architecture (``amd64``, ``arm64``).

    An entry without a platform is taken where no other fits: its configuration tells.
    """
    for platform, digest in index.images:
        if platform and platform.fits(architecture):
            return digest
    for platform, digest in index.images:
        if platform is None:
            return digest
    raise _other_platform([str(platform) for platform, _ in index.images], architecture)


def read_config(content: bytes, architecture: str) -> Runs:
    """Read ENTRYPOINT and CMD from an image configuration.

    https://github.com/opencontainers/image-spec/blob/main/config.md
    """
    document = _object(content, "configuration")
    platform = _platform(document)
    if platform and platform.architecture and not platform.fits(architecture):
        raise _other_platform([str(platform)], architecture)
    config = document.get("config") or {}
    if not isinstance(config, dict):
        raise _garbage("configuration", "its `config` is not an object")
    return Runs(_argv(config, "Entrypoint"), _argv(config, "Cmd"))


def _argv(config: Json, field: str) -> tuple[str, ...]:
    value = config.get(field)
    if value is None:
        return ()
    if isinstance(value, str):  # as https://pkg.go.dev/github.com/docker/docker/api/types/strslice reads it
        value = [value]
    if not isinstance(value, list) or not all(isinstance(word, str) and _is_text(word) for word in value):
        raise _garbage("configuration", f"its `{field}` is not a list of strings")
    return tuple(value)


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can write
        return False
    return True


def _platform(value: Json) -> Platform | None:
    if not isinstance(value, dict):
        return None
    return Platform(
        str(value.get("os") or ""), str(value.get("architecture") or ""), str(value.get("variant") or "")
    )


def _other_platform(has: list[str], architecture: str) -> Problem:
    ecs_names = {ours: theirs for theirs, ours in ARCHITECTURES.items()}
    others = [
        ecs_names[name] for name in sorted(ecs_names) if name != architecture and f"linux/{name}" in _bare(has)
    ]
    set_other = f"set runtimePlatform.cpuArchitecture to {others[0]}, or " if others else ""
    return Problem(
        f"the image is not for linux/{architecture}, which the task wants",
        why=f"it is for {', '.join(has) or 'no machine at all'}",
        fix=f"{set_other}build it with `docker buildx build --platform linux/{architecture}`",
    )


def _bare(platforms: list[str]) -> set[str]:
    return {"/".join(platform.split("/")[:2]) for platform in platforms}


def _object(content: bytes, what: str) -> Json:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise _garbage(what, "it is not JSON", _ANSWERED_BY_ANOTHER) from None
    if not isinstance(document, dict):
        raise _garbage(what, "it is not a JSON object")
    return document


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise _garbage("list of manifests", "`manifests` is not a list")
    return value


def _is_digest(value: Json) -> bool:
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def _shown(value: Json) -> str:
    return repr(value)[:100] if value is not None else "(none)"


def _garbage(what: str, why: str, fix: str = "push the image again") -> Problem:
    return Problem(f"the registry's {what} of the image cannot be read", why=why, fix=fix)
