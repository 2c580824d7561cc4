"""What the engine and the resource types agree on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from fargate_guard.sandbox.cloudformation.in_process import in_process_client

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = Any
"""A property's value: intrinsic functions are resolved, ``AWS::NoValue`` is gone, numbers and booleans are as the
template has them (``"true"`` and ``"256"`` may come as strings, as on AWS)."""


class ResourceFailed(Exception):  # noqa: N818 - a state, as CloudFormation calls it
    """A resource cannot be made, changed or deleted; ``message`` becomes the event's ``ResourceStatusReason``."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class ResourceContext:
    """Where a resource is made, and for whom."""

    region: str
    account_id: str
    partition: str
    stack_name: str
    stack_id: str
    logical_id: str
    tags: Mapping[str, str] = field(default_factory=dict)
    """The stack's tags and ``aws:cloudformation:stack-name``, ``-id`` and ``logical-id``, to be put on the
    resource beside the tags of its own ``Tags`` property.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
    """
    token: str = ""
    """Differs with every creation: the end of generated names (:meth:`generated_name`)."""

    begun: float = 0.0
    """When the creation, update or deletion of this resource began, by the sandbox's clock."""

    def client(self, service: str) -> Any:
        """Return a boto3 client of the sandbox, in this account and region, that works in process.

        It never waits for the gateway's lock, which the engine holds. A ``ClientError`` or
        ``ParamValidationError`` that a resource type lets pass fails the resource, worded as CloudFormation words
        a resource handler's error.
        """
        return in_process_client(service, self.region, self.account_id)

    def generated_name(self, longest: int = 64) -> str:
        """Name a resource whose template gives it no name: ``stack-LogicalId-1A2B3C4D5E6F``.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
        """
        room = longest - len(self.token) - 1
        start = f"{self.stack_name}-{self.logical_id}"
        if len(start) > room:
            half = (room - 1) // 2
            stack = self.stack_name[: room - 1 - min(half, len(self.logical_id))].rstrip("-")
            start = f"{stack}-{self.logical_id[:half]}"
        return f"{start}-{self.token}"


@dataclass(frozen=True)
class Made:
    """A resource that was made or changed."""

    physical_id: str
    """What ``Ref`` returns."""
    attributes: Mapping[str, Json] = field(default_factory=dict)
    """What ``Fn::GetAtt`` returns, by attribute (``Arn``, ``Endpoint.Address``)."""


class ResourceType(Protocol):
    """One type of resource, e.g. ``AWS::EC2::VPC``.

    Every method raises :class:`ResourceFailed` with a message in AWS's words.
    """

    name: str
    """``AWS::EC2::VPC``."""
    replaced_by: frozenset[str]
    """Properties whose change needs replacement, from the type's page on AWS ("Update requires: Replacement")."""

    def create(self, properties: Mapping[str, Json], context: ResourceContext) -> Made:
        """Make the resource; what takes longer is left to :meth:`pending`."""
        ...

    def update(
        self, physical_id: str, old: Mapping[str, Json], new: Mapping[str, Json], context: ResourceContext
    ) -> Made:
        """Change the resource in place; also called when only the stack's tags changed (``old == new``)."""
        ...

    def delete(self, physical_id: str, properties: Mapping[str, Json], context: ResourceContext) -> None:
        """Delete the resource; one that is gone already is fine."""
        ...

    def pending(self, physical_id: str, properties: Mapping[str, Json], context: ResourceContext) -> str | None:
        """Return None once the resource is stable, else what is waited for (an ECS service until it is steady).

        Asked after a creation or an update, again and again as the sandbox's time passes.
        """
        ...

    def deleting(self, physical_id: str, properties: Mapping[str, Json], context: ResourceContext) -> str | None:
        """Return None once a deleted resource is gone, else what is waited for (a service until it is drained).

        Asked after :meth:`delete`, again and again as the sandbox's time passes.
        """
        ...

    def live(
        self, physical_id: str, properties: Mapping[str, Json], context: ResourceContext
    ) -> Mapping[str, Json] | None:
        """Return the properties as they are now, for drift detection; None when the resource is gone.

        Properties that the template has and the answer lacks count as removed; ones that cannot be read back are
        answered as they are in ``properties``.
        """
        ...


@dataclass(frozen=True)
class FunctionPackage:
    """A Lambda function, as far as it takes to run it: how macros are run.

    ``resources.function_package(account_id, region, function_name_or_arn) -> FunctionPackage | None``.
    """

    zip_file: bytes
    handler: str
    """``package.module.function``."""
    runtime: str
    """``python3.13``."""
    environment: Mapping[str, str]
    timeout_seconds: float
    memory_mib: int = 128
    name: str = ""
