"""What is shown is what is executed, and a request to stop leaves nothing half known."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from fargate_guard.aws.cloudformation import newest_event
from fargate_guard.errors import ExitCode, FguardError, Interrupted, PreflightError
from fargate_guard.stacks.template import StackTemplate
from fargate_guard.workflows.stack_following import Follower
from fargate_guard.workflows.stack_operation import (
    PlanOutdated,
    StackFailed,
    execute_stack,
    plan_stack,
    remove_stack,
    withdraw_plan,
)
from tests.stack_driver.stack_harness import log_groups
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.workflows.context import Context
    from tests.stack_driver.stack_harness import Stacks


def test_a_first_plan_adds_everything_and_withdrawn_it_leaves_no_stack(stacks: Stacks) -> None:
    plan = plan_stack(stacks.context, "first", log_groups("first", "One", "Two"))
    assert [(change.address, change.action) for change in plan.changes] == [("One", "create"), ("Two", "create")]
    assert stacks.status("first") == "REVIEW_IN_PROGRESS"
    withdraw_plan(stacks.context, plan)
    assert stacks.status("first") is None
    assert stacks.groups("first") == {}


def test_an_executed_plan_is_live_protected_and_changes_nothing_a_second_time(stacks: Stacks) -> None:
    template = log_groups("twice", "One", "Two", retention=7)
    stacks.deploy("twice", template)
    stack = stacks.find("twice")
    assert stack is not None
    assert (stack.status, stack.protected) == ("CREATE_COMPLETE", True)
    assert stacks.groups("twice") == {"One": 7, "Two": 7}
    assert stack.tags["fguard:deployment"] == "training"
    again = plan_stack(stacks.context, "twice", template)
    assert (again.has_changes, again.changes) == (False, ())
    assert stacks.pending_change_sets("twice") == []


def test_events_are_told_once_each_and_in_order(stacks: Stacks) -> None:
    stacks.deploy("told", log_groups("told", "One", "Two"))
    told = [line for line in stacks.heard.lines if line.startswith(("One", "Two", "told"))]
    assert told[0] == "told CREATE_IN_PROGRESS"
    assert told[-1] == "told CREATE_COMPLETE"
    assert told.index("One CREATE_COMPLETE") < told.index("Two CREATE_IN_PROGRESS")
    assert told.count("One CREATE_COMPLETE") == 1
    stacks.heard.lines.clear()
    stacks.deploy("told", log_groups("told", "One", "Two", retention=3))
    assert not [line for line in stacks.heard.lines if "CREATE" in line]


def test_an_update_tells_what_changes_in_place_and_what_is_replaced(stacks: Stacks) -> None:
    stacks.deploy("update", log_groups("update", "One", "Two"))
    changed = plan_stack(stacks.context, "update", log_groups("update", "One", retention=3))
    assert {change.address: change.action for change in changed.changes} == {"One": "update", "Two": "delete"}
    assert changed.changes[0].attributes == ("RetentionInDays",)
    withdraw_plan(stacks.context, changed)
    replaced = plan_stack(stacks.context, "update", log_groups("update", "One", "Two", names="-new"))
    assert {change.action for change in replaced.changes} == {"replace"}
    assert "LogGroupName cannot be changed in place" in (replaced.changes[0].reason or "")
    assert replaced.interruptions
    withdraw_plan(stacks.context, replaced)
    assert stacks.status("update") == "CREATE_COMPLETE"
    assert stacks.pending_change_sets("update") == []


@pytest.mark.parametrize("by", ["another change set", "an update"])
def test_a_plan_that_somebody_elses_change_made_obsolete_is_not_executed(stacks: Stacks, by: str) -> None:
    name = f"obsolete-{by.rsplit(maxsplit=1)[-1]}"
    stacks.deploy(name, log_groups(name, "One"))
    stale = plan_stack(stacks.context, name, log_groups(name, "One", retention=3))
    theirs = log_groups(name, "One", retention=5)
    if by == "an update":
        client = stacks.client("cloudformation")
        client.update_stack(StackName=name, TemplateBody=theirs.body)
        client.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 0.05})
    else:
        stacks.deploy(name, theirs)
    with pytest.raises(PlanOutdated) as outdated:
        execute_stack(stacks.context, stale)
    assert "fguard deploy" in (outdated.value.fix or "")
    assert stacks.groups(name) == {"One": 5}


def test_a_template_that_cloudformation_refuses_changes_nothing(stacks: Stacks) -> None:
    template = log_groups("broken", "One")
    broken = replace(template, body=template.body.replace("/broken/One", "!Ref Missing"))
    with pytest.raises(PreflightError) as refused:
        plan_stack(stacks.context, "broken", broken)
    assert "Missing" in (refused.value.why or "")
    assert stacks.status("broken") is None


def test_a_secret_parameter_keeps_its_value_without_being_given_again(stacks: Stacks) -> None:
    body = """\
Parameters:
  Secret: {Type: String, NoEcho: true}
  Days: {Type: Number}
Resources:
  One:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: !Sub "/kept/${Secret}", RetentionInDays: !Ref Days}
