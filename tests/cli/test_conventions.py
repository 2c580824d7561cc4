"""What holds for every command: options, help, exit codes, the two streams, and errors as one block."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from typing import TYPE_CHECKING

import pytest
import typer.main

from fargate_guard.cli.macro import macro
from fargate_guard.cli.main import Commands
from fargate_guard.cli.on_demand import load_command
from fargate_guard.cli.rules import rules
from fargate_guard.cli.sandbox import sandbox

if TYPE_CHECKING:
    from tests.fguard_process import Fguard


GROUPS = {"sandbox": sandbox, "macro": macro, "rules": rules}
COMMANDS = {
    **{name: load_command(name) for name in Commands.summaries if name not in GROUPS},
    **{
        f"{group} {name}": command
        for group, application in GROUPS.items()
        for name, command in typer.main.get_group(application).commands.items()
    },
}
SHARED = ("--json", "--config", "--region", "--profile", "--quiet", "--verbose")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_shared_options_the_exit_codes_and_an_example(name: str) -> None:
    command = COMMANDS[name]
    options = {option for parameter in command.params for option in parameter.opts}
    assert set(SHARED) <= options
    assert "Exit codes: 0 done" in str(command.help)
    assert f"\n  fguard {name}" in str(command.help)


def test_version_and_help_need_nothing(fguard: Fguard) -> None:
    assert fguard("--version").stdout.startswith("fguard ")
    assert fguard().stdout == fguard("--help").stdout


@pytest.mark.parametrize("arguments", [("plann",), ("plan", "--bogus"), ("plan", "extra"), ("render",)])
def test_a_wrong_command_line_is_exit_64_with_the_help_to_read(fguard: Fguard, arguments: tuple[str, ...]) -> None:
    ran = fguard(*arguments)
    assert ran.exit_code == 64
    assert ran.stdout == ""
    assert "fix    fguard" in ran.stderr
    assert "--help" in ran.stderr


def test_with_json_an_error_is_one_document_too(fguard: Fguard) -> None:
    ran = fguard("plan", "--json")
    assert ran.exit_code == 64
    assert ran.document["schema"] == "fguard.plan/v1"
    assert ran.document["exit_code"] == 64
    assert "fguard init" in ran.document["error"]["fix"]


def test_an_error_names_what_where_and_fix_and_never_shows_a_traceback(fguard: Fguard) -> None:
    (fguard.folder / "fguard.yaml").write_text("name: training\nsysdg: {}\n")
    ran = fguard("render", "-o", "out", "--region", "us-east-1")
    assert ran.exit_code == 64
    assert ran.stderr.startswith("error: the configuration has 2 mistakes\n  where  fguard.yaml:")
    assert "did you mean 'sysdig'?" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (fguard.folder / "out").exists()


def test_verbose_shows_the_traceback_of_an_error(fguard: Fguard) -> None:
    assert "Traceback" in fguard("plan", "--verbose").stderr


def test_a_method_that_does_not_exist_is_answered_with_those_that_do(fguard: Fguard) -> None:
    init(fguard)
    ran = fguard("render", "--method", "pulumi", "-o", "out")
    assert ran.exit_code == 64
    assert "'pulumi'" in ran.stderr
    assert "use one of: terraform, cloudformation" in ran.stderr


def test_no_credentials_are_told_with_the_way_to_get_some(fguard: Fguard) -> None:
    init(fguard)
    ran = fguard("plan", "--json")
    assert ran.exit_code == 4
    assert "credentials" in ran.document["error"]["message"]
    assert "fguard demo" in ran.document["error"]["fix"]


def test_the_access_key_must_be_in_its_variable_before_anything_happens(fguard: Fguard) -> None:
    init(fguard)
    ran = fguard("deploy", "--yes")
    assert ran.exit_code == 4
    assert "SYSDIG_ACCESS_KEY" in ran.stderr
    assert not (fguard.folder / ".fguard" / "training").exists()


def test_a_folder_that_cannot_be_written_is_an_error_not_a_bug(fguard: Fguard) -> None:
    init(fguard)
    (fguard.folder / "taken").write_text("")
    ran = fguard("render", "-o", "taken")
    assert ran.exit_code == 1
    assert "taken" in ran.stderr
    assert "bug" not in ran.stderr


def test_without_yes_and_without_a_terminal_nothing_is_even_asked_of_aws(fguard: Fguard) -> None:
    init(fguard)
    for command in ("deploy", "destroy"):
        ran = fguard(command)
        assert ran.exit_code == 64
        assert "--yes" in ran.stderr


def test_a_pipe_that_closes_early_ends_the_command_quietly(fguard: Fguard) -> None:
    process = fguard.start("--help")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.wait()


def test_init_writes_a_commented_configuration_that_is_valid(fguard: Fguard) -> None:
    ran = init(fguard)
    assert ran == ""
    text = (fguard.folder / "fguard.yaml").read_text()
    assert "# Prefix and tag of every resource." in text
    assert "$schema=.fguard/fguard.schema.json" in text
    assert json.loads((fguard.folder / ".fguard" / "fguard.schema.json").read_text())["title"] == "Config"
    assert fguard("render", "-o", "out").exit_code == 0


def test_init_overwrites_only_when_told(fguard: Fguard) -> None:
    init(fguard)
    before = (fguard.folder / "fguard.yaml").read_text()
    again = fguard("init", "--name", "other", "--region", "us-east-1", "--sysdig-region", "us1")
    assert again.exit_code == 64
    assert "--force" in again.stderr
    assert (fguard.folder / "fguard.yaml").read_text() == before


def test_init_asks_on_a_terminal_and_names_the_flag_elsewhere(fguard: Fguard) -> None:
    elsewhere = fguard("init")
    assert elsewhere.exit_code == 64
    assert "--name" in elsewhere.stderr
    asked = on_a_terminal(fguard, ["init"], answers="training\nus-east-1\neu1\n")
    assert "Name of the deployment" in asked
    assert "region: eu1" in (fguard.folder / "fguard.yaml").read_text()


@pytest.mark.parametrize("variable", ["NO_COLOR", "TERM"])
def test_colour_stays_off_where_it_is_not_wanted(fguard: Fguard, variable: str) -> None:
    plain = type(fguard)(fguard.folder, {**fguard.environ, variable: "dumb"})
    assert "\x1b[" not in on_a_terminal(plain, ["plan"])
    assert "\x1b[" not in fguard("plan").stderr
    assert "\x1b[" in on_a_terminal(type(fguard)(fguard.folder, {**fguard.environ, "TERM": "xterm"}), ["plan"])


def init(fguard: Fguard) -> str:
    ran = fguard("init", "--name", "training", "--region", "us-east-1", "--sysdig-region", "us1")
    assert ran.exit_code == 0, ran.stderr
    return ran.stdout


def on_a_terminal(fguard: Fguard, arguments: list[str], answers: str = "") -> str:
    """Run a command with a terminal on all three streams and return what it showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*fguard.command, *arguments],
        cwd=fguard.folder,
        env=fguard.full_environ(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, answers.encode())
    shown = b""
    while chunk := read_or_end(ours):
        shown += chunk
    process.wait(timeout=30)
    os.close(ours)
    return shown.decode()


def read_or_end(terminal: int) -> bytes:
    """Read what the terminal shows; Linux reports its end as an error."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
