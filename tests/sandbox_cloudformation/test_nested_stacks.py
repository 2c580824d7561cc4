"""Stacks within stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.sandbox_account import client
from tests.sandbox_cloudformation.stacks import log_group, refused, template

if TYPE_CHECKING:
    from tests.sandbox_cloudformation.stacks import Stacks

Json = dict[str, Any]
OUTPUTS = {"Name": {"Value": {"Ref": "Inner"}}}
DAYS = {"Days": {"Type": "Number", "Default": 7}}


class Family:
    """A parent with one nested stack, whose output names a log group of the parent's."""

    def __init__(self, stacks: Stacks) -> None:
        self.stacks = stacks
        self.bucket = client(stacks.sandbox, "s3")
        self.bucket.create_bucket(Bucket=stacks.name)
        self.put({"Inner": log_group({"Ref": "Days"}, name=f"/{stacks.name}/inner")})

    def put(self, resources: Json) -> None:
        """Write the nested stack's template."""
        body = template(resources, Outputs=OUTPUTS, Parameters=DAYS)
        self.bucket.put_object(Bucket=self.stacks.name, Key="inner.json", Body=body)

    def resources(self, days: int = 7) -> Json:
        """The parent's template."""
        url = f"https://s3.us-east-1.amazonaws.com/{self.stacks.name}/inner.json"
        nested = {"TemplateURL": url, "Parameters": {"Days": str(days)}}
        outer = log_group(name={"Fn::Sub": "${Nested.Outputs.Name}/outer"})
        return {"Nested": {"Type": "AWS::CloudFormation::Stack", "Properties": nested}, "Outer": outer}

    @property
    def nested_id(self) -> str:
        return self.stacks.resources()["Nested"]


@pytest.fixture
def family(stacks: Stacks) -> Family:
    return Family(stacks)


def test_a_nested_stack_lives_and_goes_with_its_parent(stacks: Stacks, family: Family) -> None:
    stack_id = stacks.create(family.resources())
    assert stacks.status == "CREATE_COMPLETE"
    nested = stacks.describe(family.nested_id)
    assert nested["StackName"].startswith(f"{stacks.name}-Nested-")
    assert (nested["ParentId"], nested["RootId"]) == (stack_id, stack_id)
    assert stacks.retention(f"/{stacks.name}/inner/outer") == 7
    stacks.update(family.resources(30))
    assert stacks.retention(f"/{stacks.name}/inner") == 30
    stacks.delete()
    assert stacks.describe(nested["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert stacks.retention(f"/{stacks.name}/inner") is None


def test_a_nested_stack_that_fails_takes_its_parent_back(stacks: Stacks, family: Family) -> None:
    stacks.create(family.resources())
    family.put({"Inner": log_group({"Fn::Select": [9, ["a"]]}, name=f"/{stacks.name}/inner")})
    stacks.update(family.resources(30))
    assert stacks.status == "UPDATE_ROLLBACK_COMPLETE"
    reason = stacks.reason("Nested", "UPDATE_FAILED")
    assert reason.startswith(f"Embedded stack {family.nested_id} was not successfully updated")
    assert stacks.retention(f"/{stacks.name}/inner") == 7


def test_a_nested_stack_is_taken_back_with_its_parent(stacks: Stacks, family: Family) -> None:
    stacks.create(family.resources())
    stacks.fail("Outer", "update")
    changed = family.resources(30)
    changed["Outer"]["Properties"]["RetentionInDays"] = 30
    stacks.update(changed)
    assert stacks.status == "UPDATE_ROLLBACK_FAILED"
    assert stacks.retention(f"/{stacks.name}/inner") == 7
    assert stacks.describe(family.nested_id)["StackStatus"] == "UPDATE_COMPLETE"


def test_a_nested_stack_that_cannot_be_made_leaves_nothing(stacks: Stacks, family: Family) -> None:
    family.put({"Inner": log_group({"Fn::Select": [9, ["a"]]})})
    stacks.create(family.resources())
    assert stacks.status == "ROLLBACK_COMPLETE"
    assert "was not successfully created: The following resource(s) failed to create: [Inner]" in stacks.reason(
        "Nested", "CREATE_FAILED"
    )
    live = [each["StackName"] for each in stacks.api.describe_stacks()["Stacks"]]
    assert not [name for name in live if name.startswith(f"{stacks.name}-")]


def test_protection_of_the_parent_protects_the_nested_stack(stacks: Stacks, family: Family) -> None:
    stacks.create(family.resources(), EnableTerminationProtection=True)
    nested_id = family.nested_id
    code, message = refused(stacks.api.delete_stack, StackName=nested_id)
    assert code == "ValidationError"
    assert message.endswith("cannot be deleted while TerminationProtection is enabled")
    stacks.update({"Outer": log_group()})
    assert stacks.describe(nested_id)["StackStatus"] == "DELETE_COMPLETE"


def test_a_change_set_includes_nested_stacks_on_request(stacks: Stacks, family: Family) -> None:
    stacks.create(family.resources())
    described = stacks.change_set(family.resources(30), IncludeNestedStacks=True)
    nested = described["Changes"][0]["ResourceChange"]
    assert nested["LogicalResourceId"] == "Nested"
    inner = stacks.api.describe_change_set(ChangeSetName=nested["ChangeSetId"])
    assert inner["ParentChangeSetId"] == described["ChangeSetId"]
    assert [each["ResourceChange"]["LogicalResourceId"] for each in inner["Changes"]] == ["Inner"]
    code, _ = refused(stacks.api.execute_change_set, ChangeSetName=inner["ChangeSetId"])
    assert code == "InvalidChangeSetStatus"
    stacks.execute()
    assert stacks.retention(f"/{stacks.name}/inner") == 30
