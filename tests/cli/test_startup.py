"""fguard starts fast: command modules are imported when they are asked for, heavy packages where they are used."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from fargate_guard.cli.main import Commands, app
from fargate_guard.cli.on_demand import load_command

if TYPE_CHECKING:
    from tests.fguard_process import Fguard

HEAVY = {"boto3", "botocore", "jinja2", "moto", "pydantic", "python_terraform", "rich", "ruamel.yaml"}
SHORT_COMMAND_LINES = (["--version"], ["--help"], ["instrument", "--help"], ["instrument", "web.json", "--quiet"])
WEB = {
    "family": "web",
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "containerDefinitions": [{"name": "web", "image": "nginx:1.27", "entryPoint": ["nginx"]}],
}


RUN_AND_TELL = """
import sys
from fargate_guard.cli.main import run
code = run(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""


def imported_by(fguard: Fguard, *arguments: str) -> set[str]:
    """Names of all modules that are there after a run of fguard."""
    ran = subprocess.run(
        [sys.executable, "-c", RUN_AND_TELL, *arguments],
        cwd=fguard.folder,
        env=fguard.full_environ() | {"FGUARD_ORCHESTRATOR_HOST": "orchestrator.internal"},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ran.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", SHORT_COMMAND_LINES, ids=" ".join)
def test_a_short_command_line_imports_no_heavy_package(fguard: Fguard, arguments: list[str]) -> None:
    (fguard.folder / "web.json").write_text(json.dumps(WEB))
    imported = imported_by(fguard, *arguments)
    assert "typer" in imported
    assert not imported & HEAVY


def test_help_and_version_import_no_command(fguard: Fguard) -> None:
    for argument in ("--help", "--version"):
        assert "fargate_guard.cli.command" not in imported_by(fguard, argument)


def test_a_command_imports_no_other_command(fguard: Fguard) -> None:
    modules = {f"fargate_guard.cli.{name}" for name in Commands.summaries}
    assert imported_by(fguard, "instrument", "--help") & modules == {"fargate_guard.cli.instrument"}


@pytest.mark.parametrize("name", Commands.summaries)
def test_the_list_shows_a_whole_sentence_of_a_command_that_is_there(name: str) -> None:
    listed = next(line for line in CliRunner().invoke(app, ["--help"]).stdout.splitlines() if f"  {name} " in line)
    assert listed.endswith(".")
    assert len(listed) <= 80
    assert load_command(name).name == name


def test_completion_knows_the_commands_and_an_option_of_a_command_that_is_not_yet_imported(fguard: Fguard) -> None:
    assert complete(fguard, "fguard uninst") == ["uninstrument"]
    assert complete(fguard, "fguard sandbox st") == ["start", "stop", "status"]
    assert "--orchestrator-host" in complete(fguard, "fguard instrument --orch")


def complete(fguard: Fguard, line: str) -> list[str]:
    """What bash would offer for the last word of a line."""
    words = line.split()
    environ = {"_FGUARD_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return type(fguard)(fguard.folder, {**fguard.environ, **environ})().stdout.split()


def test_a_mistyped_command_is_told_the_nearest(fguard: Fguard) -> None:
    ran = fguard("instument")
    assert ran.exit_code == 64
    assert "No such command 'instument'. Did you mean 'instrument'" in ran.stderr


LATER_IN_THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from fargate_guard.cli.process import HARDLY_USED, run
code = run(["instrument", "web.json", "--quiet"])
assert "typer" not in sys.modules
early = {name: sys.modules[name] for name in HARDLY_USED}
with ThreadPoolExecutor(8) as threads:
    found = list(threads.map(lambda _: early["inspect"].signature, range(8)))
import copy, inspect, ipaddress
assert set(found) == {inspect.signature}
print(copy.copy([code]), ipaddress.ip_address("::1"), file=sys.stderr)
"""


def test_a_plain_command_line_needs_no_typer_and_what_is_hardly_used_is_there_when_it_is_used(
    fguard: Fguard,
) -> None:
    (fguard.folder / "web.json").write_text(json.dumps(WEB))
    ran = subprocess.run(
        [sys.executable, "-c", LATER_IN_THREADS],
        cwd=fguard.folder,
        env=fguard.full_environ() | {"FGUARD_ORCHESTRATOR_HOST": "orchestrator.internal"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stderr.splitlines()[-1] == "[0] ::1"
