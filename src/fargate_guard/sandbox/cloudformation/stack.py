"""Stacks, their resources and their events: the records, without behaviour in time."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.masking import masked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.change_set import ChangeSet
    from fargate_guard.sandbox.cloudformation.operation import Before, Operation
    from fargate_guard.sandbox.cloudformation.parameters import Parameter
    from fargate_guard.sandbox.cloudformation.target import Target

Json = Any

STACK_TYPE = "AWS::CloudFormation::Stack"


@dataclass
class StackResource:
    """A resource of a stack."""

    logical_id: str
    type: str
    physical_id: str = ""
    properties: dict[str, Json] = field(default_factory=dict)
    """As they were last applied, dynamic references unresolved."""
    attributes: Mapping[str, Json] = field(default_factory=dict)
    definition: Mapping[str, Json] = field(default_factory=dict)
    """Its part of the template."""
    after: frozenset[str] = frozenset()
    """What it depends on."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """The stack's tags, as last applied."""
    status: str = ""
    reason: str | None = None
    updated_at: float = 0.0
    drift: str = "NOT_CHECKED"
    drift_checked_at: float | None = None
    live: Mapping[str, Json] | None = None
    """Properties as drift detection found them; None when the resource was gone."""

    def copy(self) -> StackResource:
        """Return the record as it is now."""
        return StackResource(**{name: getattr(self, name) for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class Event:
    """One stack event.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
    """

    event_id: str
    logical_id: str
    physical_id: str
    type: str
    at: float
    status: str
    reason: str | None
    properties: str | None
    token: str | None


@dataclass
class Stack:
    """One stack."""

    name: str
    id: str
    account_id: str
    region: str
    partition: str
    created_at: float
    status: str = "REVIEW_IN_PROGRESS"
    reason: str | None = None
    target: Target | None = None
    """Template, parameters and tags that are in force; None until a first operation begins."""
    previous: Target | None = None
    """What was in force before the last update."""
    resources: dict[str, StackResource] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    """Oldest first."""
    outputs: list[dict[str, str]] = field(default_factory=list)
    updated_at: float | None = None
    deleted_at: float | None = None
    role_arn: str | None = None
    notification_arns: list[str] = field(default_factory=list)
    termination_protection: bool = False
    disable_rollback: bool = False
    timeout_minutes: int | None = None
    policy: str | None = None
    parent: Stack | None = None
    operation: Operation | None = None
    before: Before | None = None
    """What an update under way, failed or stuck, rolls back to."""
    replaced: list[StackResource] = field(default_factory=list)
    """Resources for which an update under way made replacements."""
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    """By name, newest last."""
    executed_change_set: str | None = None
    drift: str = "NOT_CHECKED"
    drift_checked_at: float | None = None

    @property
    def root(self) -> Stack:
        """The topmost stack of a nested one, else itself."""
        return self if self.parent is None else self.parent.root

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Values in force."""
        return {} if self.target is None else self.target.parameters

    def record(self, status: str, at: float, reason: str | None = None) -> None:
        """Change the stack's status, with its event."""
        self.status, self.reason = status, reason
        token = self.operation.token if self.operation is not None else None
        self.events.append(
            Event(str(uuid.uuid4()), self.name, self.id, STACK_TYPE, at, status, reason, None, token)
        )

    def record_resource(self, resource: StackResource, status: str, at: float, reason: str | None = None) -> None:
        """Change a resource's status, with its event."""
        resource.status, resource.reason, resource.updated_at = status, reason, at
        event_id = f"{resource.logical_id}-{status}-{moment(at).isoformat(timespec='milliseconds')}"
        token = self.operation.token if self.operation is not None else None
        target = self.operation.target if self.operation is not None else self.target
        secrets = {} if target is None else {**self.parameters, **target.parameters}
        properties = json.dumps(masked(resource.properties, secrets), separators=(",", ":"), default=str)
        self.events.append(
            Event(
                event_id,
                resource.logical_id,
                resource.physical_id,
                resource.type,
                at,
                status,
                reason,
                properties,
                token,
            )
        )


def moment(seconds: float) -> datetime:
    """Return seconds since the epoch as AWS shows them, in milliseconds."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)
