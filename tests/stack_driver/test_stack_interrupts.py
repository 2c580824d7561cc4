"""Told to stop, fguard leaves CloudFormation at work or takes the operation back; a second run picks it up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from fargate_guard.errors import ExitCode, Interrupted
from fargate_guard.workflows.stack_operation import plan_stack, remove_stack
from tests.stack_driver.stack_harness import log_groups

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.workflows.context import Context
    from tests.stack_driver.stack_harness import Stacks


def ctrl_c_when(condition: Callable[[], bool]) -> Callable[[float], None]:
    """A wait that ends in Ctrl-C, once, when the condition holds."""
    pressed: list[bool] = []

    def sleep(_seconds: float) -> None:
        if not pressed and condition():
            pressed.append(True)
            raise KeyboardInterrupt
        time.sleep(0.02)

    return sleep


def interrupted(stacks: Stacks, name: str, wanted: str, retention: int = 1) -> Interrupted:
    """A deploy that is interrupted while it hangs on ``Two``."""
    hanging = ctrl_c_when(lambda: any(line.startswith("Two ") for line in stacks.heard.lines))

    def answer(_operation: str) -> str:
        if wanted == "cancel":
            stacks.clear()  # what hung does so no more
        return wanted

    context = stacks.choosing(sleep=hanging, on_interrupt=answer)
    stacks.heard.lines.clear()
    with pytest.raises(Interrupted) as stopped:
        stacks.deploy(name, log_groups(name, "One", "Two", retention=retention), context)
    assert stopped.value.exit_code is ExitCode.INTERRUPTED
    return stopped.value


def letting_go(stacks: Stacks) -> Context:
    """The context of a run in whose course what hangs goes on."""

    def sleep(_seconds: float) -> None:
        stacks.sandbox.faults.clear()
        time.sleep(0.02)

    return stacks.choosing(sleep=sleep)


def test_left_running_the_creation_is_picked_up_and_followed_by_the_next_run(stacks: Stacks) -> None:
    stacks.hang("create", "Two")
    stopped = interrupted(stacks, "leave", "leave")
    assert "CloudFormation goes on with its create" in stopped.message
    assert "fguard deploy" in (stopped.fix or "")
    assert stacks.status("leave") == "CREATE_IN_PROGRESS"
    stacks.heard.lines.clear()
    again = plan_stack(letting_go(stacks), "leave", log_groups("leave", "One", "Two"))
    assert not again.has_changes
    assert stacks.heard.lines[0].startswith("Follow the create that is under way")
    assert "Two CREATE_COMPLETE" in stacks.heard.lines
    assert "One CREATE_COMPLETE" not in stacks.heard.lines
    assert stacks.status("leave") == "CREATE_COMPLETE"


def test_a_creation_that_is_taken_back_leaves_nothing(stacks: Stacks) -> None:
    stacks.hang("create", "Two")
    stopped = interrupted(stacks, "half", "cancel")
    assert "taken back" in stopped.message
    assert stacks.status("half") is None
    assert stacks.groups("half") == {}


def test_an_update_that_is_taken_back_leaves_the_former_state(stacks: Stacks) -> None:
    stacks.deploy("former", log_groups("former", "One", "Two"))
    stacks.hang("update", "Two")
    stopped = interrupted(stacks, "former", "cancel", retention=7)
    assert "UPDATE_ROLLBACK_COMPLETE" in (stopped.why or "")
    assert stacks.groups("former") == {"One": 1, "Two": 1}


def test_a_deletion_is_never_taken_back_and_the_next_run_follows_it(stacks: Stacks) -> None:
    stacks.deploy("going", log_groups("going", "One", "Two"))
    stack = stacks.find("going")
    assert stack is not None
    stacks.hang("delete", "Two")
    hanging = ctrl_c_when(lambda: "Two DELETE_IN_PROGRESS" in stacks.heard.lines)
    with pytest.raises(Interrupted) as stopped:
        remove_stack(stacks.choosing(sleep=hanging, on_interrupt=lambda _operation: "cancel"), stack)
    assert "goes on with its delete" in stopped.value.message
    stacks.deploy("going", log_groups("going", "One"), letting_go(stacks))
    assert any(line.startswith("Follow the delete") for line in stacks.heard.lines)
    assert stacks.status("going") == "CREATE_COMPLETE"


def test_a_second_ctrl_c_while_it_is_taken_back_leaves_it_running(stacks: Stacks) -> None:
    stacks.hang("create", "Two")
    stacks.hang("delete", "One")

    def sleep(_seconds: float) -> None:
        lines = stacks.heard.lines
        if "Two CREATE_IN_PROGRESS" in lines and ("stopping" not in lines or "One DELETE_IN_PROGRESS" in lines):
            lines.append("stopping")
            raise KeyboardInterrupt
        time.sleep(0.02)

    context = stacks.choosing(sleep=sleep, on_interrupt=lambda _operation: "cancel")
    with pytest.raises(Interrupted) as stopped:
        stacks.deploy("twice", log_groups("twice", "One", "Two"), context)
    assert "goes on" in stopped.value.message
    assert stacks.status("twice") == "DELETE_IN_PROGRESS"
