"""How long whole processes take and how much memory they need; the rest of this folder prints ratios of these.

The commands take turns, so that other load on the machine disturbs all of them alike. They run with the compiled
bytecode that an installed package has.
"""

from __future__ import annotations

import compileall
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import fargate_guard

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROUNDS = 10
FGUARD = (str(Path(sys.executable).with_name("fguard")),)
INSTRUMENT = (*FGUARD, "instrument", "--quiet", "--orchestrator-host", "orchestrator.internal")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process cost: medians of all rounds."""

    seconds: float
    mebibytes: float
    """Peak of the resident memory; a process counts at least what this one had when it started it."""

    @property
    def milliseconds(self) -> float:
        return 1000 * self.seconds


def python(program: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program, *arguments)


def costs(commands: Mapping[str, Sequence[str]], folder: Path, outputs: Sequence[str] = ()) -> dict[str, Cost]:
    """Run every command once to warm up and then ten times in turn, and return their medians.

    :param outputs: folders below ``folder`` that the commands write; removed before every turn.
    """
    compileall.compile_dir(Path(fargate_guard.__file__).parent, quiet=1)
    unwanted = ("AWS_", "FGUARD_", "PYTHON")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    turns = []
    for _ in range(1 + ROUNDS):
        for output in outputs:
            shutil.rmtree(folder / output, ignore_errors=True)
        turns.append({name: one_run(command, folder, environ) for name, command in commands.items()})
    return {name: median(turn[name] for turn in turns[1:]) for name in commands}


def one_run(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Cost:
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)[:200]} ended with exit code {process.returncode}")
    return Cost(seconds, usage.ru_maxrss / 1024)


def median(runs: Iterable[Cost]) -> Cost:
    every = list(runs)
    return Cost(statistics.median(run.seconds for run in every), statistics.median(run.mebibytes for run in every))


def show(rows: Iterable[tuple[str, ...]]) -> None:
    """Print rows as columns, the first one to the left."""
    table = list(rows)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for first, *others in table:
        right = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *right]))
