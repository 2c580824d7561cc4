"""What tests do with stacks: plain boto3 over HTTP."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from fargate_guard.sandbox.faults import Fault, FaultKind
from tests.sandbox.sandbox_account import client

if TYPE_CHECKING:
    from fargate_guard.sandbox import Sandbox
    from tests.sandbox.sandbox_account import ManualClock

Json = dict[str, Any]
NUMBERS = itertools.count(1)
NO_LETTERS = {"Version": "2012-10-17", "Statement": []}


def log_group(days: int | Json = 7, **fields: Any) -> Json:
    """A log group; without a name of its own it gets a generated one."""
    name = fields.pop("name", None)
    properties: Json = {"RetentionInDays": days, **({"LogGroupName": name} if name else {})}
    return {"Type": "AWS::Logs::LogGroup", "Properties": properties, **fields}


def role(**properties: Any) -> Json:
    """An IAM role."""
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": NO_LETTERS, **properties}}


def template(resources: Json, **sections: Any) -> str:
    """A template's text."""
    return json.dumps({"Resources": resources, **sections})


class Stacks:
    """CloudFormation, and one stack's name."""

    def __init__(self, sandbox: Sandbox, clock: ManualClock) -> None:
        self.sandbox, self.clock = sandbox, clock
        self.name = f"stack-{next(NUMBERS)}"
        self.api = client(sandbox, "cloudformation")
        self.logs = client(sandbox, "logs")

    def create(self, resources: Json, /, *, sections: Json | None = None, **fields: Any) -> str:
        """Create the stack and let time pass until it is quiet; return its ID."""
        body = template(resources, **(sections or {}))
        stack_id = str(self.api.create_stack(StackName=self.name, TemplateBody=body, **fields)["StackId"])
        self.clock.advance(20)
        return stack_id

    def update(self, resources: Json, /, *, sections: Json | None = None, **fields: Any) -> None:
        """Update the stack and let time pass."""
        body = template(resources, **(sections or {}))
        self.api.update_stack(StackName=self.name, TemplateBody=body, **fields)
        self.clock.advance(20)

    def delete(self, **fields: Any) -> None:
        """Delete the stack and let time pass."""
        self.api.delete_stack(StackName=self.name, **fields)
        self.clock.advance(20)

    def change_set(self, resources: Json, /, kind: str = "UPDATE", **fields: Any) -> Json:
        """Create a change set and return its description."""
        sections = fields.pop("sections", {})
        with_values = fields.pop("with_values", False)
        change_set_id = self.api.create_change_set(
            StackName=self.name,
            ChangeSetName=fields.pop("name", "changes"),
            ChangeSetType=kind,
            TemplateBody=template(resources, **sections),
            **fields,
        )["Id"]
        self.clock.advance(5)
        described: Json = self.api.describe_change_set(
            ChangeSetName=change_set_id, IncludePropertyValues=with_values
        )
        return described

    def execute(self, name: str = "changes", **fields: Any) -> None:
        """Execute a change set and let time pass."""
        self.api.execute_change_set(StackName=self.name, ChangeSetName=name, **fields)
        self.clock.advance(20)

    def describe(self, name: str | None = None) -> Json:
        found: Json = self.api.describe_stacks(StackName=name or self.name)["Stacks"][0]
        return found

    @property
    def status(self) -> str:
        return str(self.describe()["StackStatus"])

    def events(self, name: str | None = None) -> list[Json]:
        """All events, oldest first."""
        pages = self.api.get_paginator("describe_stack_events").paginate(StackName=name or self.name)
        return [event for page in pages for event in page["StackEvents"]][::-1]

    def told(self, name: str | None = None) -> list[str]:
        """``LogicalId STATUS`` of every event, oldest first; the stack itself is called ``stack``."""
        stack_name = self.describe(name)["StackName"]
        return [
            f"{event['LogicalResourceId'].replace(stack_name, 'stack')} {event['ResourceStatus']}"
            for event in self.events(name)
        ]

    def reason(self, logical_id: str, status: str) -> str:
        """Why the newest event of this status happened."""
        wanted = (self.name if logical_id == "stack" else logical_id, status)
        for event in reversed(self.events()):
            if (event["LogicalResourceId"], event["ResourceStatus"]) == wanted:
                return str(event.get("ResourceStatusReason", ""))
        raise AssertionError(f"{wanted} is not in {self.told()}")

    def resources(self) -> dict[str, str]:
        """Physical ID by logical ID."""
        found = self.api.describe_stack_resources(StackName=self.name)["StackResources"]
        return {each["LogicalResourceId"]: each.get("PhysicalResourceId", "") for each in found}

    def retention(self, log_group_name: str) -> int | None:
        """Days of retention of a log group; None when it does not exist."""
        found = self.logs.describe_log_groups(logGroupNamePrefix=log_group_name)["logGroups"]
        return int(found[0]["retentionInDays"]) if found else None

    def fail(self, logical_id: str, action: str, message: str = "no", **fields: Any) -> str:
        """Let CloudFormation fail with a resource."""
        fault = Fault(
            FaultKind.RESOURCE_FAILURE,
            stack=self.name,
            logical_id=logical_id,
            action=action,
            message=message,
            **fields,
        )
        return self.sandbox.faults.add(fault)

    def hang(self, logical_id: str, action: str) -> str:
        """Let CloudFormation get no further with a resource."""
        fault = Fault(FaultKind.RESOURCE_HANG, stack=self.name, logical_id=logical_id, action=action)
        return self.sandbox.faults.add(fault)


def refused(call: Any, /, *args: Any, **fields: Any) -> tuple[str, str]:
    """Return code and message with which AWS refuses a call."""
    with pytest.raises(ClientError) as refusal:
        call(*args, **fields)
    error = refusal.value.response["Error"]
    return error["Code"], error["Message"]
