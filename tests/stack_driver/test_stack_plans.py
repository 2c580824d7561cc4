"""What is shown is what is executed; what is not executed leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from fargate_guard.errors import PreflightError
from fargate_guard.stacks.template import StackTemplate
from fargate_guard.workflows.stack_operation import (
    PlanOutdated,
    execute_stack,
    plan_stack,
    remove_stack,
    withdraw_plan,
)
from tests.stack_driver.stack_harness import log_groups

if TYPE_CHECKING:
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
