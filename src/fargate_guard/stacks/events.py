"""A stack's events, and which of them is the cause of a failure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

STACK = "AWS::CloudFormation::Stack"
_CASCADE = re.compile(
    r"^Resource (creation|update|deletion) cancelled"
    r"|^The following (resource\(s\)|hook\(s\)) failed"
    r"|^(Embedded|Nested) stack \S+ was not successfully"
    r"|^The following resource\(s\) failed to (create|update|delete)",
    re.IGNORECASE,
)
"""What CloudFormation says of everything that a failure takes along
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html)."""
_HANDLER = re.compile(r"^Resource handler returned message: \"(?P<words>.*)\" \(RequestToken:.*\)$", re.DOTALL)
_HANDLER_CODE = re.compile(r"HandlerErrorCode: (\w+)")
_TRAILER = re.compile(r"\s*\((?:Service: |RequestToken: |HandlerErrorCode: )[^()]*\)\s*$")


@dataclass(frozen=True, slots=True)
class StackEvent:
    """One event."""

    event_id: str
    stack_id: str
    stack_name: str
    logical_id: str
    physical_id: str
    resource_type: str
    status: str
    reason: str
    """Empty where CloudFormation gives none."""
    time: datetime
    depth: int = 0
    """How deep the stack is nested in the one that is watched."""

    @classmethod
    def of(cls, event: Mapping[str, Any], *, depth: int = 0) -> Self:
        """Read one of ``StackEvents`` (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html)."""
        return cls(
            event_id=str(event["EventId"]),
            stack_id=str(event["StackId"]),
            stack_name=str(event["StackName"]),
            logical_id=str(event.get("LogicalResourceId", "")),
            physical_id=str(event.get("PhysicalResourceId", "")),
            resource_type=str(event.get("ResourceType", "")),
            status=str(event.get("ResourceStatus") or event.get("HookStatus") or ""),
            reason=str(event.get("ResourceStatusReason") or event.get("HookStatusReason") or ""),
            time=event["Timestamp"],
            depth=depth,
        )

    @property
    def is_of_the_stack(self) -> bool:
        """Whether it tells about the stack itself, not about one of its resources."""
        return self.resource_type == STACK and self.physical_id == self.stack_id

    @property
    def has_failed(self) -> bool:
        """Whether something went wrong."""
        return self.status.endswith("_FAILED")

    @property
    def is_consequence(self) -> bool:
        """Whether it failed only because something else did."""
        return bool(_CASCADE.search(self.reason))

    @property
    def is_finished(self) -> bool:
        """Whether an operation on the resource ended well."""
        return self.status.endswith(("_COMPLETE", "_SKIPPED"))

    @property
    def begins(self) -> bool:
        """Whether an operation on the resource began."""
        return self.status.endswith("_IN_PROGRESS")

    @property
    def words(self) -> str:
        """AWS's own sentence, without CloudFormation's wrapping around it."""
        wrapped = _HANDLER.match(self.reason)
        text = wrapped["words"] if wrapped else self.reason
        return _TRAILER.sub("", text).strip() or self.status

    @property
    def handler_code(self) -> str:
        """The resource handler's own code, such as ``AlreadyExists``; empty where it gives none.

        https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html
        """
        found = _HANDLER_CODE.search(self.reason)
        return found[1] if found else ""

    @property
    def region(self) -> str:
        """AWS Region, from the stack's ARN."""
        return self.stack_id.split(":")[3]

    @property
    def address(self) -> str:
        """Where it is: the logical ID, with the nested stack's name before it."""
        return f"{self.stack_name}.{self.logical_id}" if self.depth else self.logical_id


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an operation failed."""

    event: StackEvent
    others: tuple[StackEvent, ...] = ()
    """Further failures that are no consequence of it, in order."""

    @property
    def is_of_the_stack(self) -> bool:
        """Whether no single resource failed (a time-out, a missing role, a cancelled update)."""
        return self.event.is_of_the_stack


def first_cause(events: Iterable[StackEvent]) -> Cause | None:
    """Return the failure with which it began; None where nothing failed.

    :param events: of one operation, in any order.
    """
    ordered = sorted(events, key=lambda event: event.time)
    failed = [event for event in ordered if event.has_failed and not event.is_consequence and event.reason]
    own = [event for event in failed if not event.is_of_the_stack and not _stands_for_a_stack(event, failed)]
    if own:
        return Cause(own[0], tuple(event for event in own[1:] if event.logical_id != own[0].logical_id))
    of_stack = [event for event in ordered if _says_why(event) or event in failed]
    return Cause(of_stack[0]) if of_stack else None


def undeleted(events: Iterable[StackEvent]) -> tuple[StackEvent, ...]:
    """Return the last event of each resource that could not be deleted, in order.

    What an update removes or replaces is deleted at its very end. Where that fails, the update counts as complete
    all the same, and what is left is in no stack any more.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-monitor-stack.html

    :param events: of one operation, in any order.
    """
    last: dict[tuple[str, str, str], StackEvent] = {}
    for event in sorted(events, key=lambda event: event.time):
        if not event.is_of_the_stack:
            last[event.stack_id, event.logical_id, event.physical_id] = event
    failed = [event for event in last.values() if event.status == "DELETE_FAILED"]
    return tuple(event for event in failed if not _stands_for_a_stack(event, failed))


def last_operation(events: Iterable[StackEvent]) -> tuple[StackEvent, ...]:
    """Return the events of the latest operation that a user began: create, update or delete with its rollback.

    :param events: newest first, as CloudFormation lists them.
    """
    found: list[StackEvent] = []
    for event in events:
        found.append(event)
        if event.is_of_the_stack and event.status in _FIRST and event.depth == 0:
            break
    return tuple(reversed(found))


_FIRST = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS")


def _says_why(event: StackEvent) -> bool:
    return (
        event.is_of_the_stack
        and "ROLLBACK_IN_PROGRESS" in event.status
        and bool(event.reason)
        and not event.is_consequence
    )


def _stands_for_a_stack(event: StackEvent, failed: Iterable[StackEvent]) -> bool:
    """Whether a nested stack is said to have failed, and one of its own resources tells why."""
    return event.resource_type == STACK and any(
        one.stack_id == event.physical_id and not one.is_of_the_stack for one in failed
    )
