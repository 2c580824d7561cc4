"""A command line that is parsed without Typer means what it means to Typer."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
from hypothesis import given
from hypothesis import strategies as st
from typer.exceptions import TyperException

from fargate_guard.cli.command import Command
from fargate_guard.cli.instrument import instrument
from fargate_guard.cli.plain_arguments import plain_values
from fargate_guard.cli.uninstrument import uninstrument
from fargate_guard.errors import ExitCode

if TYPE_CHECKING:
    from tests.fguard_process import Fguard

COMMANDS = {"instrument": instrument, "uninstrument": uninstrument}
FLAGS = {
    name: sorted({flag for option in typer.main.get_command(command.application()).params for flag in option.opts})
    for name, command in COMMANDS.items()
}
words = st.sampled_from(["web.json", "a b", "-", "--", "--bogus", "", "5", "0", "-1", "1.5", "x=y", "true", "é"])
variables = st.dictionaries(
    st.sampled_from(["FGUARD_OFFLINE", "FGUARD_CONFIG", "FGUARD_TOPOLOGY", "FGUARD_IGNORE_CONTAINER"]),
    st.sampled_from(["", "1", "direct", "a b"]),
    max_size=2,
)


class Recording(Command):
    """A command that only notes what it is called with."""

    values: dict[str, Any] | None = None

    def __call__(self, **values: Any) -> ExitCode:
        self.values = values
        return ExitCode.DONE


def by_typer(command: Command, arguments: list[str], environ: dict[str, str]) -> dict[str, Any] | None:
    """The values that Typer gives a command; None where it refuses the command line, or only explains."""
    recording = Recording(command.name, command.function, "", command.name)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FGUARD_")]:
            patch.delenv(name)
        for name, value in environ.items():
            patch.setenv(name, value)
        with contextlib.suppress(TyperException):
            typer.main.get_command(recording.application()).main(arguments, "fguard", standalone_mode=False)
    return recording.values


@st.composite
def command_lines(draw: st.DrawFn, name: str) -> list[str]:
    flags = st.sampled_from(FLAGS[name])
    joined = st.tuples(flags, words).map("=".join)
    pairs = st.tuples(flags, words).map(list)
    single = st.one_of(flags, words, joined).map(lambda one: [one])
    return [word for part in draw(st.lists(st.one_of(pairs, single), max_size=4)) for word in part]


@pytest.mark.parametrize("name", COMMANDS)
@given(data=st.data())
def test_a_plain_command_line_gives_the_values_that_typer_gives(name: str, data: st.DataObject) -> None:
    command = COMMANDS[name]
    arguments = ["web.json", *data.draw(command_lines(name))]
    environ = data.draw(variables)
    plain = plain_values(command.parameters, arguments, environ)
    if plain is not None:
        assert plain == by_typer(command, arguments, environ)


@pytest.mark.parametrize(
    "arguments",
    [
        ["web.json"],
        [
            "web.json",
            "other.json",
            "--output-dir=out",
            "--quiet",
            "--ignore-container",
            "a",
            "--ignore-container=b",
        ],
        [
            "-",
            "--orchestrator-host",
            "h",
            "--orchestrator-port",
            "6667",
            "--no-opt-in",
            "--pin-digests",
            "-c",
            "x",
        ],
    ],
)
def test_usual_command_lines_are_plain(arguments: list[str]) -> None:
    plain = plain_values(instrument.parameters, arguments, {"FGUARD_TOPOLOGY": "orchestrator"})
    assert plain is not None
    assert plain == by_typer(instrument, arguments, {"FGUARD_TOPOLOGY": "orchestrator"})


@pytest.mark.parametrize(
    "arguments",
    [[], ["--help"], ["web.json", "--bogus"], ["web.json", "--output"], ["web.json", "--orchestrator-port", "x"]],
)
def test_typer_explains_and_refuses(arguments: list[str]) -> None:
    assert plain_values(instrument.parameters, arguments, {}) is None


def test_a_mistake_on_the_command_line_is_told_as_ever(fguard: Fguard) -> None:
    ran = fguard("instrument", "web.json", "--orchestrator-port", "x")
    assert ran.exit_code == 64
    assert "--orchestrator-port" in ran.stderr
