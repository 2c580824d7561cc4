"""The process of the ``fguard`` command: what happens before and after a command, and which way it is parsed."""

from __future__ import annotations

import _thread
import atexit
import errno
import gc
import os
import signal
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn, TextIO

from fargate_guard.errors import ExitCode, FguardError, Interrupted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

OBJECTS_BEFORE_A_COLLECTION = 100_000
"""Imports and large templates make many objects that stay, and hardly a cycle: the usual looks cost 10 ms."""

WITHOUT_TYPER = ("instrument", "uninstrument")
"""Commands of which a plain command line is parsed without Typer: they run in hooks, and for every file."""

HARDLY_USED = ("inspect", "copy", "ipaddress")
"""Modules that dataclasses and pathlib import, and need for nothing that happens here: together 6 ms."""

_UNWRITABLE = (errno.EBADF, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What writing to standard output fails with where its file is full, or closed."""

COMPLETING = "_FGUARD_COMPLETE"
"""The variable in which a shell asks Typer for completions."""


def main() -> NoReturn:
    """Run ``fguard``, and exit with its code."""
    gc.set_threshold(OBJECTS_BEFORE_A_COLLECTION)
    try:
        _stop_cleanly_on(signal.SIGTERM, signal.SIGHUP)
        code = _run_and_flush()
    except KeyboardInterrupt:  # during an import: nothing has begun that would have to be told
        sys.exit(ExitCode.INTERRUPTED)
    _end(code)


def _end(code: int) -> NoReturn:
    """End as ``sys.exit`` does, but without taking every object apart first: 5 ms after a large template."""
    threading = sys.modules.get("threading")
    if threading is not None and threading.active_count() > 1:
        sys.exit(code)
    atexit._run_exitfuncs()  # noqa: SLF001 - what multiprocessing does, too, before it ends a process so
    sys.stderr.flush()
    os._exit(code)


_LEAVING = _thread.allocate_lock()


class _Later(ModuleType):
    """Stands for a module that others import, until something of it is asked for."""

    def __getattr__(self, name: str) -> object:
        with _LEAVING:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def _run_and_flush() -> int:
    _open_closed_streams()
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None and not sys.stdout.isatty():
        reconfigure(encoding="utf-8")  # JSON is UTF-8, whatever the locale
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        _drop(sys.stdout)
        return ExitCode.NOBODY_READS
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        _drop(sys.stdout)
        _tell_of(error)
        return ExitCode.FAILED
    except Interrupted as stopped:
        return stopped.exit_code
    return code


def _open_closed_streams() -> None:
    """Open the standard streams that the caller closed, so that no file gets their numbers; output then fails."""
    if sys.stdin is None:
        sys.stdin = open(os.open(os.devnull, os.O_RDONLY), encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stdout is None:
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")  # noqa: PTH123, SIM115


def _drop(stream: TextIO) -> None:
    """Let what is still to be written to a stream, and what may follow, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _tell_of(error: OSError) -> None:
    from fargate_guard.cli.screen import screen_of_process

    screen = screen_of_process(os.environ, json=False, quiet=False, verbose=False)
    try:
        screen.error(FguardError("standard output cannot be written", why=error.strerror or str(error)))
    except OSError:  # nor can standard error
        _drop(sys.stderr)


def run(arguments: Sequence[str]) -> int:
    """Run one command line (without the program's name) and return its exit code."""
    if arguments and arguments[0] in WITHOUT_TYPER and COMPLETING not in os.environ:
        for name in HARDLY_USED:
            sys.modules.setdefault(name, _Later(name))
        from fargate_guard.cli.plain_arguments import plain_values

        command = getattr(import_module(f"fargate_guard.cli.{arguments[0]}"), arguments[0])
        values = plain_values(command.parameters, arguments[1:], os.environ)
        if values is not None:
            return int(command(**values))
    from fargate_guard.cli.main import run as run_with_typer

    return run_with_typer(arguments)


def _stop_cleanly_on(*signals: signal.Signals) -> None:
    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        raise Interrupted(f"stopped by {signal.Signals(number).name}", exit_code=ExitCode.TERMINATED)

    for number in signals:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup asked for it to be ignored
            signal.signal(number, stop)


if __name__ == "__main__":
    main()
