"""One image: from its reference to what it runs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.images.budget import Budget
from fargate_guard.images.cache import Cache
from fargate_guard.images.errors import Problem
from fargate_guard.images.manifest import (
    ARCHITECTURES,
    ImageManifest,
    Index,
    Runs,
    choose,
    read_config,
    read_manifest,
    verify,
)
from fargate_guard.images.reference import Reference, ReferenceFault, read_reference
from fargate_guard.taskdef.image_config import ImageConfig

if TYPE_CHECKING:
    import threading

    from fargate_guard.images.options import Options
    from fargate_guard.images.transport import Repository, Transport

_DEEPEST = 3
"""Lists of manifests within lists; real ones are not nested."""


@dataclass(frozen=True, slots=True)
class Question:
    """One image, for all the containers that run it on the same architecture with the same credentials."""

    image: str
    architecture: str
    """ECS's name: ``X86_64``, ``ARM64``."""
    credentials_arn: str | None

    @property
    def registry(self) -> str | None:
        """Host of the registry, where the reference can be read."""
        try:
            return read_reference(self.image).host
        except ReferenceFault:
            return None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an image runs."""

    config: ImageConfig
    from_cache: bool


class LookUp:
    """Looks images up; safe to use from several threads."""

    def __init__(self, options: Options, stopping: threading.Event) -> None:
        """Nothing is opened yet; nothing of the network is imported when ``options.offline``."""
        self._options = options
        self._stopping = stopping
        self._cache = Cache(options.cache_folder)
        self._transport = None if options.offline else (options.transport or _transport)(options)

    def close(self) -> None:
        """Close idle connections."""
        if self._transport:
            self._transport.close()

    def answer(self, question: Question) -> Answer:
        """Find out what an image runs.

        :raises Problem: when that cannot be known.
        """
        reference = _reference(question.image)
        architecture = _architecture(question.architecture)
        if reference.digest:
            known = self._cache.get(reference.digest, architecture)
            if known:
                return _answer(reference, reference.digest, known, from_cache=True)
        if self._transport is None:
            raise _offline(reference)
        budget = Budget(self._options.timeout, self._options.clock, self._stopping)
        with self._transport.repository(reference, question.credentials_arn, budget) as repository:
            digest = reference.digest or repository.digest_of(str(reference.tag))
            known = self._cache.get(digest, architecture) if digest else None
            if digest and known:
                return _answer(reference, digest, known, from_cache=True)
            digest, runs = _inspect(repository, digest, str(reference.tag), architecture)
        self._cache.put(digest, architecture, runs)
        return _answer(reference, digest, runs, from_cache=False)


def _transport(options: Options) -> Transport:
    from fargate_guard.images.connection import Transport
    from fargate_guard.images.credentials import Keyring

    return Transport(Keyring(options))


def _inspect(repository: Repository, digest: str | None, tag: str, architecture: str) -> tuple[str, Runs]:
    content, media_type = repository.manifest(digest or tag)
    if digest:
        verify(content, digest, "manifest")
    else:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    manifest = read_manifest(content, media_type)
    for _ in range(_DEEPEST):
        if isinstance(manifest, ImageManifest):
            config = repository.blob(manifest.config_digest)
            verify(config, manifest.config_digest, "image configuration")
            return digest, read_config(config, architecture)
        manifest = _chosen(repository, manifest, architecture)
    raise Problem(
        "the registry's manifest of the image cannot be read",
        why=f"lists of manifests are nested {_DEEPEST} deep",
        fix="push the image again",
    )


def _chosen(repository: Repository, index: Index, architecture: str) -> Index | ImageManifest:
    digest = choose(index, architecture)
    content, media_type = repository.manifest(digest)
    verify(content, digest, "manifest")
    return read_manifest(content, media_type)


def _answer(reference: Reference, digest: str, runs: Runs, *, from_cache: bool) -> Answer:
    source = f"{reference.short_name}@{digest} ({'cache' if from_cache else 'registry'})"
    return Answer(ImageConfig(runs.entry_point, runs.command, source, digest), from_cache)


def _reference(image: str) -> Reference:
    try:
        return read_reference(image)
    except ReferenceFault as fault:
        raise Problem(
            "this is no reference to an image",
            why=str(fault),
            fix="write it as Docker does, for example nginx:1.27 or ghcr.io/team/web:1.0",
        ) from None


def _architecture(name: str) -> str:
    if name not in ARCHITECTURES:
        raise Problem(
            f"Fargate has no architecture {name!r}",
            why="runtimePlatform.cpuArchitecture is X86_64 or ARM64",
            fix="correct runtimePlatform.cpuArchitecture",
        )
    return ARCHITECTURES[name]


def _offline(reference: Reference) -> Problem:
    if reference.digest:
        why = "it was not looked up before, and --offline opens no connection"
    else:
        why = "a tag may name another image by now, and --offline opens no connection"
    return Problem("it is not known what the image runs", why=why, fix="run it without --offline")
