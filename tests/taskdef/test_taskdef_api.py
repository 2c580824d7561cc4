"""The public API: its documented example runs, and it needs the standard library only."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import fargate_guard.cloudformation
import fargate_guard.taskdef

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


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


def test_the_page_of_the_documentation_runs_and_has_every_name() -> None:
    outcome = doctest.testfile(str(PAGE), module_relative=False)
    assert outcome.attempted > 15
    assert outcome.failed == 0
    written = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", PAGE.read_text()))))
    assert set(fargate_guard.taskdef.__all__) <= written


def test_every_name_is_there_under_its_own_name() -> None:
    for module in (fargate_guard.taskdef, fargate_guard.cloudformation):
        for name in module.__all__:
            assert name == "Json" or getattr(module, name).__name__ == name


def test_what_explains_costs_nobody_time_who_instruments() -> None:
    code = "import sys, fargate_guard.taskdef; print('fargate_guard.taskdef.explaining' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found == "False\n"
