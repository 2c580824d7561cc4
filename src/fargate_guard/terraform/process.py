"""One Terraform process: started in its own session, followed through its log, interrupted at most twice.

Why not ``subprocess.run`` or python-terraform's ``Popen`` with pipes: when the Python process is signalled they
leave Terraform without a reader, it dies of SIGPIPE (or is killed outright), the lock stays and running resources
are missing from the state. Here Terraform writes into files, never sees the terminal's signals, and gets exactly
one SIGINT for the user's first request to stop; then fguard waits until Terraform has written its state and
released its lock.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

POLL_SECONDS = 0.03
"""How often the log is looked at, and so the longest that an event or a signal waits."""

SAME_REQUEST_SECONDS = 1.0
"""Signals that follow the first one within this time are the same wish to stop: systemd sends SIGTERM and SIGHUP
together, an impatient user presses Ctrl-C twice. A second interrupt costs Terraform the resources in flight."""

LONGEST_DEFERRAL = 20.0
"""Seconds that the first interrupt may wait for a good moment."""

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a Terraform process ended."""

    returncode: int
    """As in ``subprocess``: negative for a signal."""
    seconds: float
    stopped_by: signal.Signals | None
    """The first signal that was passed on, if any."""
    interrupts: int
    """How many interrupts Terraform was sent: 0, 1 or 2."""


class StopRequests:
    """Wishes to stop, from signals or from another thread, in the order they came."""

    def __init__(self) -> None:
        self._arrived: deque[tuple[signal.Signals, float]] = deque()

    def add(self, signum: int) -> None:
        """Note a wish; safe inside a signal handler and from any thread."""
        self._arrived.append((signal.Signals(signum), time.monotonic()))

    def take(self) -> tuple[signal.Signals, float] | None:
        """The next wish and when it came (``time.monotonic``), or None."""
        return self._arrived.popleft() if self._arrived else None

    def clear(self) -> None:
        """Forget what has not been taken."""
        self._arrived.clear()

    @property
    def pending(self) -> bool:
        """Whether a wish waits to be taken."""
        return bool(self._arrived)

    @contextmanager
    def from_signals(self) -> Iterator[None]:
        """Collect SIGINT, SIGTERM and SIGHUP while the block runs; restore the former handlers afterwards.

        A signal that the process was told to ignore (``nohup``, a shell's background job) stays ignored. Outside
        the main thread, where Python takes no handlers, nothing is changed; use ``Driver.interrupt()`` there.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        former = {number: signal.getsignal(number) for number in STOP_SIGNALS}
        taken = [number for number, handler in former.items() if handler not in {signal.SIG_IGN, None}]
        for number in taken:
            signal.signal(number, lambda signum, _frame: self.add(signum))
        try:
            yield
        finally:
            for number in taken:
                signal.signal(number, former[number])


class LogTail:
    """The complete lines that another process appends to a file."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("rb")
        self._rest = b""

    def lines(self, *, last: bool = False) -> list[str]:
        """The lines written since the last call; with ``last``, an unfinished one too."""
        *complete, self._rest = (self._rest + self._file.read()).split(b"\n")
        if last and self._rest:
            complete.append(self._rest)
            self._rest = b""
        return [line.decode(errors="replace").rstrip("\r") for line in complete if line.strip()]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class TerraformProcess:
    """A running Terraform and what was asked of it so far.

    A context manager: whatever is raised inside, Terraform is interrupted and waited for before that goes on.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        working_dir: Path,
        environ: Mapping[str, str],
        stdout: IO[bytes],
        stderr: IO[bytes],
        requests: StopRequests,
        inherit: Collection[int] = (),
    ) -> None:
        """Start Terraform in a session of its own, without standard input; its files are private (umask 077).

        :param requests: wishes to stop, to be passed on.
        :param inherit: descriptors that stay open in Terraform, e.g. the run lock.
        :raises OSError: the file cannot be executed.
        """
        self._started = time.monotonic()
        self._popen = subprocess.Popen(
            list(argv),
            cwd=working_dir,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            umask=0o077,
            pass_fds=tuple(inherit),
        )
        self._requests = requests
        self._gone = threading.Event()
        self._stopped_by: signal.Signals | None = None
        self._first_request = 0.0
        self._interrupts = 0
        threading.Thread(target=self._wait, name=f"terraform-{self.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        """Process, session and group id."""
        return self._popen.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let it end cleanly; it still runs here only when an exception is under way."""
        if not self._gone.is_set() and self._interrupts == 0:
            self._requests.add(signal.SIGINT)
        while not self._gone.wait(POLL_SECONDS):
            self._pass_on(lambda _count: None)
        if self._popen.returncode < 0 or self._interrupts > 1:
            # Terraform had no time to stop its plugins and provisioners: they share its session and must not stay.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGTERM)

    def follow(
        self,
        *,
        on_tick: Callable[[bool], None],
        on_interrupt: Callable[[int], None],
        is_good_moment: Callable[[], bool] = lambda: True,
    ) -> Ended:
        """Wait for the end, passing wishes to stop on to Terraform.

        :param on_tick: called for new output again and again, with True for the last time.
        :param on_interrupt: called with 0 when the first interrupt has to wait for a good moment, with 1 for the
            first interrupt sent and 2 for the second.
        :param is_good_moment: whether Terraform can be interrupted without losing what it is just creating; the
            first interrupt waits for it, :data:`LONGEST_DEFERRAL` seconds at most. A second request does not wait.
        """
        while not self._gone.wait(POLL_SECONDS):
            on_tick(False)
            self._pass_on(on_interrupt, is_good_moment)
        on_tick(True)
        seconds = time.monotonic() - self._started
        return Ended(self._popen.returncode, seconds, self._stopped_by, self._interrupts)

    def _wait(self) -> None:
        self._popen.wait()
        self._gone.set()

    def _pass_on(
        self, on_interrupt: Callable[[int], None], is_good_moment: Callable[[], bool] = lambda: True
    ) -> None:
        while (request := self._requests.take()) is not None:
            number, came = request
            if self._stopped_by is None:
                self._first_request = came
                self._stopped_by = number
                if is_good_moment():
                    self._interrupt(on_interrupt)
                else:
                    on_interrupt(0)
            elif self._interrupts <= 1 and came - self._first_request >= SAME_REQUEST_SECONDS:
                self._interrupt(on_interrupt)
        deferred = self._stopped_by is not None and self._interrupts == 0
        late = time.monotonic() - self._first_request > LONGEST_DEFERRAL
        if deferred and (late or is_good_moment()):
            self._interrupt(on_interrupt)

    def _interrupt(self, on_interrupt: Callable[[int], None]) -> None:
        self._interrupts += 1
        self._send_interrupt()
        on_interrupt(self._interrupts)

    def _send_interrupt(self) -> None:
        with suppress(ProcessLookupError):
            self._popen.send_signal(signal.SIGINT)
