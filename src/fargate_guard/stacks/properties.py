"""What a task definition of the ECS API is called in CloudFormation.

Nearly every property is the API's field with a capital; the exceptions, and what CloudFormation does not have, are
those of https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-taskdefinition.html.
A test holds the table against botocore's model and CloudFormation's published schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fargate_guard.stacks.texts import refuse_functions
from fargate_guard.workload_input import Json, NotCarriedError

FREE = "free"
"""An object with the user's keys."""

Shape = Mapping[str, tuple[str, Any]]
"""Field → its property, and None for a plain value, FREE, or the Shape of the object or of the list's objects."""


def _plain(names: str, **renamed: str) -> dict[str, tuple[str, Any]]:
    own = {name: name[0].upper() + name[1:] for name in names.split()}
    return {name: (property_, None) for name, property_ in (own | renamed).items()}


def _objects(**shapes: Any) -> dict[str, tuple[str, Any]]:
    return {name: (name[0].upper() + name[1:], shape) for name, shape in shapes.items()}


_PAIR = _plain("name value")
_SECRET = _plain("name valueFrom")

CONTAINER: Shape = {
    **_plain(
        "name image cpu memory memoryReservation links essential entryPoint command startTimeout stopTimeout "
        "versionConsistency hostname user workingDirectory disableNetworking privileged readonlyRootFilesystem "
        "dnsServers dnsSearchDomains dockerSecurityOptions interactive pseudoTerminal credentialSpecs"
    ),
    **_objects(
        repositoryCredentials=_plain("credentialsParameter"),
        portMappings=_plain("containerPort hostPort protocol name appProtocol containerPortRange"),
        restartPolicy=_plain("enabled ignoredExitCodes restartAttemptPeriod"),
        environment=_PAIR,
        environmentFiles=_plain("value type"),
        mountPoints=_plain("sourceVolume containerPath readOnly"),
        volumesFrom=_plain("sourceContainer readOnly"),
        linuxParameters={
            **_plain("initProcessEnabled sharedMemorySize maxSwap swappiness"),
            **_objects(
                capabilities=_plain("add drop"),
                devices=_plain("hostPath containerPath permissions"),
                tmpfs=_plain("containerPath size mountOptions"),
            ),
        },
        secrets=_SECRET,
        dependsOn=_plain("containerName condition"),
        extraHosts=_plain("hostname ipAddress"),
        dockerLabels=FREE,
        ulimits=_plain("name softLimit hardLimit"),
        logConfiguration={**_plain("logDriver"), **_objects(options=FREE, secretOptions=_SECRET)},
        healthCheck=_plain("command interval timeout retries startPeriod"),
        systemControls=_plain("namespace value"),
        resourceRequirements=_plain("type value"),
        firelensConfiguration={**_plain("type"), **_objects(options=FREE)},
    ),
}

TASK_DEFINITION: Shape = {
    **_plain(
        "family taskRoleArn executionRoleArn networkMode requiresCompatibilities cpu memory pidMode ipcMode "
        "enableFaultInjection"
    ),
    **_objects(
        containerDefinitions=CONTAINER,
        tags=_plain("key value"),
        placementConstraints=_plain("type expression"),
        inferenceAccelerators=_plain("deviceName deviceType"),
        runtimePlatform=_plain("cpuArchitecture operatingSystemFamily"),
        ephemeralStorage=_plain("sizeInGiB"),
        proxyConfiguration={
            **_plain("type containerName"),
            "properties": ("ProxyConfigurationProperties", _PAIR),
        },
        volumes={
            **_plain("name configuredAtLaunch"),
            **_objects(
                host=_plain("sourcePath"),
                dockerVolumeConfiguration={
                    **_plain("scope autoprovision driver"),
                    **_objects(driverOpts=FREE, labels=FREE),
                },
            ),
            "efsVolumeConfiguration": (
                "EFSVolumeConfiguration",
                {
                    **_plain("rootDirectory transitEncryption transitEncryptionPort", fileSystemId="FilesystemId"),
                    **_objects(authorizationConfig=_plain("accessPointId", iam="IAM")),
                },
            ),
            "fsxWindowsFileServerVolumeConfiguration": (
                "FSxWindowsFileServerVolumeConfiguration",
                {
                    **_plain("fileSystemId rootDirectory"),
                    **_objects(authorizationConfig=_plain("credentialsParameter domain")),
                },
            ),
        },
    ),
}


def fields(value: Json, shape: Shape, path: str) -> Json:
    """Return ``value`` with its keys in the ECS API's own case and nulls left out (for ECS a null is absent).

    :raises NotCarriedError: a key that is not in ``shape``, or an object or array in the wrong place.
    """
    if not isinstance(value, dict):
        raise NotCarriedError("the task definition is malformed", where=path, why="an object belongs here")
    names = {name.lower(): name for name in shape}
    result: dict[str, Json] = {}
    for key, item in value.items():
        where = f"{path}.{key}"
        name = names.get(key.lower())
        if name is None and item in (None, [], {}):
            continue  # describe-task-definition prints every list, whether ECS or CloudFormation takes it or not
        if name is None:
            raise NotCarriedError(
                f"the task definition's field {key!r} cannot be carried through CloudFormation",
                where=where,
                why="AWS::ECS::TaskDefinition has no property for it, and dropping it would change the workload",
                fix="remove the field, or register the task definition yourself: fguard instrument",
            )
        if name in result:
            raise NotCarriedError(f"the field {name!r} stands there twice, in different case", where=where)
        if item is not None:
            result[name] = _field(item, shape[name][1], where)
    return result


def _field(item: Json, shape: Any, where: str) -> Json:
    if shape is FREE:
        if not isinstance(item, dict):
            raise NotCarriedError("the task definition is malformed", where=where, why="an object belongs here")
        refuse_functions(item, where)
        return {key: text for key, text in item.items() if text is not None}
    if shape is None:
        if isinstance(item, dict):
            raise NotCarriedError("the task definition is malformed", where=where, why="no object belongs here")
        return item
    if isinstance(item, list):
        return [fields(element, shape, f"{where}[{index}]") for index, element in enumerate(item)]
    return fields(item, shape, where)


def properties(value: Json, shape: Shape) -> Json:
    """Return fields, as :func:`fields` returns them, under CloudFormation's names."""
    return {shape[key][0]: _property(item, shape[key][1]) for key, item in value.items()}


def _property(item: Json, shape: Any) -> Json:
    if shape is None or shape is FREE:
        return item
    return [properties(element, shape) for element in item] if isinstance(item, list) else properties(item, shape)
