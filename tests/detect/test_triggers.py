"""What the triggers do, in a shell of this machine."""

from __future__ import annotations

import re
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from fargate_guard.workflows.detect_triggers import TRIGGERS

if TYPE_CHECKING:
    from pathlib import Path


def test_every_turn_opens_the_file_for_writing_also_where_it_is_there_already(tmp_path: Path) -> None:
    file = tmp_path / "fguard-detect"
    script = TRIGGERS["write-below-binary-dir"].script.replace("/bin/fguard-detect", str(file))
    for turn in (1, 2):
        said = subprocess.run(["/bin/sh", "-c", f"n={turn}; {script}"], capture_output=True, text=True, check=True)
        assert f"({turn})" in said.stdout
        assert file.read_bytes() == b""
        file.write_text("only an open that writes takes this away")


@pytest.mark.parametrize("name", ["write-below-binary-dir", "read-sensitive-file"])
def test_what_runs_in_somebody_else_s_container_is_split_as_meant_and_leaves_nothing(
    name: str, tmp_path: Path
) -> None:
    command = TRIGGERS[name].typed("fguard-detect-0123abcd")
    shell, flag, script = shlex.split(command)  # as AWS's agent splits it, which starts it without a shell
    assert (shell, flag) == ("/bin/sh", "-c")
    there = script.replace("/bin/$mark", f"{tmp_path}/$mark").replace("/etc/shadow", f"{tmp_path}/shadow")
    (tmp_path / "shadow").write_text("x")
    said = subprocess.run([shell, flag, there], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("fguard-detect: ")
    assert said.stdout.endswith("fguard-detect ended with 0\n")
    assert said.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["shadow"]
    forbidden = there.replace(str(tmp_path), "/proc/nowhere")
    failed = subprocess.run([shell, flag, forbidden], capture_output=True, text=True, check=True)
    assert not failed.stdout.endswith("ended with 0\n")
    assert "ended with " in failed.stdout


def test_the_event_generator_runs_both_actions_and_no_other_without_a_flood() -> None:
    run, actions, *options = TRIGGERS["event-generator"].command
    assert run == "run"
    known = (
        "ReadSensitiveFileUntrusted",
        "WriteBelowBinaryDir",
        "WriteBelowEtc",
        "ReadSensitiveFileTrustedAfterStartup",
    )
    assert [name for name in known if re.search(actions, f"syscall.{name}")] == list(known[:2])
    assert set(options) == {"--all", "--loop", "--sleep=5s"}  # without --all it runs the first only
