"""Every state in which a stack can be stuck: produced, explained, and left again by ``fguard deploy --repair``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fargate_guard.stacks.states import STUCK
from tests.end_to_end.small_stack import LOG_GROUP, TASK_DEFINITION, SmallStack
from tests.terminal import Terminal
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

TAGS = {"fguard:managed-by": "fargate-guard"}


def rollback_complete(small: SmallStack) -> None:
    small.fail("create", TASK_DEFINITION, count=1)
    assert small.deploy().exit_code == 5


def rollback_failed(small: SmallStack) -> None:
    small.fail("create", TASK_DEFINITION, count=1)
    small.fail("delete", LOG_GROUP, count=1)
    assert small.deploy().exit_code == 1


def create_failed(small: SmallStack) -> None:
    """What ``fguard render`` wrote, created with another tool that removes nothing after a failure."""
    template = small.rendered_template()
    small.fail("create", TASK_DEFINITION, count=1)
    tags = {**TAGS, "fguard:deployment": small.name}
    small.cloudformation.create_stack(
        StackName=small.stack,
        TemplateBody=template,
        Capabilities=["CAPABILITY_IAM"],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        OnFailure="DO_NOTHING",
    )


def update_failed(small: SmallStack) -> None:
    """An update by another tool, which rolls nothing back."""
    small.deployed()
    small.fail("update", LOG_GROUP, count=1)
    (stack,) = small.cloudformation.describe_stacks(StackName=small.stack)["Stacks"]
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
    parameters["LogRetentionDays"] = "3"
    small.cloudformation.update_stack(
        StackName=small.stack,
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
        DisableRollback=True,
    )


def update_rollback_failed(small: SmallStack) -> None:
    small.deployed()
    small.retain_for(3)
    small.fail("update", LOG_GROUP, count=2)  # the second is the one that would put it back
    assert small.deploy().exit_code == 1


def delete_failed(small: SmallStack) -> None:
    small.deployed()
    small.fail("delete", LOG_GROUP, count=1)
    assert small.fguard("destroy", "--yes").exit_code == 1


PRODUCED = {
    "ROLLBACK_COMPLETE": rollback_complete,
    "ROLLBACK_FAILED": rollback_failed,
    "CREATE_FAILED": create_failed,
    "UPDATE_FAILED": update_failed,
    "UPDATE_ROLLBACK_FAILED": update_rollback_failed,
    "DELETE_FAILED": delete_failed,
}


@pytest.mark.parametrize("state", PRODUCED)
def test_a_stuck_stack_is_refused_with_its_cause_and_repaired_on_request(
    state: str, configured: Callable[[str], SmallStack]
) -> None:
    small = configured(state.lower().replace("_", "-"))
    PRODUCED[state](small)
    wait_until(lambda: small.status == state, f"the stack is {state}")
    refused = small.fguard("deploy", "--yes")
    assert refused.exit_code == 4, refused.stderr
    assert f"the stack {small.stack} is stuck: {state}" in refused.stderr
    assert STUCK[state].meaning in refused.stderr
    assert "first cause: " in refused.stderr
    assert "_FAILED: Asked for" in refused.stderr
    assert "fguard deploy --method cloudformation --repair" in refused.stderr
    told = small.fguard("status", "--no-drift")
    assert told.exit_code == 3, told.stderr
    assert STUCK[state].meaning in told.stdout + told.stderr
    removal = "go on with its removal: fguard destroy --repair"
    assert (removal in told.stdout + told.stderr) is (state == "DELETE_FAILED")
    assert small.status == state
    repaired = small.fguard("deploy", "--repair", "--yes", "--json")
    assert repaired.exit_code == 0, repaired.stderr
    assert f"=> Repair the stack {small.stack}" in repaired.stderr
    assert small.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
    outcomes = {one["outcome"] for one in repaired.document["verification"]["findings"]}
    assert "NG" not in outcomes


def test_destroy_takes_the_record_of_a_failed_creation_away(configured: Callable[[str], SmallStack]) -> None:
    small = configured("record")
    rollback_complete(small)
    destroyed = small.fguard("destroy", "--yes", "--json")
    assert destroyed.exit_code == 0, destroyed.stderr
    assert destroyed.document["removed"] == [small.stack]
    assert small.status is None


def test_a_repair_asks_and_without_yes_changes_nothing(configured: Callable[[str], SmallStack]) -> None:
    small = configured("asks")
    rollback_failed(small)
    with Terminal(small.fguard, "deploy", "--repair") as terminal:
        terminal.wait_for(f"Delete the stack {small.stack} with what is left of it?")
        terminal.wait_for(f"{LOG_GROUP} (AWS::Logs::LogGroup) /fguard/asks/web/agent")
        terminal.wait_for("Type 'yes' to go on: ")
        terminal.type("no\n")
        assert terminal.end() == 4
        assert "the repair was not confirmed; the stack is as it was" in terminal.shown
    assert small.status == "ROLLBACK_FAILED"


def test_what_still_cannot_be_rolled_back_is_left_and_named(configured: Callable[[str], SmallStack]) -> None:
    small = configured("left")
    small.deployed()
    small.retain_for(3)
    small.fail("update", LOG_GROUP, count=3)  # the update, its rollback, and the rollback that is continued
    assert small.deploy().exit_code == 1
    repaired = small.fguard("deploy", "--repair", "--yes")
    assert repaired.exit_code == 0, repaired.stderr
    assert "These still cannot be rolled back." in repaired.stderr
    assert f"left as they are, without their former state:\n  {LOG_GROUP}" in repaired.stderr
    assert (small.status, small.retention) == ("UPDATE_COMPLETE", 3)


def test_what_still_cannot_be_deleted_is_left_and_named(configured: Callable[[str], SmallStack]) -> None:
    small = configured("stays")
    small.deployed()
    small.fail("delete", LOG_GROUP)
    failed = small.fguard("destroy", "--yes")
    assert failed.exit_code == 1
    assert "fguard destroy --repair" in failed.stderr
    repaired = small.fguard("destroy", "--repair", "--yes")
    assert repaired.exit_code == 3, repaired.stderr
    assert f"left in the account, in no stack any more:\n  {LOG_GROUP}" in repaired.stderr
    assert "aws logs delete-log-group" in repaired.stdout
    assert small.status is None


def test_a_stack_under_review_is_no_obstacle(configured: Callable[[str], SmallStack]) -> None:
    small = configured("review")
    small.cloudformation.create_change_set(
        StackName=small.stack,
        ChangeSetName="never-executed",
        ChangeSetType="CREATE",
        TemplateBody=small.rendered_template(),
        Capabilities=["CAPABILITY_IAM"],
    )
    wait_until(lambda: small.status == "REVIEW_IN_PROGRESS", "the stack is under review")
    deployed = small.deploy()
    assert deployed.exit_code == 0, deployed.stderr
    assert "is under review (REVIEW_IN_PROGRESS): a first change set was made" in deployed.stderr
    assert small.status == "CREATE_COMPLETE"


def test_no_state_that_can_be_repaired_is_left_out() -> None:
    assert PRODUCED.keys() == {status for status, stuck in STUCK.items() if stuck.repair}
