"""What is worked out in another process, and what happens where that process cannot."""

from __future__ import annotations

import errno
import os
import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fargate_guard.workflows.in_processes import Child, parts_of, share_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@given(st.lists(st.integers()), st.integers(1, 10))
def test_parts_are_everything_in_order(items: list[int], least: int) -> None:
    parts = parts_of(items, least)
    assert [item for part in parts for item in part] == items
    assert len(parts) == 1 or all(len(part) >= least for part in parts)


def test_every_child_has_its_own_result_however_long() -> None:
    with Child(lambda: "a" * 1_000_000) as first, Child(lambda: ["b"]) as second:
        assert second.result() == ["b"]
        assert first.result() == "a" * 1_000_000


def fail() -> None:
    raise ValueError("for whatever reason")


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("plain", [False, True])
def test_half_a_result_is_none(plain: bool) -> None:
    class HalfTold(Child[str]):
        def _dumped(self, found: str) -> bytes:
            return super()._dumped(found)[:-10]

    with HalfTold(lambda: "a" * 100, plain=plain) as child:
        assert child.result() is None


def test_where_no_more_processes_are_allowed_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refused)
    with Child(lambda: 1) as child:
        assert child.result() is None
    assert [one for part in share_out(list, range(100)) for one in part] == list(range(100))


@pytest.mark.parametrize("items", [range(3), range(100)])
def test_shared_out_work_gives_its_results_in_order(items: range) -> None:
    assert [one for part in share_out(list, items) for one in part] == list(items)


@pytest.mark.parametrize("work", [fail, be_killed, lambda: lambda: None, lambda: os._exit(0)])
def test_what_a_child_cannot_work_out_is_nothing(work: Callable[[], object]) -> None:
    with Child(work) as child:
        assert child.result() is None


def test_a_child_that_fails_undoes_what_it_did(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.touch()
    with Child(fail, made.unlink) as child:
        child.result()
    assert not made.exists()


def test_what_a_child_did_stays_when_its_result_was_taken(tmp_path: Path) -> None:
    made, taken = tmp_path / "made", list[str]()
    with Child(partial(made.write_text, "x"), made.unlink) as child:
        child.result(lambda found: taken.append(str(found)))
    assert taken == ["1"]
    assert made.exists()


def test_a_child_whose_result_nobody_takes_undoes_what_it_did(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.touch()
    with Child(lambda: 1, made.unlink):
        pass
    assert not made.exists()


def test_a_child_is_gone_when_its_parent_is_interrupted(tmp_path: Path) -> None:
    begun, children = tmp_path / "begun", list[int]()
    os.mkfifo(begun)

    def work() -> None:
        begun.write_text(str(os.getpid()))
        signal.pause()

    def interrupted() -> None:
        with Child(work, begun.unlink):
            children.append(int(begun.read_text()))  # waits for the child
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not begun.exists()
    with pytest.raises(ChildProcessError):
        os.waitpid(children[0], os.WNOHANG)
