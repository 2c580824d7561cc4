"""A change set as fguard shows it: what is added, changed, replaced and removed, and what that interrupts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
"""How CloudFormation says that a change set would change nothing; it calls it FAILED.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html
"""

INTERRUPTS = {
    "AWS::ECS::Service": "its tasks stop before the new ones run",
    "AWS::ECS::Cluster": "everything that runs in it stops",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "its address changes: agents lose their orchestrator until they "
    "are restarted",
    "AWS::ElasticLoadBalancingV2::Listener": "no connections are taken meanwhile",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "connections break until its targets are healthy",
    "AWS::EC2::NatGateway": "tasks cannot reach the collector or pull images meanwhile",
    "AWS::EC2::EIP": "the address that others may have allowed changes",
    "AWS::EC2::Subnet": "what runs in it is replaced",
    "AWS::EC2::VPC": "everything in it is replaced",
    "AWS::EC2::InternetGateway": "nothing reaches the internet meanwhile",
    "AWS::EC2::VPCEndpoint": "what goes through it stops meanwhile",
    "AWS::EC2::Route": "traffic stops meanwhile",
    "AWS::SecretsManager::Secret": "tasks refer to the former one",
}
"""What a replacement or removal of a type interrupts."""

LOSES = {
    "AWS::Logs::LogGroup": "its logs are lost",
    "AWS::S3::Bucket": "what is stored in it is lost",
    "AWS::RDS::DBInstance": "its database is lost",
    "AWS::RDS::DBCluster": "its databases are lost",
    "AWS::Redshift::Cluster": "its databases are lost",
    "AWS::DocDB::DBCluster": "its databases are lost",
    "AWS::Neptune::DBCluster": "its databases are lost",
    "AWS::ElastiCache::ReplicationGroup": "what is cached in it is lost",
    "AWS::DynamoDB::Table": "its items are lost",
    "AWS::DynamoDB::GlobalTable": "its items are lost",
    "AWS::EFS::FileSystem": "its files are lost",
    "AWS::FSx::FileSystem": "its files are lost",
    "AWS::EC2::Volume": "its data are lost",
    "AWS::OpenSearchService::Domain": "its indices are lost",
    "AWS::SQS::Queue": "the messages in it are lost",
    "AWS::Kinesis::Stream": "the records in it are lost",
    "AWS::ECR::Repository": "its images are lost",
    "AWS::KMS::Key": "what was encrypted with it can no longer be read",
    "AWS::Cognito::UserPool": "its users are lost",
}
"""What goes with a resource that is replaced or removed, unless a policy keeps it."""
_KEPT = "Retain"
_SNAPSHOT = "; a snapshot is made before"

ADD, MODIFY, REPLACE, REMOVE, IMPORT = "create", "update", "replace", "delete", "import"
DYNAMIC = "may update"
"""CloudFormation decides when it is there (a nested stack, whose own change set tells more)."""
MAY_REPLACE = "may replace"
"""Whether it is replaced is known only when another resource has changed."""
REPLACING = frozenset({REPLACE, MAY_REPLACE})
_SEVERE = {*REPLACING, REMOVE}
_ACTIONS = {"Add": ADD, "Modify": MODIFY, "Remove": REMOVE, "Import": IMPORT, "Dynamic": DYNAMIC}


@dataclass(frozen=True, slots=True)
class StackChange:
    """What a change set does to one resource; the fields are those of Terraform's plan."""

    address: str
    """Logical ID; in a nested stack ``Parent.Child``."""
    resource_type: str
    action: str
    """``create``, ``update``, ``may update``, ``replace``, ``may replace``, ``delete``, ``import``."""
    reason: str | None = None
    """For a replacement, the properties that cannot be changed in place; for what stays, that it does."""
    attributes: tuple[str, ...] = ()
    """Names of what changes; no values, which may be secret."""
    physical_id: str | None = None
    interrupts: str | None = None
    """What stops working meanwhile, or is lost, where something is."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a plan changes; a replacement counts as one added and one removed, as with Terraform."""

    add: int = 0
    change: int = 0
    remove: int = 0


