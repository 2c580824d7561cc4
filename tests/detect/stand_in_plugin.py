"""A program named as AWS's Session Manager plugin, which writes down how it was started, and does as told."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

HEAD = """\
#!/bin/sh
if [ "$1" = --version ]; then echo {version}; exit; fi
for argument in "$@"; do printf '%s\\n' "$argument"; done > {folder}/arguments
env -0 > {folder}/environment
tty > {folder}/terminal
echo
echo "Starting session with SessionId: ecs-execute-command-0"
"""
ACTS = """\
echo "fguard-detect: writes /bin/{mark}"
echo "fguard-detect ended with 0"
echo "Exiting session with sessionId: ecs-execute-command-0."
"""
HANGS = """\
trap '' INT TERM HUP
sleep 1000 &
echo "$$ $!" > {folder}/started.new
mv {folder}/started.new {folder}/started
echo "hangs now"
while :; do wait; sleep 1000; done
"""
"""Deaf to what asks it to end, with a process of its own."""


@dataclass(frozen=True)
class StandInPlugin:
    """Where it is, and what it wrote down."""

    folder: Path

    def install(self, body: str, *, mark: str = "", version: str = "1.2.707.0") -> None:
        """Put it into the folder, in place of an earlier one."""
        program = self.folder / "session-manager-plugin"
        text = HEAD.format(version=version, folder=self.folder) + body.format(mark=mark, folder=self.folder)
        fresh = self.folder / "fresh"
        fresh.write_text(text)
        fresh.chmod(0o755)
        fresh.rename(program)

    @property
    def path(self) -> str:
        """``PATH`` with it in front."""
        return f"{self.folder}{os.pathsep}{os.defpath}"

    def was_started(self) -> bool:
        """Whether it was given a session."""
        return (self.folder / "arguments").exists()

    def arguments(self) -> list[str]:
        """Its arguments, without its name."""
        return (self.folder / "arguments").read_text().splitlines()

    def environment(self) -> dict[str, str]:
        """Its variables."""
        entries = (self.folder / "environment").read_text().split("\0")
        return dict(entry.split("=", 1) for entry in entries if entry)

    def processes(self) -> list[int]:
        """The numbers of itself and its child, once it hangs; none before."""
        started = self.folder / "started"
        return [int(number) for number in started.read_text().split()] if started.exists() else []


def is_alive(process: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")
