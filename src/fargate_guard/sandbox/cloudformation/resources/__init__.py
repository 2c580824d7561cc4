"""The resource types that the sandbox's CloudFormation makes, each a thin translation to its service's API.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.sandbox.cloudformation.resources import (
    autoscaling,
    awslambda,
    cloudformation,
    dynamodb,
    ec2_network,
    ec2_security,
    ecs,
    ecs_task_sets,
    elbv2,
    iam,
    logs,
    messaging,
    s3,
    scheduled,
    secrets,
    servicediscovery,
)
from fargate_guard.sandbox.cloudformation.resources.functions import function_package, invoke

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceType

__all__ = ["RESOURCE_TYPES", "function_package", "invoke"]

MODULES = (
    autoscaling,
    awslambda,
    cloudformation,
    dynamodb,
    ec2_network,
    ec2_security,
    ecs,
    ecs_task_sets,
    elbv2,
    iam,
    logs,
    messaging,
    s3,
    scheduled,
    secrets,
    servicediscovery,
)
RESOURCE_TYPES: Mapping[str, ResourceType] = {
    resource_type.name: resource_type for module in MODULES for resource_type in module.TYPES
}
"""By name, e.g. ``AWS::EC2::VPC``."""
