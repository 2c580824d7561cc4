"""CloudFormation StackSets with service-managed permissions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/what-is-cfnstacksets.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from fargate_guard.aws.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.aws.session import Aws

Json = dict[str, Any]
Place = tuple[str, str]
"""Account and Region."""
RUNNING = frozenset({"QUEUED", "RUNNING", "STOPPING"})
"""States of an operation that has not ended."""
_SERVICE = "cloudformation"


@dataclass(frozen=True, slots=True)
class Instance:
    """The set's stack in one account and Region.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackInstanceSummary.html
    """

    account: str
    region: str
    unit: str | None
    """The organizational unit through which it is a target."""
    status: str
    """``CURRENT``, ``OUTDATED`` or ``INOPERABLE``."""
    detailed_status: str
    reason: str | None
    drift: str
    """``NOT_CHECKED``, ``IN_SYNC``, ``DRIFTED`` or ``UNKNOWN``: of the last time that it was looked for."""
    drift_checked: str | None
    """When that was."""
    stack_id: str | None
    last_operation: str | None

    @classmethod
    def of(cls, found: Json) -> Self:
        """Read a summary."""
        checked = found.get("LastDriftCheckTimestamp")
        return cls(
            account=found["Account"],
            region=found["Region"],
            unit=found.get("OrganizationalUnitId"),
            status=found["Status"],
            detailed_status=str((found.get("StackInstanceStatus") or {}).get("DetailedStatus", "")),
            reason=found.get("StatusReason"),
            drift=str(found.get("DriftStatus") or "NOT_CHECKED"),
            drift_checked=checked.isoformat() if checked else None,
            stack_id=found.get("StackId"),
            last_operation=found.get("LastOperationId"),
        )

    @property
    def place(self) -> Place:
        """Account and Region."""
        return self.account, self.region


@dataclass(frozen=True, slots=True)
class Operation:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperationSummary.html."""

    operation_id: str
    action: str
    status: str
    begun: str
    ended: str | None
    reason: str | None = None
    retains: bool = False
    """Whether it is a deletion that left the stacks in their accounts; a summary does not tell."""

    @classmethod
    def of(cls, found: Json) -> Self:
        """Read an operation or its summary."""
        begun, ended = found.get("CreationTimestamp"), found.get("EndTimestamp")
        return cls(
            operation_id=found["OperationId"],
            action=found["Action"],
            status=found["Status"],
            begun=begun.isoformat() if begun else "",
            ended=ended.isoformat() if ended else None,
            reason=found.get("StatusReason"),
            retains=bool(found.get("RetainStacks")),
        )

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.status in RUNNING


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operation did in one account and Region."""

    account: str
    region: str
    status: str
    """``PENDING``, ``RUNNING``, ``SUCCEEDED``, ``FAILED`` or ``CANCELLED``."""
    reason: str | None

    @property
    def place(self) -> Place:
        """Account and Region."""
        return self.account, self.region


@dataclass(frozen=True, slots=True)
class Description:
    """A stack set as it is."""

    template: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    capabilities: tuple[str, ...]
    auto_deployment: Json = field(default_factory=dict)
    permission_model: str = ""
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StackSets:
    """The calls on one stack set."""

    aws: Aws
    name: str
    delegated: bool = False
    """Whether the caller is a delegated administrator, and not the management account."""

    def has_access(self) -> bool:
        """Whether stack sets may look into the organisation.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeOrganizationsAccess.html
        """
        found = self.aws.call(_SERVICE, "describe_organizations_access", **self._call_as())
        return bool(found.get("Status") == "ENABLED")

    def describe(self) -> Description | None:
        """Return the set; None where there is none."""
        try:
            found = self._call("describe_stack_set")["StackSet"]
        except NotFound:
            return None
        if found.get("Status") == "DELETED":
            return None
        return Description(
            template=found.get("TemplateBody", ""),
            parameters={
                one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters") or ()
            },
            tags={one["Key"]: one["Value"] for one in found.get("Tags") or ()},
            capabilities=tuple(found.get("Capabilities") or ()),
            auto_deployment=dict(found.get("AutoDeployment") or {}),
            permission_model=found.get("PermissionModel", ""),
            units=tuple(found.get("OrganizationalUnitIds") or ()),
        )

    def instances(self) -> list[Instance]:
        """Return the set's stacks, by account and Region."""
        found = (Instance.of(one) for one in self._summaries("list_stack_instances"))
        return sorted(found, key=lambda one: one.place)

    def operations(self) -> Iterator[Operation]:
        """Yield the operations, newest first."""
        return (Operation.of(one) for one in self._summaries("list_stack_set_operations"))

    def operation(self, operation_id: str) -> Operation:
        """Return an operation as it is now."""
        found = self._call("describe_stack_set_operation", OperationId=operation_id)
        return Operation.of(found["StackSetOperation"])

    def outcomes(self, operation_id: str) -> list[Outcome]:
        """Return what an operation did in each account and Region."""
        found = self._summaries("list_stack_set_operation_results", OperationId=operation_id)
        outcomes = [
            Outcome(one["Account"], one["Region"], one["Status"], one.get("StatusReason")) for one in found
        ]
        return sorted(outcomes, key=lambda one: one.place)

    def create(self, **settings: Any) -> None:
        """Make the set, without any stack yet."""
        self._call("create_stack_set", PermissionModel="SERVICE_MANAGED", **settings)

    def update(self, **settings: Any) -> str:
        """Begin to change the set and all its stacks; returns the operation's ID."""
        found = self._call("update_stack_set", PermissionModel="SERVICE_MANAGED", **settings)
        return str(found["OperationId"])

    def create_instances(self, **targets: Any) -> str:
        """Begin to make stacks, and to try again those that are ``OUTDATED``; returns the operation's ID.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackInstances.html
        (``OperationId``)
        """
        return str(self._call("create_stack_instances", **targets)["OperationId"])

    def delete_instances(self, **targets: Any) -> str:
        """Begin to delete stacks, or with ``RetainStacks`` to forget them; returns the operation's ID."""
        return str(self._call("delete_stack_instances", **targets)["OperationId"])

    def detect_drift(self, **settings: Any) -> str:
        """Begin to look for drift in all stacks; returns the operation's ID.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DetectStackSetDrift.html
        """
        return str(self._call("detect_stack_set_drift", **settings)["OperationId"])

    def delete(self) -> None:
        """Delete the set, which has no stacks any more."""
        self._call("delete_stack_set")

    def stop(self, operation_id: str) -> None:
        """Ask for an operation to end: what it has begun is finished, the rest is cancelled."""
        self._call("stop_stack_set_operation", OperationId=operation_id)

    def _call_as(self) -> Json:
        return {"CallAs": "DELEGATED_ADMIN"} if self.delegated else {}

    def _call(self, operation: str, **parameters: Any) -> Json:
        return self.aws.call(
            _SERVICE, operation, about=self.name, StackSetName=self.name, **self._call_as(), **parameters
        )

    def _summaries(self, operation: str, **parameters: Any) -> Iterator[Json]:
        token: Json = {}
        while True:
            page = self._call(operation, **parameters, **token)
            yield from page.get("Summaries") or ()
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}


def outputs_in_account(aws: Aws, stack_id: str, role: str) -> dict[str, str]:
    """Return the outputs of a stack in another account, read with a role there.

    :param stack_id: the stack's ARN, which names account and Region.
    :param role: name of a role that may be assumed, and may call ``cloudformation:DescribeStacks``.
    :raises FguardError: when it may not, or there is no such stack.
    """
    _, partition, _, region, account, _ = stack_id.split(":", 5)
    inside = aws.assuming(f"arn:{partition}:iam::{account}:role/{role}", region)
    found = inside.call(_SERVICE, "describe_stacks", about=stack_id, StackName=stack_id)["Stacks"][0]
    return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs") or ()}
