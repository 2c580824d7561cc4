"""Every state in which a stack is stuck: produced, explained with its first cause, refused, and left again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import botocore.session
import pytest

from fargate_guard.errors import ExitCode, PreflightError
from fargate_guard.stacks.states import DELETED, REVIEW, ROLLED_BACK, STUCK, SUCCEEDED, is_running
from fargate_guard.stacks.template import StackTemplate
from fargate_guard.workflows.stack_operation import (
    StackFailed,
    execute_stack,
    plan_stack,
    remove_stack,
)
from fargate_guard.workflows.stack_repair import repaired
from tests.stack_driver.stack_harness import TAGS, log_groups
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.stack_driver.stack_harness import Stacks


@dataclass
class Asked:
    """A user who answers everything alike."""

    answer: bool = True
    questions: list[str] = field(default_factory=list)

    def __call__(self, question: str) -> bool:
        self.questions.append(question)
        return self.answer


def fail_to_create(stacks: Stacks, name: str) -> StackFailed:
    """A creation that ended with everything removed again."""
    stacks.fail("create", "Two", "Resource limit exceeded", count=1)
    with pytest.raises(StackFailed) as failed:
        stacks.deploy(name, log_groups(name, "One", "Two"))
    return failed.value


def fail_to_roll_back(stacks: Stacks, name: str) -> None:
    """An update that failed, and whose rollback failed, too."""
    stacks.deploy(name, log_groups(name, "One", "Two"))
    stacks.fail("update", "Two", "The update is refused")  # and so is the one that would put it back
    with pytest.raises(StackFailed):
        stacks.deploy(name, log_groups(name, "One", "Two", retention=3))


def refusal(stacks: Stacks, name: str) -> PreflightError:
    """What a deploy without ``--repair`` says."""
    with pytest.raises(PreflightError) as refused:
        plan_stack(stacks.context, name, log_groups(name, "One", "Two"))
    assert refused.value.exit_code is ExitCode.PREFLIGHT_REFUSED
    assert "--repair" in (refused.value.fix or "")
    return refused.value


def test_a_failed_creation_tells_the_cause_its_place_and_that_it_was_rolled_back(stacks: Stacks) -> None:
    failed = fail_to_create(stacks, "cause")
    assert failed.exit_code is ExitCode.ROLLED_BACK
    assert failed.message == "CloudFormation could not create Two (AWS::Logs::LogGroup)"
    assert "line 5 of its template" in (failed.where or "")
    assert (failed.why or "").startswith("Resource limit exceeded")
    assert "ROLLBACK_COMPLETE" in (failed.why or "")
    assert "--repair" in (failed.fix or "")


def test_rollback_complete(stacks: Stacks) -> None:
    fail_to_create(stacks, "rolled")
    assert stacks.status("rolled") == "ROLLBACK_COMPLETE"
    refused = refusal(stacks, "rolled")
    assert "ROLLBACK_COMPLETE" in refused.message
    assert "first cause: Two (AWS::Logs::LogGroup) CREATE_FAILED: Resource limit exceeded" in (refused.why or "")
    stacks.deploy("rolled", log_groups("rolled", "One", "Two"), stacks.repairing())
    assert stacks.status("rolled") == "CREATE_COMPLETE"
    assert stacks.groups("rolled") == {"One": 1, "Two": 1}


def test_a_repair_that_is_not_confirmed_leaves_the_stack_as_it_was(stacks: Stacks) -> None:
    fail_to_create(stacks, "unconfirmed")
    with pytest.raises(PreflightError) as refused:
        plan_stack(stacks.repairing(lambda _question: False), "unconfirmed", log_groups("unconfirmed", "One"))
    assert "not confirmed" in refused.value.message
    assert stacks.status("unconfirmed") == "ROLLBACK_COMPLETE"


def test_rollback_failed(stacks: Stacks) -> None:
    stacks.fail("delete", "One", "It is in use", count=1)
    assert "ROLLBACK_FAILED" in str(fail_to_create(stacks, "half").why)
    assert stacks.status("half") == "ROLLBACK_FAILED"
    refusal(stacks, "half")
    stacks.deploy("half", log_groups("half", "One", "Two"), stacks.repairing())
    assert stacks.status("half") == "CREATE_COMPLETE"


def test_create_failed(stacks: Stacks) -> None:
    stacks.fail("create", "Two", count=1)
    client = stacks.client("cloudformation")
    body = log_groups("left", "One", "Two").body
    tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    client.create_stack(StackName="left", TemplateBody=body, OnFailure="DO_NOTHING", Tags=tags)
    wait_until(lambda: stacks.status("left") == "CREATE_FAILED", "the creation has failed")
    assert "what was made was left" in (refusal(stacks, "left").why or "")
    with pytest.raises(PreflightError) as yours:
        plan_stack(stacks.repairing(), "left", log_groups("left", "One"))  # as for a template of the user's own
    assert "One (AWS::Logs::LogGroup)" in (yours.value.why or "")
    assert "aws cloudformation delete-stack --stack-name left" in (yours.value.fix or "")
    assert stacks.status("left") == "CREATE_FAILED"
    stacks.deploy("left", log_groups("left", "One", "Two"), stacks.repairing())
    assert stacks.status("left") == "CREATE_COMPLETE"


def test_an_update_that_was_rolled_back_is_exit_5_and_no_obstacle(stacks: Stacks) -> None:
    stacks.deploy("back", log_groups("back", "One", "Two"))
    stacks.fail("update", "Two", "Refused", count=1)
    with pytest.raises(StackFailed) as failed:
        stacks.deploy("back", log_groups("back", "One", "Two", retention=3))
    assert failed.value.exit_code is ExitCode.ROLLED_BACK
    assert "what ran before runs on" in (failed.value.why or "")
    assert stacks.groups("back") == {"One": 1, "Two": 1}
    stacks.deploy("back", log_groups("back", "One", "Two", retention=3))
    assert stacks.groups("back") == {"One": 3, "Two": 3}


def test_update_failed_is_rolled_back_and_updated(stacks: Stacks) -> None:
    stacks.deploy("kept", log_groups("kept", "One", "Two"))
    stacks.fail("update", "Two", "The update is refused", count=1)
    client, body = stacks.client("cloudformation"), log_groups("kept", "One", "Two", retention=3).body
    client.update_stack(StackName="kept", TemplateBody=body, DisableRollback=True)
    wait_until(lambda: stacks.status("kept") == "UPDATE_FAILED", "the update has failed")
    assert "left as it is" in (refusal(stacks, "kept").why or "")
    stacks.deploy("kept", log_groups("kept", "One", "Two", retention=5), stacks.repairing())
    assert stacks.status("kept") == "UPDATE_COMPLETE"
    assert stacks.groups("kept") == {"One": 5, "Two": 5}


def test_update_rollback_failed_goes_on_when_its_cause_is_mended(stacks: Stacks) -> None:
    fail_to_roll_back(stacks, "mended")
    assert stacks.status("mended") == "UPDATE_ROLLBACK_FAILED"
    assert "The update is refused" in (refusal(stacks, "mended").why or "")
    stacks.sandbox.faults.clear()
    asked = Asked()
    context = stacks.repairing(asked)
    stacks.deploy("mended", log_groups("mended", "One", "Two", retention=5), context)
    assert asked.questions == []
    assert stacks.status("mended") == "UPDATE_COMPLETE"
    assert stacks.groups("mended") == {"One": 5, "Two": 5}


def test_update_rollback_failed_skips_what_still_fails_by_name_once_confirmed(stacks: Stacks) -> None:
    fail_to_roll_back(stacks, "skipped")
    asked = Asked()
    context = stacks.repairing(asked)
    plan_stack(context, "skipped", log_groups("skipped", "One", "Two"))
    assert stacks.status("skipped") == "UPDATE_ROLLBACK_COMPLETE"
    (question,) = asked.questions
    assert "Two (AWS::Logs::LogGroup)" in question
    assert any(line.startswith("warning: left as they are") for line in stacks.heard.lines)


def nested(stacks: Stacks, name: str, retention: int) -> StackTemplate:
    """A stack with a nested one that has the log groups ``One`` and ``Two``."""
    s3, inner = stacks.client("s3"), log_groups(name, "One", "Two", retention=retention)
    s3.create_bucket(Bucket="nested-templates")
    s3.put_object(Bucket="nested-templates", Key=f"{name}-{retention}.yaml", Body=inner.body.encode())
    url = f"https://nested-templates.s3.us-east-1.amazonaws.com/{name}-{retention}.yaml"
    body = f"Resources:\n  Logs:\n    Type: AWS::CloudFormation::Stack\n    Properties: {{TemplateURL: '{url}'}}\n"
    return StackTemplate(body, {}, ("CAPABILITY_AUTO_EXPAND",))


def test_a_nested_stacks_changes_events_and_cause_are_told_and_its_resources_named(stacks: Stacks) -> None:
    stacks.deploy("outer", nested(stacks, "outer", 1))
    assert any(".Two CREATE_COMPLETE" in line for line in stacks.heard.lines)
    stacks.fail("update", "Two", "The update is refused")
    plan = plan_stack(stacks.context, "outer", nested(stacks, "outer", 3))
    assert {change.address for change in plan.changes} == {"Logs", "Logs.One", "Logs.Two"}
    with pytest.raises(StackFailed) as failed:
        execute_stack(stacks.context, plan)
    assert ".Two (AWS::Logs::LogGroup)" in failed.value.message
    assert (failed.value.why or "").startswith("The update is refused")
    assert stacks.status("outer") == "UPDATE_ROLLBACK_FAILED"
    asked = Asked(answer=False)
    with pytest.raises(PreflightError):
        plan_stack(stacks.repairing(asked), "outer", nested(stacks, "outer", 1))
    (inner,) = [name for name in stacks.names() if name.startswith("outer-Logs-")]
    assert f"{inner}.Two (AWS::Logs::LogGroup)" in asked.questions[0]  # as ResourcesToSkip takes it


def test_delete_failed_keeps_what_cannot_be_deleted_once_confirmed(stacks: Stacks) -> None:
    stacks.deploy("stays", log_groups("stays", "One", "Two"))
    stack = stacks.find("stays")
    assert stack is not None
    stacks.fail("delete", "One", "It is in use")
    with pytest.raises(StackFailed) as failed:
        remove_stack(stacks.context, stack)
    assert "It is in use" in (failed.value.why or "")
    assert stacks.status("stays") == "DELETE_FAILED"
    refusal(stacks, "stays")
    asked = Asked()
    again = stacks.find("stays")
    assert again is not None
    remove_stack(stacks.repairing(asked), again)
    assert "One (AWS::Logs::LogGroup)" in asked.questions[-1]
    assert stacks.status("stays") is None
    assert stacks.groups("stays") == {"One": 1}


def test_delete_failed_is_deleted_whole_when_its_cause_is_mended(stacks: Stacks) -> None:
    stacks.deploy("again", log_groups("again", "One", "Two"))
    stack = stacks.find("again")
    assert stack is not None
    stacks.fail("delete", "One", "It is in use", count=1)
    with pytest.raises(StackFailed):
        remove_stack(stacks.context, stack)
    remove_stack(stacks.context, stack)
    assert stacks.groups("again") == {}


def test_review_in_progress_is_removed_or_explained_and_used(stacks: Stacks) -> None:
    client = stacks.client("cloudformation")
    body = log_groups("review", "One").body
    client.create_change_set(StackName="review", ChangeSetName="x", TemplateBody=body, ChangeSetType="CREATE")
    wait_until(lambda: stacks.status("review") == "REVIEW_IN_PROGRESS", "the stack is under review")
    stack = stacks.find("review")
    assert stack is not None
    assert remove_stack(stacks.context, stack) == ()
    assert stacks.status("review") is None
    client.create_change_set(StackName="review", ChangeSetName="y", TemplateBody=body, ChangeSetType="CREATE")
    stacks.deploy("review", log_groups("review", "One"))
    assert any("is under review" in line for line in stacks.heard.lines)
    assert stacks.status("review") == "CREATE_COMPLETE"


def test_a_failed_import_is_told_with_what_is_left_to_do_and_not_repaired(stacks: Stacks) -> None:
    """The one state that no call of CloudFormation leaves, and that no operation of fguard's leads to."""
    assert {status for status, stuck in STUCK.items() if stuck.repair is None} == {"IMPORT_ROLLBACK_FAILED"}
    stacks.deploy("imported", log_groups("imported", "One"))
    there = stacks.find("imported")
    assert there is not None
    stack = replace(there, status="IMPORT_ROLLBACK_FAILED")
    for context in (stacks.context, stacks.repairing()):
        with pytest.raises(PreflightError) as refused:
            repaired(context, stack, STUCK[stack.status], of_the_user=False)
        assert "IMPORT_ROLLBACK_FAILED" in refused.value.message
        assert "somebody imported resources" in (refused.value.why or "")
        assert "--repair" not in (refused.value.fix or "")
        assert "aws cloudformation delete-stack --stack-name imported" in (refused.value.fix or "")
    assert stacks.groups("imported") == {"One": 1}


def test_every_state_of_cloudformations_is_known() -> None:
    """As the SDK lists them: each is at work, at rest and well, stuck, under review, or gone."""
    shapes = botocore.session.get_session().get_service_model("cloudformation")
    states = set(shapes.shape_for("StackStatus").enum)
    well = (SUCCEEDED | ROLLED_BACK) - STUCK.keys()
    running = {state for state in states if is_running(state)}
    assert states == running | well | STUCK.keys() | {REVIEW, DELETED}
