"""Files take their places together, or none does."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from fargate_guard.errors import FguardError
from fargate_guard.workflows.replacement import Replacement

if TYPE_CHECKING:
    from pathlib import Path


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_new_and_old_files_are_there_together_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("before")
    (tmp_path / "old").chmod(0o600)
    with Replacement() as replacement:
        replacement.add(tmp_path / "old", "after")
        replacement.add(tmp_path / "deep/er/new", "new")
        assert (tmp_path / "old").read_text() == "before"
        replacement.commit()
    assert content(tmp_path) == {"old": "after", "deep/er/new": "new"}
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o600


def test_a_new_file_has_what_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with Replacement() as replacement:
            replacement.add(tmp_path / "new", "x")
            replacement.commit()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_without_commit_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("before")

    def interrupted() -> None:
        with Replacement() as replacement:
            replacement.add(tmp_path / "old", "after")
            replacement.add(tmp_path / "new", "new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert content(tmp_path) == {"old": "before"}


def test_a_failure_half_way_puts_every_file_back(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("before")
    (tmp_path / "z").mkdir()
    with Replacement() as replacement:
        for name in ("a", "b", "z"):
            replacement.add(tmp_path / name, "after")
        with pytest.raises(FguardError) as failed:
            replacement.commit()
    assert "every file is as it was" in failed.value.message
    assert content(tmp_path) == {"a": "before"}


def test_a_link_to_the_file_stays_one_file(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("before")
    (tmp_path / "link").symlink_to("real")
    with Replacement() as replacement:
        replacement.add(tmp_path / "link", "after")
        replacement.commit()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "after"


KILLED = """
import os, pathlib, signal, sys
from fargate_guard.workflows.replacement import Replacement
replacement = Replacement()
replacement.add(pathlib.Path(sys.argv[1]), "after")
print(os.getpid(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A folder in which a process was killed while it wrote ``task.json``."""
    (tmp_path / "task.json").write_text("before")
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "task.json")], check=False)
    assert ended.returncode < 0
    assert len(content(tmp_path)) == 2
    return tmp_path


def write(path: Path, *, after: float) -> None:
    with Replacement(now=lambda: time.time() + after) as replacement:
        replacement.add(path, "new")
        replacement.commit()


def test_what_a_killed_process_left_is_removed_by_a_later_run(killed: Path) -> None:
    write(killed / "other.json", after=3600)
    assert content(killed) == {"task.json": "before", "other.json": "new"}


def test_what_may_be_another_containers_stays_for_a_while(killed: Path) -> None:
    write(killed / "other.json", after=0)
    assert len(content(killed)) == 3


def test_what_a_running_process_writes_stays_however_long_it_takes(tmp_path: Path) -> None:
    mine = tmp_path / f".task.json.{os.getppid()}.fguard-partial"
    mine.write_text("half of it")
    (tmp_path / ".task.json.1.partial").write_text("another program's")
    write(tmp_path / "other.json", after=3600)
    assert mine.read_text() == "half of it"
    assert (tmp_path / ".task.json.1.partial").exists()
