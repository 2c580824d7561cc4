"""The public API: its documented example runs, and it needs the standard library only."""

from __future__ import annotations

import doctest
import subprocess
import sys

import fargate_guard.taskdef


def test_the_documented_example_runs() -> None:
    outcome = doctest.testmod(fargate_guard.taskdef)
    assert outcome.attempted > 5
    assert outcome.failed == 0


def test_it_imports_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; before = set(sys.modules); import fargate_guard.taskdef; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert loaded == ["fargate_guard"]
