"""What a look-up needs of the way to the registries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from fargate_guard.images.budget import Budget
    from fargate_guard.images.reference import Reference


class Repository(Protocol):
    """What one registry says about one repository; every method may raise ``Problem``."""

    def digest_of(self, tag: str) -> str | None:
        """Tell which manifest a tag names; None where only fetching it tells."""

    def manifest(self, tag_or_digest: str) -> tuple[bytes, str]:
        """Fetch a manifest or a list of them, and its media type."""

    def blob(self, digest: str) -> bytes:
        """Fetch a blob."""


class Transport(Protocol):
    """Connections of one batch."""

    def repository(
        self, reference: Reference, credentials_arn: str | None, budget: Budget
    ) -> AbstractContextManager[Repository]:
        """Lend the way to an image's repository."""

    def close(self) -> None:
        """Close what is idle."""
