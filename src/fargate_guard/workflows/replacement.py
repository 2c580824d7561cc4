"""Writing several files: all of them or none, with at most one in memory."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from fargate_guard.errors import FguardError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

_OPEN_FILE = r"/dev/(stdout|stderr)|/(?:dev|proc/self)/fd/(\d{1,6})"

_PARTIAL, _BEFORE = "fguard-partial", "fguard-before"
_LEFT_BEHIND = rf"\..+\.(\d{{1,10}})\.{_PARTIAL}"
_LONGEST_RUN = 600.0
"""Seconds. Another container may write to the same folder, and its processes cannot be seen from here."""


class Replacement:
    """Files that are written beside their targets first, and then all take their places.

    A context manager: what was not committed by its end is removed, and every target is as it was. A link stays a
    link: the file that it leads to is replaced. What is no file (a pipe, a device) is written to, last, because
    that cannot be taken back; a pipe waits for its reader, as with any other program.

    New files that a killed process left beside its targets are removed; old content under another name is not.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """Nothing is written yet.

        :param now: seconds since 1970.
        """
        self._now = now
        self._partials: dict[str, str] = {}
        """Target → the new file beside it."""
        self._backups: dict[str, str | None] = {}
        """Target that has its new content → its old one; None where there was none."""
        self._streams: dict[Path, str] = {}
        self._folders: dict[str, str] = {}
        """Folder as it was given → without links."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def discard(self) -> None:
        """Remove whatever has not taken its place."""
        for partial in self._partials.values():
            _remove(partial)
        for backup in self._backups.values():
            if backup is not None:
                _remove(backup)

    @property
    def prepared(self) -> Mapping[str, str]:
        """Every file to be replaced, and the new file beside it."""
        return self._partials

    def take_over(self, prepared: Mapping[str, str]) -> None:
        """Take what another process prepared; it is to take its place, or to be removed, with the rest."""
        self._partials.update(prepared)

    def add(self, path: Path, text: str) -> None:
        """Prepare one file; folders that are missing are made.

        :raises FguardError: it cannot be written; no target has changed.
        """
        try:
            target, mode = self._target(path)
            if mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                self._streams[path] = text
                return
            self._partials[target] = _beside(target, _PARTIAL)
            _write_partial(self._partials[target], mode, text.encode("utf-8"))
        except OSError as error:
            raise _cannot_be_written(error) from error

    def _target(self, path: Path) -> tuple[str, int | None]:
        """Where the content goes, links followed, and the mode of what is there; None where nothing is."""
        if str(path).startswith(("/dev/", "/proc/")) and _open_file(path) is not None:
            return str(path), stat.S_IFIFO
        folder, name = os.path.split(path)
        if folder not in self._folders:
            os.makedirs(folder or ".", exist_ok=True)  # noqa: PTH103
            self._folders[folder] = os.path.realpath(folder)
            _remove_left_behind(self._folders[folder], before=self._now() - _LONGEST_RUN)
        target = f"{self._folders[folder]}{os.sep}{name}"
        with contextlib.suppress(FileNotFoundError):
            mode = os.lstat(target).st_mode
            if not stat.S_ISLNK(mode):
                return target, mode
            target = os.path.realpath(target)
            return target, os.stat(target).st_mode  # noqa: PTH116
        return target, None

    def commit(self) -> None:
        """Put every file in its place.

        :raises FguardError: one cannot be; every file is as it was.
        """
        try:
            for target, partial in self._partials.items():
                self._backups[target] = _backup(target)
                os.replace(partial, target)  # noqa: PTH105 - a thousand of them
            for path, text in self._streams.items():
                _write_to(path, text.encode("utf-8"))
        except BaseException as error:
            self._put_back()
            if isinstance(error, OSError):
                raise _cannot_be_written(error) from error
            raise
        self._partials.clear()

    def _put_back(self) -> None:
        for target, backup in self._backups.items():
            with contextlib.suppress(OSError):  # the first failure is the one to tell
                if backup is not None:
                    Path(backup).replace(target)
                elif not Path(self._partials[target]).exists():
                    Path(target).unlink()


def takes_a_stream(path: Path) -> bool:
    """Whether a path is to be written to and never replaced, nor read."""
    if _open_file(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _beside(target: str, suffix: str) -> str:
    folder, _, name = target.rpartition(os.sep)
    return f"{folder}{os.sep}.{name}.{os.getpid()}.{suffix}"


def _remove_left_behind(folder: str, *, before: float) -> None:
    """Remove what processes that were killed left in a folder before a moment (seconds since 1970)."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = re.fullmatch(_LEFT_BEHIND, entry.name) if entry.name.startswith(".") else None
            if (
                found
                and entry.is_file(follow_symlinks=False)
                and entry.stat(follow_symlinks=False).st_mtime < before
                and not _is_running(int(found[1]))
            ):
                _remove(entry.path)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _write_partial(partial: str, mode: int | None, content: bytes) -> None:
    """Write a new file with the mode of the one that it will replace; a new one gets what the umask leaves.

    Only what replaces a file has to be on the disk before: after a power cut the old content would be lost.
    """
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o666)
    try:
        _write_all(descriptor, content)
        if mode is not None:
            os.fchmod(descriptor, stat.S_IMODE(mode))
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _backup(target: str) -> str | None:
    """Keep the old content under another name; None where there is none."""
    backup = _beside(target, _BEFORE)
    if not os.path.lexists(target):
        return None
    try:
        os.link(target, backup)
    except OSError:  # a file system without hard links
        import shutil

        shutil.copy2(target, backup)
    return backup


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - a thousand of them


def _open_file(path: Path) -> int | None:
    """The descriptor that ``/dev/stdout`` and its like stand for; what it leads to may be a regular file."""
    found = re.fullmatch(_OPEN_FILE, str(path))
    if not found:
        return None
    return {"stdout": 1, "stderr": 2}[found[1]] if found[1] else int(found[2])


def _write_to(path: Path, content: bytes) -> None:
    number = _open_file(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_NOCTTY) if number is None else os.dup(number)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


def _cannot_be_written(error: OSError) -> FguardError:
    return FguardError(
        "the results cannot be written; every file is as it was",
        where=str(error.filename or ""),
        why=error.strerror or str(error),
        fix="make the folder writable, or write elsewhere with --output-dir DIR",
    )
