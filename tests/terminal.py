"""``fguard`` on a terminal of its own: what it shows there, and what a user types."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING, Self

from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from types import TracebackType

    from tests.fguard_process import Fguard

CTRL_C = "\x03"
ROWS, COLUMNS = 50, 200
LOOK_SECONDS = 0.1
ON_THE_TERMINAL = 'exec "$@" <"$TERMINAL" >"$TERMINAL" 2>&1'
"""A session's leader that opens a terminal gets it as its own: Ctrl-C there is a signal to what runs on it."""


class Terminal:
    """A command on a pseudo-terminal; it does not outlive a test that fails."""

    def __init__(self, fguard: Fguard, *arguments: str) -> None:
        """Start the command."""
        self._screen, self._terminal = pty.openpty()
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environ = fguard.full_environ() | {"TERMINAL": os.ttyname(self._terminal), "TERM": "xterm"}
        self._process = subprocess.Popen(
            ["sh", "-c", ON_THE_TERMINAL, "sh", *fguard.command, *arguments],
            cwd=fguard.folder,
            env=environ,
            start_new_session=True,
        )
        self.shown = ""
        """Everything that was on the screen so far, control characters included."""
        self._waited_for = 0

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the command, if it still runs."""
        self.kill()
        os.close(self._terminal)
        os.close(self._screen)

    def wait_for(self, text: str) -> None:
        """Wait until a text is shown, after what was waited for before."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.shown.find(text, self._waited_for)) < 0:
            over = self._process.poll() is not None
            assert self._read() or not over, f"it ended without {text!r}:\n{self.shown}"
            assert time.monotonic() < deadline, f"{text!r} was not shown within {PATIENCE:g} s:\n{self.shown}"
        self._waited_for = found + len(text)

    def type(self, text: str) -> None:
        """Type on its keyboard."""
        os.write(self._screen, text.encode())

    def kill(self) -> None:
        """End the command as ``kill -9`` does."""
        self._process.kill()
        self._process.wait()

    def end(self) -> int:
        """Wait for the end, and return the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None:
            self._read()  # what nobody reads would hold it up
            assert time.monotonic() < deadline, f"it did not end within {PATIENCE:g} s:\n{self.shown}"
        while self._read():
            pass
        return self._process.returncode

    def _read(self) -> bool:
        """Read what is shown, if anything is soon."""
        readable, _, _ = select.select([self._screen], [], [], LOOK_SECONDS)
        if readable:
            self.shown += os.read(self._screen, 65_536).decode(errors="replace")
        return bool(readable)
