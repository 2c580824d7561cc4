"""What a running Terraform says: kept, told to the observer, and read for a good moment to stop it."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from fargate_guard.terraform.events import LogText, ResourceProgress, UnsupportedEventStreamError, parse_line
from fargate_guard.terraform.interruption import Beginning, Creations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fargate_guard.terraform.events import Event

KEPT_LINES = 40
"""How much of the text output is kept for an error message."""


class Watch:
    """The output of one run, line by line.

    An observer that fails, as a screen that went away does, is told no more; the output is still followed, so that
    Terraform can be stopped at a good moment.
    """

    def __init__(self, command: str, tell: Callable[[Event], None], *, on_failure: Callable[[], None]) -> None:
        """Watch a run of ``command``.

        :param tell: told of every event.
        :param on_failure: called once, when ``tell`` raised or Terraform speaks another event stream.
        """
        self.events: list[Event] = []
        self.texts: deque[str] = deque(maxlen=KEPT_LINES)
        self._tell = tell
        self._on_failure = on_failure
        self.failure: Exception | None = None
        """What the observer raised; to be raised when Terraform has ended."""
        self._beginning = Beginning(command, time.monotonic)
        self._creations = Creations(time.monotonic)

    def see(self, output: Iterable[str], errors: Iterable[str]) -> None:
        """Take the new lines of standard output and of standard error."""
        for line in output:
            try:
                event = parse_line(line)
            except UnsupportedEventStreamError as error:
                self._fail(error)
                continue
            self._beginning.see(event)
            self._creations.see(event)
            self._take(event)
        for line in errors:
            self._take(LogText(message=line, stream="stderr"))

    def tell(self, event: Event) -> None:
        """Tell the observer, unless it failed before."""
        if self.failure is not None:
            return
        try:
            self._tell(event)
        except Exception as error:  # noqa: BLE001 - whatever it is, Terraform is stopped before it is raised
            self._fail(error)

    def is_good_moment_to_stop(self) -> bool:
        """Return whether an interrupt now would be heeded and lose nothing."""
        return self._beginning.is_over() and self._creations.all_have_settled()

    def _take(self, event: Event) -> None:
        if isinstance(event, LogText):
            self.texts.append(event.message)
        elif not isinstance(event, ResourceProgress):
            self.events.append(event)
        self.tell(event)

    def _fail(self, error: Exception) -> None:
        if self.failure is None:
            self.failure = error
            self._on_failure()
