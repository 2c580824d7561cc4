"""Change sets: what an update would do, kept until it is executed.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.shapes import present
from fargate_guard.sandbox.cloudformation.stack import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.stack import Stack
    from fargate_guard.sandbox.cloudformation.target import Target

Json = dict[str, Any]

NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
NO_UPDATES = "No updates are to be performed."


@dataclass
class ChangeSet:
    """One change set."""

    name: str
    id: str
    stack: Stack
    created_at: float
    due: float
    """When CloudFormation is done with computing it."""
    request: Mapping[str, Any]
    """What it was created with."""
    target: Target | None = None
    """None when it failed."""
    failure: str | None = None
    changes: list[Json] = field(default_factory=list)
    executed: str | None = None
    """``EXECUTE_IN_PROGRESS`` and what follows; ``OBSOLETE`` when the stack changed otherwise."""
    parent: ChangeSet | None = None
    children: dict[str, ChangeSet] = field(default_factory=dict)
    """Of nested stacks, by logical ID."""

    def status(self, now: float) -> str:
        """Return its status, which takes a moment to be final."""
        if now < self.due:
            return "CREATE_IN_PROGRESS"
        return "FAILED" if self.failure is not None else "CREATE_COMPLETE"

    def execution_status(self, now: float) -> str:
        """Return whether it can be executed, or was."""
        if self.executed is not None:
            return self.executed
        return "AVAILABLE" if self.status(now) == "CREATE_COMPLETE" else "UNAVAILABLE"

    @property
    def root(self) -> ChangeSet:
        """The change set of the topmost stack."""
        return self if self.parent is None else self.parent.root

    def summary(self, now: float) -> Json:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ChangeSetSummary.html."""
        parent = self.parent
        return present(
            {
                "StackId": self.stack.id,
                "StackName": self.stack.name,
                "ChangeSetId": self.id,
                "ChangeSetName": self.name,
                "ExecutionStatus": self.execution_status(now),
                "Status": self.status(now),
                "StatusReason": self.failure if now >= self.due else None,
                "CreationTime": moment(self.created_at),
                "Description": self.request.get("Description"),
                "IncludeNestedStacks": bool(self.request.get("IncludeNestedStacks")),
                "ParentChangeSetId": parent.id if parent is not None else None,
                "RootChangeSetId": self.root.id if parent is not None else None,
            }
        )

    def described(self, now: float) -> Json:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html."""
        target = self.target
        parameters = [each.described() for each in target.parameters.values()] if target is not None else []
        tags = target.tags if target is not None else {}
        return {
            **self.summary(now),
            "Parameters": parameters,
            "NotificationARNs": self.request.get("NotificationARNs") or [],
            "Capabilities": self.request.get("Capabilities") or [],
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            "RollbackConfiguration": {},
            **({"OnStackFailure": self.request["OnStackFailure"]} if self.request.get("OnStackFailure") else {}),
        }


def change_set_id(stack: Stack, name: str) -> str:
    """Return a new change set's ARN."""
    prefix = f"arn:{stack.partition}:cloudformation:{stack.region}:{stack.account_id}"
    return f"{prefix}:changeSet/{name}/{uuid.uuid4()}"
