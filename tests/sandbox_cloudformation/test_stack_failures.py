"""A stack that does not go well: every stuck state is reached, and left again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fargate_guard.sandbox.faults import Fault, FaultKind
from tests.sandbox.sandbox_account import client
from tests.sandbox_cloudformation.stacks import log_group, refused, role

if TYPE_CHECKING:
    from tests.sandbox_cloudformation.stacks import Stacks

TWO = {"Base": log_group(name="/base"), "Upon": log_group(DependsOn="Base")}


def test_a_failed_creation_is_rolled_back_with_its_cause(stacks: Stacks) -> None:
    stacks.fail("Upon", "create", "Invalid request provided: no such thing")
    stacks.create(TWO)
    assert stacks.status == "ROLLBACK_COMPLETE"
    assert stacks.reason("Upon", "CREATE_FAILED") == "Invalid request provided: no such thing"
    assert stacks.reason("stack", "ROLLBACK_IN_PROGRESS") == (
        "The following resource(s) failed to create: [Upon]. Rollback requested by user."
    )
    assert stacks.retention("/base") is None
    code, message = refused(stacks.update, {"Base": log_group(30)})
    assert code == "ValidationError"
    assert message == f"Stack:{stacks.describe()['StackId']} is in ROLLBACK_COMPLETE state and can not be updated."
    stack_id = stacks.describe()["StackId"]
    stacks.delete()
    assert stacks.describe(stack_id)["StackStatus"] == "DELETE_COMPLETE"


def test_a_real_refusal_of_the_service_reads_as_a_resource_handler_s(stacks: Stacks) -> None:
    stacks.create({"Log": log_group(name="/twice")})
    stacks.name += "-again"
    stacks.create({"Log": log_group(name="/twice")})
    assert stacks.status == "ROLLBACK_COMPLETE"
    reason = stacks.reason("Log", "CREATE_FAILED")
    assert reason.startswith('Resource handler returned message: "')
    assert "HandlerErrorCode: AlreadyExists)" in reason
    assert stacks.retention("/twice") == 7


def test_what_is_under_way_is_cancelled_when_another_resource_fails(stacks: Stacks) -> None:
    stacks.fail("Bad", "create")
    stacks.hang("Slow", "create")
    stacks.create({"Bad": log_group(), "Slow": log_group()})
    assert stacks.reason("Slow", "CREATE_FAILED") == "Resource creation cancelled"
    assert stacks.reason("stack", "ROLLBACK_IN_PROGRESS").startswith(
        "The following resource(s) failed to create: [Bad, Slow]."
    )


def test_a_failed_creation_may_stay_as_it_is_and_be_rolled_back_later(stacks: Stacks) -> None:
    fault = stacks.fail("Upon", "create")
    stacks.create(TWO, DisableRollback=True)
    assert stacks.status == "CREATE_FAILED"
    assert stacks.retention("/base") == 7
    stacks.sandbox.faults.remove(fault)
    stacks.api.rollback_stack(StackName=stacks.name)
    stacks.clock.advance(20)
    assert stacks.status == "ROLLBACK_COMPLETE"
    assert stacks.retention("/base") is None


def test_a_failed_creation_may_delete_the_stack(stacks: Stacks) -> None:
    stacks.fail("Upon", "create")
    stack_id = stacks.create(TWO, OnFailure="DELETE")
    assert stacks.describe(stack_id)["StackStatus"] == "DELETE_COMPLETE"


def test_rollback_failed_is_left_by_deleting(stacks: Stacks) -> None:
    stacks.fail("Upon", "create")
    fault = stacks.fail("Base", "delete", "still in use")
    stacks.create(TWO)
    assert stacks.status == "ROLLBACK_FAILED"
    assert stacks.describe()["StackStatusReason"] == "The following resource(s) failed to delete: [Base]. "
    stacks.sandbox.faults.remove(fault)
    stack_id = stacks.describe()["StackId"]
    stacks.delete()
    assert stacks.describe(stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert stacks.retention("/base") is None


def test_a_failed_update_brings_everything_back(stacks: Stacks) -> None:
    old = {"Changed": log_group(), "Renamed": log_group(name="/before"), "Bad": log_group(DependsOn="Renamed")}
    stacks.create(old)
    changed = stacks.resources()["Changed"]
    stacks.fail("Bad", "update", "no such retention", count=1)
    new = {
        "Changed": log_group(30),
        "Renamed": log_group(name="/after"),
        "Added": log_group(name="/added"),
        "Bad": log_group(60, DependsOn=["Renamed", "Changed", "Added"]),
    }
    stacks.update(new)
    assert stacks.status == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.reason("stack", "UPDATE_ROLLBACK_IN_PROGRESS") == (
        "The following resource(s) failed to update: [Bad]. "
    )
    assert stacks.retention(changed) == 7
    assert stacks.retention("/before") == 7
    assert stacks.retention("/after") is None
    assert stacks.retention("/added") is None
    assert stacks.resources()["Renamed"] == "/before"
    assert set(stacks.resources()) == set(old)
    told = stacks.told()
    assert told[told.index("stack UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS") :][-1] == (
        "stack UPDATE_ROLLBACK_COMPLETE"
    )
    stacks.update(new)
    assert stacks.status == "UPDATE_COMPLETE"
    assert stacks.retention("/after") == 7


@pytest.mark.parametrize("skip", [[], ["Bad"]])
def test_update_rollback_failed_is_left_by_continuing(stacks: Stacks, skip: list[str]) -> None:
    stacks.create({"Bad": log_group(), "Other": log_group()})
    stacks.fail("Bad", "update", "broken")
    stacks.update({"Bad": log_group(30), "Other": log_group(30)})
    assert stacks.status == "UPDATE_ROLLBACK_FAILED"
    code, message = refused(stacks.update, {"Bad": log_group(60)})
    assert message.endswith("is in UPDATE_ROLLBACK_FAILED state and can not be updated.")
    if not skip:
        stacks.sandbox.faults.clear()
    stacks.api.continue_update_rollback(StackName=stacks.name, ResourcesToSkip=skip)
    stacks.clock.advance(20)
    assert stacks.status == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.retention(stacks.resources()["Other"]) == 7
    code, message = refused(stacks.api.continue_update_rollback, StackName=stacks.name)
    assert (code, message) == (
        "ValidationError",
        "ContinueUpdateRollback cannot be called from current stack status",
    )


def test_only_what_failed_can_be_skipped(stacks: Stacks) -> None:
    stacks.create({"Bad": log_group(), "Fine": log_group()})
    stacks.fail("Bad", "update")
    stacks.update({"Bad": log_group(30), "Fine": log_group()})
    call = stacks.api.continue_update_rollback
    code, message = refused(call, StackName=stacks.name, ResourcesToSkip=["Fine"])
    assert code == "ValidationError"
    assert "[Fine]" in message


def test_a_failed_update_may_stay_as_it_is_and_be_rolled_back_or_repaired(stacks: Stacks) -> None:
    stacks.create({"Bad": log_group(name="/bad")})
    stacks.fail("Bad", "update", count=2)
    stacks.update({"Bad": log_group(30, name="/bad")}, DisableRollback=True)
    assert stacks.status == "UPDATE_FAILED"
    stacks.update({"Bad": log_group(60, name="/bad")}, DisableRollback=True)
    assert stacks.status == "UPDATE_FAILED"
    stacks.api.rollback_stack(StackName=stacks.name)
    stacks.clock.advance(20)
    assert stacks.status == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.retention("/bad") == 7


def test_delete_failed_is_left_by_retaining_or_by_force(stacks: Stacks) -> None:
    stack_id = stacks.create({"Stuck": log_group(name="/stuck"), "Other": log_group(name="/other-one")})
    _, message = refused(stacks.delete, RetainResources=["Stuck"])
    assert message.endswith("specify which resources to retain only when the stack is in the DELETE_FAILED state.")
    stacks.fail("Stuck", "delete", "it is in use")
    stacks.delete()
    assert stacks.status == "DELETE_FAILED"
    assert stacks.describe()["StackStatusReason"] == "The following resource(s) failed to delete: [Stuck]. "
    assert stacks.retention("/other-one") is None
    stacks.delete(RetainResources=["Stuck"])
    assert stacks.describe(stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert stacks.retention("/stuck") == 7


def test_force_deletion_keeps_what_cannot_be_deleted(stacks: Stacks) -> None:
    stack_id = stacks.create({"Stuck": log_group(name="/forced")})
    stacks.fail("Stuck", "delete")
    stacks.delete()
    stacks.delete(DeletionMode="FORCE_DELETE_STACK")
    assert stacks.describe(stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert stacks.retention("/forced") == 7


def test_an_update_that_hangs_can_be_cancelled(stacks: Stacks) -> None:
    stacks.create({"Slow": log_group(), "Quick": log_group()})
    code, message = refused(stacks.api.cancel_update_stack, StackName=stacks.name)
    assert (code, message) == ("ValidationError", "CancelUpdateStack cannot be called from current stack status")
    fault = stacks.hang("Slow", "update")
    stacks.update({"Slow": log_group(30), "Quick": log_group(30)})
    assert stacks.status == "UPDATE_IN_PROGRESS"
    code, message = refused(stacks.delete)
    assert message.endswith("cannot be deleted while in status UPDATE_IN_PROGRESS")
    stacks.api.cancel_update_stack(StackName=stacks.name)
    assert stacks.reason("Slow", "UPDATE_FAILED") == "Resource update cancelled"
    stacks.sandbox.faults.remove(fault)
    stacks.clock.advance(20)
    assert stacks.status == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.retention(stacks.resources()["Quick"]) == 7


def test_a_creation_that_hangs_can_be_deleted_or_runs_out_of_time(stacks: Stacks) -> None:
    fault = stacks.hang("Slow", "create")
    stack_id = stacks.create({"Slow": log_group()})
    assert stacks.status == "CREATE_IN_PROGRESS"
    stacks.delete()
    assert stacks.describe(stack_id)["StackStatus"] == "DELETE_COMPLETE"
    stacks.create({"Slow": log_group()}, TimeoutInMinutes=1)
    stacks.clock.advance(60)
    assert stacks.status == "ROLLBACK_COMPLETE"
    stacks.sandbox.faults.remove(fault)


def test_cleanup_that_fails_leaves_an_update_complete_and_says_so(stacks: Stacks) -> None:
    stacks.create({"Kept": log_group(), "Gone": log_group(name="/left-behind")})
    stacks.fail("Gone", "delete")
    stacks.update({"Kept": log_group(30)})
    assert stacks.status == "UPDATE_COMPLETE"
    assert stacks.describe()["StackStatusReason"] == (
        "Update successful. One or more resources could not be deleted."
    )
    assert stacks.retention("/left-behind") == 7


def test_a_resource_keeps_its_type(stacks: Stacks) -> None:
    stacks.create({"Same": log_group()})
    code, message = refused(stacks.update, {"Same": role()}, Capabilities=["CAPABILITY_IAM"])
    assert code == "ValidationError"
    assert message == (
        "Update of resource type is not permitted. The new template modifies resource type of the following "
        "resources: [Same]"
    )


def test_a_call_that_a_service_refuses_fails_the_resource(stacks: Stacks) -> None:
    stacks.sandbox.faults.add(
        Fault(FaultKind.API_ERROR, aws_service="logs", action="CreateLogGroup", code="AccessDeniedException")
    )
    stacks.create({"Log": log_group()})
    reason = stacks.reason("Log", "CREATE_FAILED")
    assert "Asked for by a sandbox fault. (Service: CloudWatchLogs, Status Code: 400, Request ID: " in reason
    assert reason.endswith("HandlerErrorCode: AccessDenied)")


def test_a_custom_name_cannot_be_replaced_by_itself(stacks: Stacks) -> None:
    """A name of the template's own is taken by what is to be replaced."""
    name = f"{stacks.name}-role"
    stacks.create({"Role": role(RoleName=name, Path="/a/")}, Capabilities=["CAPABILITY_NAMED_IAM"])
    stacks.update({"Role": role(RoleName=name, Path="/b/")}, Capabilities=["CAPABILITY_NAMED_IAM"])
    assert stacks.status == "UPDATE_ROLLBACK_COMPLETE"
    assert client(stacks.sandbox, "iam").get_role(RoleName=name)["Role"]["Path"] == "/a/"
