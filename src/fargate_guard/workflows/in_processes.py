"""Work on many things in several processes at once, where the system lets a process divide itself cheaply.

What a child cannot finish, for whatever reason, is left to the process that began it: every error is found, and
told, in one place only.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import sys
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Generic, NoReturn, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType, TracebackType

Item = TypeVar("Item")
Result = TypeVar("Result")

_KEEP = b"k"
"""What a child is told when its result has arrived."""

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_NEVER_MORE = 8
"""Processes: each costs its own start, and the others have to wait for the disk."""


def processors() -> int:
    """How many processes can work at the same time: one where a process is not to be divided.

    macOS is left out, since its libraries may start threads, which a divided process does not have:
    https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods
    """
    if not hasattr(os, "fork") or sys.platform == "darwin" or _has_threads():
        return 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, _NEVER_MORE)


def _has_threads() -> bool:
    threading = sys.modules.get("threading")
    return threading is not None and threading.active_count() > 1


def parts_of(items: Sequence[Item], least: int) -> list[Sequence[Item]]:
    """Divide what is to be done among the processors, in order: at least one part.

    :param least: of how many items another process is worth its start.
    """
    count = max(1, min(processors(), len(items) // least))
    ends = [len(items) * number // count for number in range(count + 1)]
    return [items[start:end] for start, end in pairwise(ends)]


class Child(Generic[Result]):
    """A process that works out one result; a context manager, at whose end it is gone.

    Where its result was not taken, what it has done besides is undone.
    """

    def __init__(
        self, work: Callable[[], Result], undo: Callable[[], None] = lambda: None, *, plain: bool = False
    ) -> None:
        """Begin.

        :param work: its result is pickled; or marshalled, which is faster, where it is plain data.
        :param undo: takes back what ``work`` did besides; called in the child.
        """
        self._plain = plain
        self._result, result = os.pipe()
        kept, self._kept = os.pipe()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)  # until the child knows what to do then
        try:
            self._process: int | None = os.fork()
        except OSError:  # no more processes, or no memory: one that never told anything
            self._process = None
        if self._process == 0:
            os.close(self._kept)
            self._work_out(work, undo, result, kept)
        self._running = True
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(result)
        os.close(kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._running:
            return
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGTERM)
        self._end()

    def result(self, take: Callable[[Result], None] = lambda _: None) -> Result | None:
        """Wait for the result; None where the child could not work it out.

        :param take: is given the result first; from then on what the child has done is this process's.
        """
        with open(self._result, "rb", closefd=False) as stream:
            content = stream.read()
        found = self._loaded(content)
        if found is not None:
            take(found)
            with contextlib.suppress(BrokenPipeError):
                os.write(self._kept, _KEEP)
        self._end()
        return found

    def _work_out(self, work: Callable[[], Result], undo: Callable[[], None], result: int, kept: int) -> NoReturn:
        """Be the child, to its end."""
        done = False
        try:
            for number in _STOPPING:
                signal.signal(number, _stop)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
            with open(result, "wb") as stream:
                stream.write(self._dumped(work()))
            done = os.read(kept, 1) == _KEEP
        except BaseException:  # noqa: BLE001, S110 - the parent does the work then, and tells what is wrong
            pass
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
            with contextlib.suppress(BaseException):
                if not done:
                    undo()
            os._exit(0)

    def _dumped(self, found: Result) -> bytes:
        if self._plain:
            return marshal.dumps(found)  # type: ignore[arg-type]  # or it fails, as pickling does
        import pickle

        return pickle.dumps(found)

    def _loaded(self, content: bytes) -> Result | None:
        """What the child found; None where it ended before it had told everything."""
        found: Result
        with contextlib.suppress(EOFError, ValueError, TypeError):
            if self._plain:
                found = marshal.loads(content)  # noqa: S302 - our own child's
                return found
            import pickle

            with contextlib.suppress(pickle.UnpicklingError):
                found = pickle.loads(content)  # noqa: S301 - our own child's
                return found
        return None

    def _end(self) -> None:
        self._running = False
        os.close(self._kept)
        os.close(self._result)
        if self._process is not None:
            os.waitpid(self._process, 0)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)  # once is enough
    raise SystemExit


LEAST_RESOURCES = 20
"""Task definitions of a template that are worth another process."""


def share_out(work: Callable[[Sequence[Item]], Result], items: Sequence[Item]) -> Iterator[Result]:
    """What work makes of each part of what is to be done, in order; the results are plain data."""
    own, *others = parts_of(items, LEAST_RESOURCES)
    with contextlib.ExitStack() as children:
        begun = [children.enter_context(Child(partial(work, part), plain=True)) for part in others]
        yield work(own)
        for part, child in zip(others, begun, strict=True):
            found = child.result()
            yield work(part) if found is None else found
