"""Standard output that is full, closed, or read by nobody: told or passed over, and never with a traceback."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.cli.definitions import FLAGS, WEB, instrumented

if TYPE_CHECKING:
    from tests.fguard_process import Fguard

INSTRUMENT = ("instrument", "web.json", *FLAGS, "--quiet", "--offline")
PRINTING = {
    "help": ("--help",),
    "help of a command": ("instrument", "--help"),
    "plain": INSTRUMENT,
    "parsed by Typer": ("explain", "web.json"),
}


@pytest.fixture(autouse=True)
def _web(fguard: Fguard) -> None:
    (fguard.folder / "web.json").write_text(json.dumps(WEB))


def run(
    fguard: Fguard, *arguments: str, stdout: int | None = None, redirected: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command with another standard output, or as a shell redirects its streams."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirected}', "sh", *fguard.command, *arguments],
        cwd=fguard.folder,
        env=fguard.full_environ(),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("printing", PRINTING)
def test_a_full_disk_is_told(fguard: Fguard, printing: str) -> None:
    ran = run(fguard, *PRINTING[printing], redirected="> /dev/full")
    assert ran.returncode == 1
    assert ran.stderr == "error: standard output cannot be written\n  why    No space left on device\n"


@pytest.mark.parametrize("printing", PRINTING)
def test_a_pipe_that_nobody_reads_ends_it_in_silence_as_sigpipe_does(fguard: Fguard, printing: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = run(fguard, *PRINTING[printing], stdout=writing)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (141, "")


def test_closed_streams_matter_only_where_they_are_needed(fguard: Fguard) -> None:
    written = run(fguard, *INSTRUMENT, "-o", "out.json", redirected="<&- >&- 2>&-")
    assert written.returncode == 0
    instrumented((fguard.folder / "out.json").read_text())
    lost = run(fguard, *INSTRUMENT, redirected=">&-")
    assert lost.returncode == 1
    assert lost.stderr == "error: standard output cannot be written\n  why    Bad file descriptor\n"


def test_the_exit_code_tells_it_where_standard_error_is_full(fguard: Fguard) -> None:
    assert run(fguard, "instrument", "nothere.json", *FLAGS, redirected="2> /dev/full").returncode == 64
    ran = run(fguard, *INSTRUMENT, redirected="2> /dev/full", stdout=subprocess.PIPE)
    assert ran.returncode == 0
    assert instrumented(ran.stdout)
