"""Who answers when a deploy is asked to stop: the option, else whoever sits at the terminal, else nobody."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from fargate_guard.cli.command import Invocation
from fargate_guard.cli.screen import Screen
from fargate_guard.cli.terraform_options import stack_choice
from fargate_guard.errors import UsageError


class Stream(io.StringIO):
    """A standard stream that may be a terminal."""

    def __init__(self, text: str = "", *, terminal: bool) -> None:
        super().__init__(text)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def answer(typed: str, *, option: str | None = None, terminal: bool = True, operation: str = "update") -> str:
    """What becomes of the operation, and nothing but the question is on standard error."""
    stderr = Stream(terminal=terminal)
    screen = Screen(Stream(terminal=terminal), stderr, Stream(typed, terminal=terminal), {})
    run = Invocation("deploy", screen, {}, Path("fguard.yaml"), False, None, None)
    chosen = stack_choice(run, on_interrupt=option).on_interrupt(operation)
    asked = "goes on with its" in stderr.getvalue()
    assert asked is (terminal and option is None)
    return chosen


@pytest.mark.parametrize("operation", ["create", "update"])
def test_on_a_terminal_only_the_word_takes_it_back(operation: str) -> None:
    assert answer("cancel\n", operation=operation) == "cancel"
    for typed in ("\n", "", "yes\n", "no\n", "CANCEL\n"):
        assert answer(typed, operation=operation) == "leave"


def test_without_a_terminal_it_is_left_running() -> None:
    assert answer("cancel\n", terminal=False) == "leave"


@pytest.mark.parametrize("option", ["leave", "cancel"])
def test_the_option_answers_beforehand(option: str) -> None:
    for terminal in (True, False):
        assert answer("\n", option=option, terminal=terminal) == option


def test_another_answer_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="'stop'"):
        answer("", option="stop")
