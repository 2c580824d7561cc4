"""What the triggers do, in a shell of this machine."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

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
