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

interrupted, sys.argv = sys.argv[1], ["fguard", "instrument", "x.json"]
sys.meta_path.insert(0, Interrupting())
from fargate_guard.cli.process import main
main()
"""


@pytest.mark.parametrize("module", ["typer", "fargate_guard.cli.main", "fargate_guard.cli.instrument"])
def test_an_interrupted_import_ends_without_a_traceback(module: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT, module],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 130
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""
