"""The fields of a task definition that Terraform can carry to ECS.

The AWS provider decodes ``container_definitions`` into its own structures and drops what it does not know without
a word, and a task definition's other fields need an argument of ``aws_ecs_task_definition``. So everything is
compared with this table, and a field that would be lost is refused by name.

The table is that of provider 5.100.0, the last of the 5.x line, measured by registering a container with every
field of
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html.
Fields that Fargate does not have are in it where they cost nothing: whether they make sense is for ECS to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fargate_guard.workload_input import Json, NotCarriedError

Shape = Mapping[str, Any]
"""Field → None for a plain value, FREE for an object with the user's keys, else the Shape of the object or of the
list's objects."""

FREE = "free"


def _plain(names: str) -> dict[str, None]:
    return dict.fromkeys(names.split())


_SECRET = _plain("name valueFrom")

CONTAINER: Shape = _plain(
    "name image cpu memory memoryReservation links essential entryPoint command startTimeout stopTimeout "
    "versionConsistency hostname user workingDirectory disableNetworking privileged readonlyRootFilesystem "
    "dnsServers dnsSearchDomains dockerSecurityOptions interactive pseudoTerminal credentialSpecs"
) | {
    "repositoryCredentials": _plain("credentialsParameter"),
    "portMappings": _plain("containerPort hostPort protocol name appProtocol containerPortRange"),
    "restartPolicy": _plain("enabled ignoredExitCodes restartAttemptPeriod"),
    "environment": _plain("name value"),
    "environmentFiles": _plain("value type"),
    "mountPoints": _plain("sourceVolume containerPath readOnly"),
    "volumesFrom": _plain("sourceContainer readOnly"),
    "linuxParameters": _plain("initProcessEnabled sharedMemorySize maxSwap swappiness")
    | {
        "capabilities": _plain("add drop"),
        "devices": _plain("hostPath containerPath permissions"),
        "tmpfs": _plain("containerPath size mountOptions"),
    },
    "secrets": _SECRET,
    "dependsOn": _plain("containerName condition"),
    "extraHosts": _plain("hostname ipAddress"),
    "dockerLabels": FREE,
    "ulimits": _plain("name softLimit hardLimit"),
    "logConfiguration": {"logDriver": None, "options": FREE, "secretOptions": _SECRET},
    "healthCheck": _plain("command interval timeout retries startPeriod"),
    "systemControls": _plain("namespace value"),
    "resourceRequirements": _plain("type value"),
    "firelensConfiguration": {"type": None, "options": FREE},
}

TASK_DEFINITION: Shape = _plain(
    "family taskRoleArn executionRoleArn networkMode requiresCompatibilities cpu memory pidMode ipcMode "
    "enableFaultInjection"
) | {
    "containerDefinitions": CONTAINER,
    "tags": _plain("key value"),
    "runtimePlatform": _plain("cpuArchitecture operatingSystemFamily"),
    "ephemeralStorage": _plain("sizeInGiB"),
    "proxyConfiguration": _plain("type containerName") | {"properties": _plain("name value")},
    "volumes": _plain("name configuredAtLaunch")
    | {
        "host": {},
        "efsVolumeConfiguration": _plain("fileSystemId rootDirectory transitEncryption transitEncryptionPort")
        | {"authorizationConfig": _plain("accessPointId iam")},
    },
}


def carried(value: Json, shape: Shape, path: str) -> Json:
    """Return ``value`` with its keys in the ECS API's own case and nulls left out (for ECS a null is absent).

    :raises NotCarriedError: a key that is not in ``shape``, or an object or array in the wrong place.
    """
    if not isinstance(value, dict):
        raise NotCarriedError("the task definition is malformed", where=path, why="an object belongs here")
    names = {name.lower(): name for name in shape}
    result: dict[str, Json] = {}
    for key, item in value.items():
        where = f"{path}.{key}" if path else key
        name = names.get(key.lower())
        if name is None and item in (None, [], {}):
            continue  # describe-task-definition prints every list, such as placementConstraints
        if name is None:
            raise NotCarriedError(
                f"the task definition's field {key!r} cannot be carried through Terraform",
                where=where,
                why="the AWS provider (5.x) has no argument for it, and dropping it would change the workload",
                fix="remove the field, or register the task definition yourself: fguard instrument",
            )
        if name in result:
            raise NotCarriedError(f"the field {name!r} stands there twice, in different case", where=where)
        if item is not None:
            result[name] = _carried_field(item, shape[name], where)
    return result


def _carried_field(item: Json, shape: Any, where: str) -> Json:
    if shape is None:
        return item
    if shape is FREE:
        if not isinstance(item, dict):
            raise NotCarriedError("the task definition is malformed", where=where, why="an object belongs here")
        return item
    if isinstance(item, list):
        return [carried(element, shape, f"{where}[{index}]") for index, element in enumerate(item)]
    return carried(item, shape, where)
