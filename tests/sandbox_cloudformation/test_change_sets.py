"""Change sets: what they show, when they fail, and what executing them does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.sandbox_cloudformation.stacks import log_group, refused, role

if TYPE_CHECKING:
    from tests.sandbox_cloudformation.stacks import Stacks

Json = dict[str, Any]
IAM = ["CAPABILITY_IAM"]
DAYS = {"Parameters": {"Days": {"Type": "Number", "Default": 7}}}


def changes(described: Json) -> dict[str, Json]:
    return {each["ResourceChange"]["LogicalResourceId"]: each["ResourceChange"] for each in described["Changes"]}


def test_a_new_stack_is_in_review_until_its_change_set_is_executed(stacks: Stacks) -> None:
    described = stacks.change_set({"Log": log_group(name="/reviewed")}, kind="CREATE", Description="first")
    assert (described["Status"], described["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert described["Description"] == "first"
    assert changes(described)["Log"]["Action"] == "Add"
    assert stacks.status == "REVIEW_IN_PROGRESS"
    assert stacks.retention("/reviewed") is None
    stacks.execute()
    assert stacks.status == "CREATE_COMPLETE"
    assert stacks.retention("/reviewed") == 7
    assert stacks.describe()["ChangeSetId"] == described["ChangeSetId"]
    code, message = refused(stacks.change_set, {"Log": log_group()}, kind="CREATE", name="again")
    assert code == "ValidationError"
    assert (
        message == f"Stack [{stacks.name}] already exists and cannot be created again with the changeSet [again]."
    )


def test_a_change_set_that_is_being_made_cannot_be_deleted(stacks: Stacks) -> None:
    client = stacks.api
    made = client.create_change_set(
        StackName=stacks.name,
        ChangeSetName="being-made",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps({"Resources": {"Log": log_group()}}),
    )
    code, message = refused(client.delete_change_set, ChangeSetName=made["Id"])
    assert (code, message) == ("InvalidChangeSetStatus", "Cannot delete ChangeSet in status CREATE_IN_PROGRESS")


def test_a_stack_in_review_can_be_deleted(stacks: Stacks) -> None:
    stack_id = stacks.change_set({"Log": log_group()}, kind="CREATE")["StackId"]
    _, message = refused(stacks.change_set, {"Log": log_group()}, name="update")
    assert message.endswith("is in REVIEW_IN_PROGRESS state and can not be updated.")
    stacks.delete()
    assert stacks.describe(stack_id)["StackStatus"] == "DELETE_COMPLETE"


def test_replacement_is_true_conditional_or_false(stacks: Stacks) -> None:
    named = {"Fn::Sub": "/under${Renamed}"}
    stacks.create({"Renamed": log_group(name="/a"), "Under": log_group(name=named), "Changed": log_group()})
    resources = {"Renamed": log_group(name="/b"), "Under": log_group(name=named), "Changed": log_group(30)}
    found = changes(stacks.change_set(resources))
    assert {name: change["Replacement"] for name, change in found.items()} == {
        "Renamed": "True",
        "Under": "Conditional",
        "Changed": "False",
    }
    assert found["Renamed"]["PolicyAction"] == "ReplaceAndDelete"
    assert found["Under"]["Details"] == [
        {
            "Target": {"Attribute": "Properties", "Name": "LogGroupName", "RequiresRecreation": "Always"},
            "Evaluation": "Dynamic",
            "ChangeSource": "ResourceReference",
            "CausingEntity": "Renamed",
        }
    ]
    assert found["Changed"]["Details"] == [
        {
            "Target": {"Attribute": "Properties", "Name": "RetentionInDays", "RequiresRecreation": "Never"},
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }
    ]
    stacks.execute()
    assert stacks.resources()["Under"] == "/under/b"


def test_changes_of_parameters_metadata_and_tags_say_where_they_come_from(stacks: Stacks) -> None:
    resources = {"Log": log_group({"Ref": "Days"}, name="/by-parameter"), "Noted": log_group()}
    stacks.create(resources, sections=DAYS)
    resources["Noted"] = log_group(Metadata={"note": 1})
    given = [{"ParameterKey": "Days", "ParameterValue": "30"}]
    described = stacks.change_set(resources, sections=DAYS, Parameters=given, with_values=True)
    assert described["Parameters"] == [{"ParameterKey": "Days", "ParameterValue": "30"}]
    (detail,) = changes(described)["Log"]["Details"]
    assert (detail["ChangeSource"], detail["CausingEntity"]) == ("ParameterReference", "Days")
    assert (detail["Target"]["BeforeValue"], detail["Target"]["AfterValue"]) == ("7", "30")
    assert changes(described)["Noted"]["Scope"] == ["Metadata"]
    tags = [{"Key": "team", "Value": "a"}]
    keep = [{"ParameterKey": "Days", "UsePreviousValue": True}]
    tagged = changes(stacks.change_set(resources, sections=DAYS, name="tags", Tags=tags, Parameters=keep))
    assert tagged["Log"]["Scope"] == ["Tags"]


def test_removal_follows_the_deletion_policy(stacks: Stacks) -> None:
    resources = {"Stays": log_group(), "Gone": log_group(), "Retained": log_group(DeletionPolicy="Retain")}
    stacks.create(resources)
    found = changes(stacks.change_set({"Stays": log_group()}))
    assert {name: (change["Action"], change["PolicyAction"]) for name, change in found.items()} == {
        "Gone": ("Remove", "Delete"),
        "Retained": ("Remove", "Retain"),
    }


def test_a_change_set_without_changes_fails_in_one_of_two_wordings(stacks: Stacks) -> None:
    stacks.create({"Log": log_group()})
    described = stacks.change_set({"Log": log_group()}, name="same")
    assert (described["Status"], described["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert described["StatusReason"] == (
        "The submitted information didn't contain changes. Submit different information to create a change set."
    )
    code, message = refused(stacks.execute, "same")
    assert code == "InvalidChangeSetStatus"
    assert message.endswith("cannot be executed in its current status of [FAILED]")
    described = stacks.change_set({"Log": log_group()}, name="described", sections={"Description": "new words"})
    assert (described["Status"], described["StatusReason"]) == ("FAILED", "No updates are to be performed.")


def test_outputs_alone_are_a_change(stacks: Stacks) -> None:
    stacks.create({"Log": log_group(name="/told")})
    described = stacks.change_set({"Log": log_group(name="/told")}, sections={"Outputs": {"N": {"Value": "1"}}})
    assert (described["Status"], described["Changes"]) == ("CREATE_COMPLETE", [])
    stacks.execute()
    assert stacks.describe()["Outputs"] == [{"OutputKey": "N", "OutputValue": "1"}]


def test_other_change_sets_are_obsolete_once_the_stack_has_changed(stacks: Stacks) -> None:
    stacks.create({"Log": log_group()})
    for name, days in (("one", 30), ("two", 60)):
        stacks.change_set({"Log": log_group(days)}, name=name)
    stacks.execute("one")
    summaries = stacks.api.list_change_sets(StackName=stacks.name)["Summaries"]
    found = {each["ChangeSetName"]: each["ExecutionStatus"] for each in summaries}
    assert found == {"one": "EXECUTE_COMPLETE", "two": "OBSOLETE"}
    code, message = refused(stacks.execute, "two")
    assert message.endswith("cannot be executed in its current status of [OBSOLETE]")
    stacks.api.delete_change_set(StackName=stacks.name, ChangeSetName="two")
    code, message = refused(stacks.api.describe_change_set, StackName=stacks.name, ChangeSetName="two")
    assert (code, message) == ("ChangeSetNotFound", "ChangeSet [two] does not exist")


def test_a_failed_execution_is_told_and_obeys_disable_rollback(stacks: Stacks) -> None:
    stacks.create({"Log": log_group()})
    stacks.change_set({"Log": log_group(30)})
    stacks.fail("Log", "update")
    stacks.execute(DisableRollback=True)
    assert stacks.status == "UPDATE_FAILED"
    described = stacks.api.describe_change_set(StackName=stacks.name, ChangeSetName="changes")
    assert described["ExecutionStatus"] == "EXECUTE_FAILED"


def test_capabilities_names_and_stacks_are_checked_at_once(stacks: Stacks) -> None:
    code, message = refused(stacks.change_set, {"Role": role()}, kind="CREATE")
    assert (code, message) == ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")
    code, message = refused(stacks.change_set, {"Log": log_group()})
    assert (code, message) == ("ValidationError", f"Stack [{stacks.name}] does not exist")
    assert stacks.change_set({"Role": role()}, kind="CREATE", Capabilities=IAM)["Capabilities"] == IAM
    code, message = refused(stacks.change_set, {"Role": role()}, kind="CREATE", Capabilities=IAM)
    assert code == "AlreadyExistsException"


def test_secrets_are_masked_wherever_they_would_be_shown(stacks: Stacks) -> None:
    sections = {"Parameters": {"Key": {"Type": "String", "NoEcho": True}}}
    secret = [{"ParameterKey": "Key", "ParameterValue": "very-secret"}]
    resources = {"Role": role(Description={"Fn::Sub": "key ${Key}"})}
    described = stacks.change_set(
        resources, kind="CREATE", sections=sections, Parameters=secret, Capabilities=IAM, with_values=True
    )
    stacks.execute()
    shown = json.dumps([described, stacks.describe(), stacks.events()], default=str)
    assert "very-secret" not in shown
    assert "key ****" in shown
