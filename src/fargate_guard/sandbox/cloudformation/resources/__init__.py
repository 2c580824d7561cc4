"""The resource types that the sandbox's CloudFormation makes, each a thin translation to its service's API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.sandbox.cloudformation.resources import ec2_network, ec2_security

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceType

RESOURCE_TYPES: Mapping[str, ResourceType] = {
    resource_type.name: resource_type for module in (ec2_network, ec2_security) for resource_type in module.TYPES
}
"""By name, e.g. ``AWS::EC2::VPC``."""
