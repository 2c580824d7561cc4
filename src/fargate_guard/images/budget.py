"""How long one image may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading

    from fargate_guard.images.options import Clock


MOST_ATTEMPTS = 8
"""Per request to a registry, first included; the time-out of the image usually ends it before."""


class Stopped(Exception):  # noqa: N818 - nobody waits for the result any more
    """The batch is over."""


class Budget:
    """The time that one image may take."""

    def __init__(self, seconds: float, clock: Clock, stopping: threading.Event) -> None:
        """Start it now."""
        self.seconds = seconds
        self.clock = clock
        self._stopping = stopping
        self._end = clock.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left.

        :raises Stopped: when the batch was given up.
        """
        if self._stopping.is_set():
            raise Stopped
        return self._end - self.clock.monotonic()

    def wait(self, seconds: float) -> None:
        """Wait, or raise Stopped as soon as the batch is given up."""
        (self.clock.sleep or self._stopping.wait)(seconds)
        self.remaining()
