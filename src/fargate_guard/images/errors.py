"""Why it is not known what an image runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.errors import PreflightError

if TYPE_CHECKING:
    from fargate_guard.taskdef.image_config import ImageNeed

ANSWER_BY_HAND = """answer by hand: --entrypoint {container}='["…"]' and --command {container}='["…"]'"""
WITHOUT_PINNING = "leave out --pin-digests"


class ImageError(PreflightError):
    """It is not known what a container's image runs."""

    code: str = ""
    """The registry's own error code (``MANIFEST_UNKNOWN``), where it gave one."""
    status: int | None = None
    """The HTTP status, where there was one."""


class Problem(Exception):  # noqa: N818 - never leaves the room: each container gets an ImageError of its own
    """What went wrong with an image, whichever containers run it."""

    def __init__(
        self, message: str, *, why: str, fix: str | None = None, code: str = "", status: int | None = None
    ) -> None:
        """Describe it; ``fix`` comes before the advice to answer by hand."""
        super().__init__(message)
        self.message = message
        self.why = why
        self.fix = fix
        self.code = code
        self.status = status

    def error(self, need: ImageNeed, registry: str | None) -> ImageError:
        """Return the error for one container."""
        path = f"{need.resource}: {need.path}" if need.resource else need.path
        container = f"{need.resource}/{need.container}" if need.resource else need.container
        by_hand = ANSWER_BY_HAND.format(container=container) if need.argv else WITHOUT_PINNING
        error = ImageError(
            self.message,
            where=f"{need.image} at {path}" + (f" (registry {registry})" if registry else ""),
            why=self.why,
            fix=f"{self.fix}; or {by_hand}" if self.fix else by_hand,
        )
        error.code, error.status = self.code, self.status
        return error


def timed_out(host: str | None, seconds: float) -> Problem:
    """Return what a user should know when an image took too long."""
    return Problem(
        "the registry did not answer in time",
        why=f"{host} took longer than {seconds:g} s for this image",
        fix="run it again, or give it longer: --image-timeout SECONDS",
    )
