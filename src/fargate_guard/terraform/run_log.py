"""What runs of Terraform leave behind: their output, and who is running now.

Terraform writes its output straight into a file of this folder, so that nothing breaks when fguard dies before
it. The lock file's descriptor is handed down to Terraform: the lock ends when Terraform ends, whatever became of
fguard, and the next fguard waits for it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fargate_guard.errors import FguardError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEPT_RUNS = 20
"""Logs of older runs are deleted."""

POLL_SECONDS = 0.1
_HELD = {errno.EAGAIN, errno.EACCES}


class RunLogUnwritableError(FguardError):
    """The folder for Terraform's output cannot be written to, so nothing was started."""


class PreviousRunActiveError(FguardError):
    """Another run on this deployment did not end in the time given."""


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """The run that holds the lock."""

    pid: int
    """Terraform's process."""
    command: str
    started: str
    """Local time, ISO 8601."""
    log: str

    @property
    def alive(self) -> bool:
        """Whether its process still exists."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Where one run writes."""

    stdout: Path
    stderr: Path


class RunLog:
    """The folder with the logs of one deployment's runs; private to its owner."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock_path = folder / "running.lock"

    def create(self) -> None:
        """Create the folder (0700) where it is missing.

        :raises RunLogUnwritableError: it cannot be created or written to.
        """
        with self._writing():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock_path.touch(mode=0o600)

    def files_for(self, command: str) -> RunFiles:
        """New, empty, private (0600) output files for a run; the oldest logs go."""
        self._prune()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        stem = f"{stamp}-{command.replace(' ', '-')}"
        files = RunFiles(self.folder / f"{stem}.jsonl", self.folder / f"{stem}.stderr")
        with self._writing():
            for path in (files.stdout, files.stderr):
                path.touch(mode=0o600, exist_ok=False)
        return files

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunLogUnwritableError(
                "The folder for Terraform's output cannot be written to; nothing was started.",
                where=str(self.folder),
                why=error.strerror,
                fix="make it writable for this user, or free space",
            ) from error

    @contextmanager
    def exclusive(self, *, wait_seconds: float, on_wait: Callable[[ActiveRun | None], bool]) -> Iterator[int]:
        """Hold this deployment's run lock; yields the descriptor to hand down to Terraform.

        :param wait_seconds: how long to wait for a run in progress.
        :param on_wait: called over and over while waiting, with who holds the lock; returns False to give up.
        :raises PreviousRunActiveError: it did not end in time, or ``on_wait`` gave up.
        """
        deadline = time.monotonic() + wait_seconds
        descriptor = self._try_lock()
        while descriptor is None:
            holder = self.active_run()
            if holder is not None and not holder.alive and self._holder_is_leftover(holder):
                self._lock_path.unlink(missing_ok=True)
            elif not on_wait(holder) or time.monotonic() >= deadline:
                raise _still_active(holder, self._lock_path)
            else:
                time.sleep(POLL_SECONDS)
            descriptor = self._try_lock()
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def record(self, descriptor: int, run: ActiveRun) -> None:
        """Write down who holds the lock."""
        body = json.dumps({"pid": run.pid, "command": run.command, "started": run.started, "log": run.log})
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, body.encode(), 0)

    def active_run(self) -> ActiveRun | None:
        """Who wrote itself down last; it runs only while the lock is held."""
        try:
            body = json.loads(self._lock_path.read_text(encoding="utf-8"))
            return ActiveRun(int(body["pid"]), str(body["command"]), str(body["started"]), str(body["log"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _try_lock(self) -> int | None:
        descriptor = os.open(self._lock_path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                os.close(descriptor)
                return None
            return descriptor  # A file system without locks: Terraform's own state lock must do.
        if self._is_current(descriptor):
            return descriptor
        os.close(descriptor)
        return self._try_lock()

    def _is_current(self, descriptor: int) -> bool:
        """Whether the locked file is still the one at the path (it may have been replaced meanwhile)."""
        try:
            return os.path.samestat(os.fstat(descriptor), self._lock_path.stat())
        except FileNotFoundError:
            return False

    def _holder_is_leftover(self, holder: ActiveRun) -> bool:
        """Terraform is gone but the lock is held: a process it started inherited the descriptor and lives on.

        Looked at twice, since Terraform may have been starting under a fguard that had not yet written it down.
        """
        time.sleep(POLL_SECONDS)
        return self.active_run() == holder

    def _prune(self) -> None:
        logs = sorted(self.folder.glob("*.jsonl"))
        for log in logs[: max(0, len(logs) - KEPT_RUNS + 1)]:
            log.unlink(missing_ok=True)
            log.with_suffix(".stderr").unlink(missing_ok=True)


def _still_active(holder: ActiveRun | None, lock: Path) -> PreviousRunActiveError:
    if holder is None:
        return PreviousRunActiveError(
            "Another fguard is about to run Terraform on this deployment.",
            where=str(lock),
            fix="wait for it to end, then run the same command again",
        )
    return PreviousRunActiveError(
        f"A previous run (pid {holder.pid}, terraform {holder.command}) is still finishing.",
        where=holder.log,
        why=f"it was started {holder.started} and goes on to its end, so that the state stays complete",
        fix=f"wait for it (tail -f {holder.log}), or stop it cleanly with: kill -INT {holder.pid}",
    )
