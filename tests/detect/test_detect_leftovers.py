"""Whose task it is that a run of ``fguard detect`` left: told by process, machine and time."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from fargate_guard.workflows.detect_leftovers import DETECT_TAG, is_left, mark_of
from tests.waiting import wait_until

MARK = "from fargate_guard.workflows.detect_leftovers import mark_of; print(mark_of(9e9), flush=True); input()"


def left(mark: str) -> bool:
    return is_left({"tags": [{"key": DETECT_TAG, "value": mark}]}, time.time())


def test_a_killed_process_that_nobody_has_reaped_is_no_run_under_way() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MARK], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        mark = process.stdout.readline().strip()
        assert not left(mark)
        assert left(re.sub(r"\d+$", "1", mark))  # the number is another process's by now
        process.send_signal(signal.SIGKILL)
        state = Path(f"/proc/{process.pid}/stat")
        wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "Z", "it is a zombie")
        assert left(mark)


def test_a_run_s_own_mark_is_none_of_a_killed_one_and_time_ends_all() -> None:
    assert not left(mark_of(time.time() + 60))
    assert left(mark_of(time.time() - 60))
    assert not left("of an older version")