@dataclass(frozen=True, slots=True)
class StackPlan:
    """A change set that exists in CloudFormation: exactly this is executed."""

    stack_name: str
    stack_id: str
    change_set_id: str | None
    """ARN; None where nothing would change, and for a removal."""
    creates: bool
    """Whether executing it creates the stack."""
    changes: tuple[StackChange, ...] = ()
    has_changes: bool = True
    destroy: bool = False
    uploaded: bool = False
    """Whether its template lies in a bucket."""
    warnings: tuple[str, ...] = ()

    @property
    def summary(self) -> Counts:
        """The counts of what is added, changed and removed."""
        actions = [change.action for change in self.changes]
        replaced = sum(actions.count(action) for action in REPLACING)
        return Counts(
            add=actions.count(ADD) + actions.count(IMPORT) + replaced,
            change=actions.count(MODIFY) + actions.count(DYNAMIC),
            remove=actions.count(REMOVE) + replaced,
        )

    @property
    def interruptions(self) -> tuple[StackChange, ...]:
        """What interrupts a service when it is carried out."""
        return tuple(change for change in self.changes if change.interrupts)


def says_no_changes(reason: str) -> bool:
    """Whether a FAILED change set only had nothing to do."""
    return any(words in reason for words in NO_CHANGES)


def changes_from(changes: Iterable[Mapping[str, Any]], *, under: str = "") -> tuple[StackChange, ...]:
    """Read the ``Changes`` of DescribeChangeSet.

    :param under: logical ID of the nested stack whose change set this is.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    return tuple(
        _change(change["ResourceChange"], under)
        for change in changes
        if change.get("Type", "Resource") == "Resource"
    )


def nested_change_sets(changes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the ARN of each nested stack's change set, by logical ID."""
    found = (change.get("ResourceChange", {}) for change in changes)
    return {change["LogicalResourceId"]: change["ChangeSetId"] for change in found if change.get("ChangeSetId")}


def removals(resources: Iterable[Mapping[str, Any]]) -> tuple[StackChange, ...]:
    """Return the removal of each of a stack's resources (``StackResourceSummaries``)."""
    return tuple(
        StackChange(
            address=str(one["LogicalResourceId"]),
            resource_type=str(one["ResourceType"]),
            action=REMOVE,
            physical_id=one.get("PhysicalResourceId"),
        )
        for one in resources
        if one.get("ResourceStatus") not in ("DELETE_COMPLETE", "DELETE_SKIPPED")
    )


def _change(change: Mapping[str, Any], under: str) -> StackChange:
    action = _action(change)
    kind = str(change.get("ResourceType", ""))
    details = change.get("Details") or []
    logical_id = str(change["LogicalResourceId"])
    return StackChange(
        address=f"{under}.{logical_id}" if under else logical_id,
        resource_type=kind,
        action=action,
        reason=_reason(change, action),
        attributes=_attributes(change, details) if action not in (ADD, REMOVE) else (),
        physical_id=change.get("PhysicalResourceId"),
        interrupts=_interrupts(change, kind) if action in _SEVERE else None,
    )


def _interrupts(change: Mapping[str, Any], kind: str) -> str | None:
    policy = str(change.get("PolicyAction", ""))
    if kind not in LOSES:
        return INTERRUPTS.get(kind)
    if _KEPT in policy:
        return None
    return LOSES[kind] + (_SNAPSHOT if "Snapshot" in policy else "")


def _action(change: Mapping[str, Any]) -> str:
    action = _ACTIONS.get(str(change.get("Action")), str(change.get("Action", "")).lower())
    if action != MODIFY:
        return action
    return {"True": REPLACE, "Conditional": MAY_REPLACE}.get(str(change.get("Replacement")), MODIFY)


def _reason(change: Mapping[str, Any], action: str) -> str | None:
    kept = _KEPT in str(change.get("PolicyAction", ""))
    if action == REMOVE and kept:
        return "stays in the account (DeletionPolicy)"
    if action not in REPLACING:
        return None
    forcing = [
        _target(detail)
        for detail in change.get("Details") or ()
        if (detail.get("Target") or {}).get("RequiresRecreation") in ("Always", "Conditionally")
    ]
    why = f"{', '.join(dict.fromkeys(forcing))} cannot be changed in place" if forcing else None
    return "; ".join(filter(None, [why, "the former one stays" if kept else None])) or None


def _attributes(change: Mapping[str, Any], details: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    named = {_target(detail) for detail in details}
    return tuple(sorted(named or set(change.get("Scope") or ())))


def _target(detail: Mapping[str, Any]) -> str:
    target = detail.get("Target") or {}
    return str(target.get("Name") or target.get("Attribute") or "")