"""
    first = StackTemplate(body, {"Secret": "the-name", "Days": "1"}, ())
    stacks.deploy("kept", first)
    later = replace(first, parameters={"Days": "3"})
    execute_stack(stacks.context, plan_stack(stacks.context, "kept", later, keep_parameters=("Secret",)))
    assert stacks.groups("kept") == {"the-name": 3}


def test_a_large_template_goes_through_a_private_bucket_that_goes_with_the_stack(stacks: Stacks) -> None:
    template = log_groups("large", "One")
    large = replace(template, body=template.body + "#" * 52_000)
    stacks.deploy("large", large)
    s3, bucket = stacks.client("s3"), "fguard-templates-123456789012-us-east-1"
    assert any(f"making the bucket {bucket}" in line for line in stacks.heard.lines)
    assert stacks.groups("large") == {"One": 1}
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 1
    stack = stacks.find("large")
    assert stack is not None
    remove_stack(stacks.context, stack)
    with pytest.raises(ClientError):
        s3.head_bucket(Bucket=bucket)


def test_a_withdrawn_large_plan_takes_its_template_along(stacks: Stacks) -> None:
    template = log_groups("aside", "One")
    withdraw_plan(
        stacks.context,
        plan_stack(stacks.context, "aside", replace(template, body=template.body + "#" * 52_000)),
    )
    assert stacks.client("s3").list_buckets()["Buckets"] == []


def test_a_removed_stack_is_gone_although_it_was_protected(stacks: Stacks) -> None:
    stacks.deploy("gone", log_groups("gone", "One", "Two"))
    stack = stacks.find("gone")
    assert stack is not None
    assert sorted(remove_stack(stacks.context, stack)) == ["One", "Two"]
    assert stacks.status("gone") is None
    assert stacks.groups("gone") == {}


def ctrl_c_when(condition: Callable[[], bool], then: Callable[[], None] = lambda: None) -> Callable[[float], None]:
    """A wait that ends in Ctrl-C, once, when the condition holds.

    :param then: done at every later wait.
    """
    pressed: list[bool] = []

    def sleep(_seconds: float) -> None:
        if pressed:
            then()
        elif condition():
            pressed.append(True)
            raise KeyboardInterrupt
        time.sleep(0.02)

    return sleep


def interrupted(stacks: Stacks, name: str, wanted: str, retention: int = 1) -> Interrupted:
    """A deploy that is interrupted while it hangs on ``Two``; what hangs goes on when it is taken back."""
    hanging = ctrl_c_when(
        lambda: any(line.startswith("Two ") for line in stacks.heard.lines), then=stacks.sandbox.faults.clear
    )
    context = stacks.choosing(sleep=hanging, on_interrupt=lambda _operation: wanted)
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


def test_what_has_ended_before_it_could_be_taken_back_is_told_as_it_is(stacks: Stacks) -> None:
    stacks.deploy("late", log_groups("late", "One", "Two"))
    stacks.hang("update", "Two")

    def answer_late(_operation: str) -> str:
        stacks.sandbox.faults.clear()
        wait_until(lambda: stacks.status("late") == "UPDATE_COMPLETE", "the update is complete")
        return "cancel"

    hanging = ctrl_c_when(lambda: any(line.startswith("Two UPDATE") for line in stacks.heard.lines))
    with pytest.raises(Interrupted) as stopped:
        stacks.deploy(
            "late",
            log_groups("late", "One", "Two", retention=7),
            stacks.choosing(sleep=hanging, on_interrupt=answer_late),
        )
    assert "UPDATE_COMPLETE" in (stopped.value.why or "")
    assert "taken back" not in stopped.value.message
    assert stacks.groups("late") == {"One": 7, "Two": 7}


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
        stacks.deploy("second", log_groups("second", "One", "Two"), context)
    assert "goes on" in stopped.value.message
    assert stacks.status("second") == "DELETE_IN_PROGRESS"


def test_an_operation_that_never_begins_is_not_taken_for_done(stacks: Stacks) -> None:
    stacks.deploy("still", log_groups("still", "One"))
    stack = stacks.find("still")
    assert stack is not None
    ticks = iter(range(0, 10_000, 20))
    context = stacks.choosing(clock=lambda: float(next(ticks)))
    with pytest.raises(FguardError) as never:
        Follower(context, stack.stack_id, newest_event(context.aws, stack.stack_id)).to_the_end()
    assert "nothing has happened" in never.value.message


def test_a_subnet_that_an_earlier_change_left_is_what_the_fix_looks_for(stacks: Stacks) -> None:
    words = "The CIDR '10.0.32.0/20' conflicts with another subnet (Service: Ec2, Status Code: 400, Request ID: 1)"
    stacks.fail("create", "One", words, count=1)
    with pytest.raises(StackFailed) as failed:
        stacks.deploy("taken", log_groups("taken", "One"))
    find, delete, *_ = (failed.value.fix or "").splitlines()
    assert find.endswith("describe-subnets --region us-east-1 --filters Name=cidr-block,Values=10.0.32.0/20")
    assert delete.startswith("where an earlier change of the network left it")
