"""A deploy that is stopped while CloudFormation is at work: what becomes of the stack is what the user says."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.small_stack import LOG_GROUP, SmallStack
from tests.terminal import CTRL_C, Terminal
from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

DEPLOY = ("deploy", "--method", "cloudformation", "--yes")
SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"


@pytest.fixture
def updating(configured: Callable[[str], SmallStack]) -> Callable[[str], SmallStack]:
    """Deployments whose next update hangs."""

    def make(name: str) -> SmallStack:
        small = configured(name).deployed()
        small.retain_for(7)
        small.hang("update")
        return small

    return make


def press_ctrl_c(terminal: Terminal, question: str) -> None:
    """Press it while CloudFormation hangs, and wait for the question."""
    terminal.wait_for(f"now: {LOG_GROUP}")
    terminal.type(CTRL_C)
    terminal.wait_for(question)


def test_ctrl_c_asks_and_an_update_is_taken_back_on_request(updating: Callable[[str], SmallStack]) -> None:
    small = updating("asked")
    with Terminal(small.fguard, *DEPLOY) as terminal:
        press_ctrl_c(terminal, "Type 'cancel' to put the former state back, or press Enter to leave it running: ")
        assert small.status == "UPDATE_IN_PROGRESS"
        terminal.type("cancel\n")
        terminal.wait_for("cancelling the update: CloudFormation puts the former state back")
        small.go_on()
        assert terminal.end() == 130
        assert "stopped: the update was taken back, as asked" in terminal.shown
    assert small.status == "UPDATE_ROLLBACK_COMPLETE"
    assert small.retention != 7


def test_ctrl_c_asks_and_a_half_made_stack_is_deleted_on_request(configured: Callable[[str], SmallStack]) -> None:
    small = configured("half")
    small.hang("create")
    with Terminal(small.fguard, *DEPLOY) as terminal:
        press_ctrl_c(terminal, "Type 'cancel' to delete what it has made, or press Enter to leave it running: ")
        terminal.type("cancel\n")
        terminal.wait_for("deleting the half-made stack")
        small.go_on()
        assert terminal.end() == 130
    assert small.status is None


def test_another_ctrl_c_leaves_it_running_and_the_terminal_as_it_was(
    updating: Callable[[str], SmallStack],
) -> None:
    small = updating("again")
    with Terminal(small.fguard, *DEPLOY) as terminal:
        press_ctrl_c(terminal, "or press Enter to leave it running: ")
        terminal.type("cancel\n")
        terminal.wait_for("cancelling the update")
        terminal.wait_for(f"now: {LOG_GROUP}")
        terminal.type(CTRL_C)
        assert terminal.end() == 130
        assert "CloudFormation goes on with its" in terminal.shown
        assert terminal.shown.count(HIDE_CURSOR) == terminal.shown.count(SHOW_CURSOR) > 0


def test_an_update_that_is_left_running_is_picked_up_by_the_next_run_and_the_one_after_a_kill(
    updating: Callable[[str], SmallStack],
) -> None:
    small = updating("left")
    with Terminal(small.fguard, *DEPLOY) as terminal:
        press_ctrl_c(terminal, "or press Enter to leave it running: ")
        terminal.type("\n")
        assert terminal.end() == 130
        assert "stopped looking; CloudFormation goes on with its update" in terminal.shown
    with Terminal(small.fguard, *DEPLOY) as second:
        second.wait_for("=> Follow the update that is under way")
        second.kill()
    assert small.status == "UPDATE_IN_PROGRESS"
    with Terminal(small.fguard, *DEPLOY) as third:
        third.wait_for("=> Follow the update that is under way")
        small.go_on()
        assert third.end() == 0, third.shown
        assert "Nothing to change: left" in third.shown
    assert (small.status, small.retention) == ("UPDATE_COMPLETE", 7)


def test_without_a_terminal_an_option_says_what_becomes_of_it(updating: Callable[[str], SmallStack]) -> None:
    small = updating("option")
    with small.fguard.start(*DEPLOY, "--on-interrupt", "cancel") as process:
        wait_until(lambda: small.status == "UPDATE_IN_PROGRESS", "the stack is being updated")
        process.send_signal(signal.SIGINT)
        wait_until(lambda: small.status == "UPDATE_ROLLBACK_IN_PROGRESS", "the update is taken back")
        small.go_on()
        _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, told
    assert "the update was taken back" in told
    assert small.status == "UPDATE_ROLLBACK_COMPLETE"
