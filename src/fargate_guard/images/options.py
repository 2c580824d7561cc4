"""How images are looked up."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fargate_guard.errors import FguardError
    from fargate_guard.images.transport import Transport
    from fargate_guard.taskdef.image_config import ImageConfig, ImageNeed


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, passed in so that tests need none of it."""

    monotonic: Callable[[], float] = time.monotonic
    """Seconds that only grow."""
    wall: Callable[[], float] = time.time
    """Seconds since 1970, for the dates of Retry-After."""
    sleep: Callable[[float], None] | None = None
    """Waits; None waits so that Ctrl-C ends it."""


@dataclass(frozen=True, slots=True)
class Options:
    """How images are looked up, and with whose credentials."""

    offline: bool = False
    """Open no connection: the cache answers for images with a digest, and nothing else is known."""
    timeout: float = 30.0
    """Seconds for one image, all its requests, retries and waiting together."""
    workers: int = 8
    """Images looked up side by side."""
    cache_folder: Path | None = None
    """Where results are kept for ever, by digest; None keeps nothing."""
    docker_config_folder: Path | None = None
    """Holds Docker's ``config.json`` (``$DOCKER_CONFIG``, ``~/.docker``); None: no credentials from Docker."""
    helper_path: str | None = None
    """Where ``docker-credential-…`` programs are looked for, like ``$PATH``; None: in ``$PATH``."""
    ecr_token: Callable[[str, str], tuple[str, str]] | None = None
    """Region and account ID to user and password of that private ECR registry; raises FguardError."""
    secret: Callable[[str], str] | None = None
    """ARN of a ``repositoryCredentials`` secret to its text; raises FguardError."""
    transport: Callable[[Options], Transport] | None = None
    """Another way to the registries than oras, for where only the standard library is."""
    clock: Clock = field(default_factory=Clock)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out for one container: either ``config`` or ``error``."""

    need: ImageNeed
    config: ImageConfig | None
    error: FguardError | None
    from_cache: bool
    """No manifest had to be fetched."""
