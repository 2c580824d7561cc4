"""Ctrl-C before the first command has begun."""

from __future__ import annotations

import subprocess
import sys

import pytest

INTERRUPTED_IMPORT = """
import signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == interrupted:
            signal.raise_signal(signal.SIGINT)

interrupted, argument = sys.argv[1:]
sys.argv = ["fguard", "instrument", argument]
sys.meta_path.insert(0, Interrupting())
from fargate_guard.cli.process import main
main()
"""


@pytest.mark.parametrize(
    ("module", "argument"),
    [("typer", "--help"), ("fargate_guard.cli.main", "--help"), ("fargate_guard.cli.instrument", "x.json")],
)
def test_an_interrupted_import_ends_without_a_traceback(module: str, argument: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT, module, argument],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 130
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""
