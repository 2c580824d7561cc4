"""A stack that goes well: created, updated, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sandbox.sandbox_account import client
from tests.sandbox_cloudformation.stacks import log_group, refused, role

if TYPE_CHECKING:
    from tests.sandbox_cloudformation.stacks import Stacks


def test_a_stack_takes_its_time_and_tells_every_step(stacks: Stacks) -> None:
    resources = {"Second": log_group(DependsOn="First"), "First": log_group(name="/first")}
    body = {"Resources": resources}
    stack_id = stacks.api.create_stack(StackName=stacks.name, TemplateBody=str(body).replace("'", '"'))["StackId"]
    assert stacks.status == "CREATE_IN_PROGRESS"
    assert stacks.resources() == {"First": ""}
    stacks.clock.advance(20)
    assert stacks.status == "CREATE_COMPLETE"
    assert stacks.told() == [
        "stack CREATE_IN_PROGRESS",
        "First CREATE_IN_PROGRESS",
        "First CREATE_IN_PROGRESS",
        "First CREATE_COMPLETE",
        "Second CREATE_IN_PROGRESS",
        "Second CREATE_IN_PROGRESS",
        "Second CREATE_COMPLETE",
        "stack CREATE_COMPLETE",
    ]
    events = stacks.events()
    assert [event.get("ResourceStatusReason") for event in events[:3]] == [
        "User Initiated",
        None,
        "Resource creation Initiated",
    ]
    assert events[0]["PhysicalResourceId"] == stack_id
    assert stacks.resources()["First"] == "/first"
    assert stacks.resources()["Second"].startswith(f"{stacks.name}-Second-")


def test_what_does_not_depend_on_another_is_made_at_the_same_time(stacks: Stacks) -> None:
    stacks.create({"One": log_group(), "Two": log_group()})
    first, second = (
        [event["Timestamp"] for event in stacks.events() if event["LogicalResourceId"] == name]
        for name in ("One", "Two")
    )
    assert first == second


def test_an_update_changes_replaces_and_removes_and_then_cleans_up(stacks: Stacks) -> None:
    stacks.create({"Kept": log_group(), "Renamed": log_group(name="/old"), "Gone": log_group(name="/gone")})
    kept = stacks.resources()["Kept"]
    stacks.update({"Kept": log_group(14), "Renamed": log_group(name="/new"), "Added": log_group()})
    assert stacks.status == "UPDATE_COMPLETE"
    assert stacks.retention(kept) == 14
    assert stacks.retention("/new") == 7
    assert stacks.retention("/old") is None
    assert stacks.retention("/gone") is None
    assert set(stacks.resources()) == {"Kept", "Renamed", "Added"}
    told = stacks.told()
    cleanup = told.index("stack UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    assert set(told[cleanup + 1 : -1]) == {
        *("Renamed DELETE_IN_PROGRESS", "Renamed DELETE_COMPLETE"),
        *("Gone DELETE_IN_PROGRESS", "Gone DELETE_COMPLETE"),
    }
    reasons = [event.get("ResourceStatusReason") for event in stacks.events()]
    assert "Requested update requires the creation of a new physical resource; hence creating one." in reasons


def test_an_update_touches_nothing_that_stays_the_same(stacks: Stacks) -> None:
    stacks.create({"Same": log_group(), "Changed": log_group()})
    before = len(stacks.events())
    stacks.update({"Same": log_group(), "Changed": log_group(30)})
    assert not [event for event in stacks.told()[before:] if event.startswith("Same")]
    code, message = refused(stacks.update, {"Same": log_group(), "Changed": log_group(30)})
    assert (code, message) == ("ValidationError", "No updates are to be performed.")


def test_words_and_conditions_alone_are_no_update_and_policies_are(stacks: Stacks) -> None:
    sections = {"Conditions": {"Yes": {"Fn::Equals": ["a", "a"]}}}
    stacks.create({"Log": log_group(Condition="Yes")}, sections=sections)
    for other in (
        {**sections, "Description": "other words"},
        {"Conditions": {"Yes": {"Fn::Not": [{"Fn::Equals": ["a", "b"]}]}}},
        {"Conditions": {**sections["Conditions"], "Unused": {"Fn::Equals": ["a", "b"]}}},
    ):
        code, message = refused(stacks.update, {"Log": log_group(Condition="Yes")}, sections=other)
        assert (code, message) == ("ValidationError", "No updates are to be performed.")
    stacks.update({"Log": log_group(Condition="Yes", DeletionPolicy="Retain")}, sections=sections)
    assert stacks.status == "UPDATE_COMPLETE"


def test_new_tags_of_the_stack_reach_its_resources(stacks: Stacks) -> None:
    stacks.create({"Log": log_group(name="/tagged")}, Tags=[{"Key": "team", "Value": "a"}])
    stacks.update({"Log": log_group(name="/tagged")}, Tags=[{"Key": "team", "Value": "b"}])
    tags = stacks.logs.list_tags_log_group(logGroupName="/tagged")["tags"]
    assert tags["team"] == "b"
    assert tags["aws:cloudformation:logical-id"] == "Log"
    assert tags["aws:cloudformation:stack-name"] == stacks.name
    assert stacks.describe()["Tags"] == [{"Key": "team", "Value": "b"}]


def test_deletion_goes_backwards_and_keeps_what_a_policy_retains(stacks: Stacks) -> None:
    resources = {
        "Base": log_group(name="/base"),
        "Upon": log_group(name="/upon", DependsOn="Base"),
        "Retained": log_group(name="/retained", DeletionPolicy="Retain"),
    }
    stack_id = stacks.create(resources)
    stacks.delete()
    told = stacks.told(stack_id)
    assert told.index("Upon DELETE_COMPLETE") < told.index("Base DELETE_IN_PROGRESS")
    assert "Retained DELETE_SKIPPED" in told
    assert told[-1] == "stack DELETE_COMPLETE"
    assert stacks.retention("/base") is None
    assert stacks.retention("/retained") == 7
    message = f"Stack with id {stacks.name} does not exist"
    assert refused(stacks.describe) == ("ValidationError", message)
    assert stacks.describe(stack_id)["StackStatus"] == "DELETE_COMPLETE"


def test_termination_protection_refuses_deletion_at_once(stacks: Stacks) -> None:
    stacks.create({"Log": log_group()}, EnableTerminationProtection=True)
    code, message = refused(stacks.delete)
    assert code == "ValidationError"
    assert message == f"Stack [{stacks.name}] cannot be deleted while TerminationProtection is enabled"
    stacks.api.update_termination_protection(StackName=stacks.name, EnableTerminationProtection=False)
    stack_id = stacks.describe()["StackId"]
    stacks.delete()
    assert stacks.describe(stack_id)["StackStatus"] == "DELETE_COMPLETE"


def test_outputs_refer_to_what_was_made_and_exports_bind_stacks(stacks: Stacks) -> None:
    export = f"{stacks.name}-arn"
    outputs = {"Arn": {"Value": {"Fn::GetAtt": ["Log", "Arn"]}, "Export": {"Name": export}, "Description": "d"}}
    stack_id = stacks.create({"Log": log_group(name="/exported")}, sections={"Outputs": outputs})
    value = "arn:aws:logs:us-east-1:123456789012:log-group:/exported:*"
    shown = {"OutputKey": "Arn", "OutputValue": value, "Description": "d", "ExportName": export}
    assert stacks.describe()["Outputs"] == [shown]
    user, stacks.name = stacks.name, f"{stacks.name}-user"
    stacks.create({"Log": log_group(name={"Fn::Sub": ["/i/${A}", {"A": {"Fn::ImportValue": export}}]})})
    assert stacks.api.list_imports(ExportName=export)["Imports"] == [stacks.name]
    assert {"ExportingStackId": stack_id, "Name": export, "Value": value} in stacks.api.list_exports()["Exports"]
    importer, stacks.name = stacks.name, user
    stacks.delete()
    assert stacks.status == "DELETE_FAILED"
    assert stacks.describe()["StackStatusReason"] == (
        f"Export {export} cannot be deleted as it is in use by {importer}"
    )


def test_a_capability_is_asked_for_when_the_template_has_iam(stacks: Stacks) -> None:
    code, message = refused(stacks.create, {"Role": role()})
    assert (code, message) == ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")
    named = {"Role": role(RoleName=f"{stacks.name}-role")}
    code, message = refused(stacks.create, named, Capabilities=["CAPABILITY_IAM"])
    assert message == "Requires capabilities : [CAPABILITY_NAMED_IAM]"
    stacks.create(named, Capabilities=["CAPABILITY_NAMED_IAM"])
    assert stacks.describe()["Capabilities"] == ["CAPABILITY_NAMED_IAM"]
    assert client(stacks.sandbox, "iam").get_role(RoleName=f"{stacks.name}-role")
    code, message = refused(stacks.create, named, Capabilities=["CAPABILITY_NAMED_IAM"])
    assert (code, message) == ("AlreadyExistsException", f"Stack [{stacks.name}] already exists")


def test_events_come_in_pages_newest_first_with_the_request_s_token(stacks: Stacks) -> None:
    stacks.create({f"Log{n}": log_group() for n in range(40)}, ClientRequestToken="deploy-1")
    page = stacks.api.describe_stack_events(StackName=stacks.name)
    assert len(page["StackEvents"]) == 100
    assert page["StackEvents"][0]["ResourceStatus"] == "CREATE_COMPLETE"
    assert "NextToken" in page
    assert len(stacks.events()) == 2 + 3 * 40
    assert {event["ClientRequestToken"] for event in stacks.events()} == {"deploy-1"}
