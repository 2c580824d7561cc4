"""What a task definition of the ECS API is called in CloudFormation.

Nearly every property is the API's field with a capital; the exceptions, and what CloudFormation does not have, are
those of https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-taskdefinition.html.
A test holds the table against botocore's model and CloudFormation's published schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.carried_fields import EFS_VOLUME, FREE, TASK, Method, Shape, plain
from fargate_guard.stacks.texts import refuse_functions

if TYPE_CHECKING:
    from fargate_guard.workload_input import Json

CLOUDFORMATION = Method("CloudFormation", "AWS::ECS::TaskDefinition has no property for it", refuse_functions)

TASK_DEFINITION: Shape = {
    **TASK,
    "placementConstraints": plain("type expression"),
    "inferenceAccelerators": plain("deviceName deviceType"),
    "volumes": plain("name configuredAtLaunch")
    | {
        "host": plain("sourcePath"),
        "dockerVolumeConfiguration": plain("scope autoprovision driver") | {"driverOpts": FREE, "labels": FREE},
        "efsVolumeConfiguration": EFS_VOLUME,
        "fsxWindowsFileServerVolumeConfiguration": plain("fileSystemId rootDirectory")
        | {"authorizationConfig": plain("credentialsParameter domain")},
    },
}

_EXCEPTIONS = {
    ("proxyConfiguration", "properties"): "ProxyConfigurationProperties",
    ("volumes", "efsVolumeConfiguration"): "EFSVolumeConfiguration",
    ("efsVolumeConfiguration", "fileSystemId"): "FilesystemId",
    ("authorizationConfig", "iam"): "IAM",
    ("volumes", "fsxWindowsFileServerVolumeConfiguration"): "FSxWindowsFileServerVolumeConfiguration",
}
"""A field, with the field that it is in, and its property."""


def property_name(owner: str, field: str) -> str:
    """The property for a field of what stands in the field ``owner``; empty for the task definition itself."""
    return _EXCEPTIONS.get((owner, field)) or field[0].upper() + field[1:]


def properties(value: Json, shape: Shape, owner: str = "") -> Json:
    """Return fields under CloudFormation's names.

    :param value: as :func:`~fargate_guard.carried_fields.carried` returns them.
    """
    return {property_name(owner, key): _property(item, shape[key], key) for key, item in value.items()}


def _property(item: Json, shape: Any, field: str) -> Json:
    if shape is None or shape is FREE:
        return item
    if isinstance(item, list):
        return [properties(element, shape, field) for element in item]
    return properties(item, shape, field)
