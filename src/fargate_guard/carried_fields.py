"""Which fields of a task definition a deployment's method hands on to ECS, and what it refuses by name.

A method has a table of the fields that it can carry, a :data:`Shape`. A field that is not in it would be lost
without a word, so it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fargate_guard.workload_input import Json, NotCarriedError

FREE = "free"
"""An object with the user's keys."""

Shape = Mapping[str, Any]
"""Field → None for a plain value, FREE, or the Shape of the object or of the list's objects."""


def plain(names: str) -> dict[str, None]:
    """Fields with plain values, divided by blanks."""
    return dict.fromkeys(names.split())


_SECRET = plain("name valueFrom")

CONTAINER: Shape = plain(
    "name image cpu memory memoryReservation links essential entryPoint command startTimeout stopTimeout "
    "versionConsistency hostname user workingDirectory disableNetworking privileged readonlyRootFilesystem "
    "dnsServers dnsSearchDomains dockerSecurityOptions interactive pseudoTerminal credentialSpecs"
) | {
    "repositoryCredentials": plain("credentialsParameter"),
    "portMappings": plain("containerPort hostPort protocol name appProtocol containerPortRange"),
    "restartPolicy": plain("enabled ignoredExitCodes restartAttemptPeriod"),
    "environment": plain("name value"),
    "environmentFiles": plain("value type"),
    "mountPoints": plain("sourceVolume containerPath readOnly"),
    "volumesFrom": plain("sourceContainer readOnly"),
    "linuxParameters": plain("initProcessEnabled sharedMemorySize maxSwap swappiness")
    | {
        "capabilities": plain("add drop"),
        "devices": plain("hostPath containerPath permissions"),
        "tmpfs": plain("containerPath size mountOptions"),
    },
    "secrets": _SECRET,
    "dependsOn": plain("containerName condition"),
    "extraHosts": plain("hostname ipAddress"),
    "dockerLabels": FREE,
    "ulimits": plain("name softLimit hardLimit"),
    "logConfiguration": {"logDriver": None, "options": FREE, "secretOptions": _SECRET},
    "healthCheck": plain("command interval timeout retries startPeriod"),
    "systemControls": plain("namespace value"),
    "resourceRequirements": plain("type value"),
    "firelensConfiguration": {"type": None, "options": FREE},
}
"""Of a container definition; both methods carry the same.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
"""

TASK: Shape = plain(
    "family taskRoleArn executionRoleArn networkMode requiresCompatibilities cpu memory pidMode ipcMode "
    "enableFaultInjection"
) | {
    "containerDefinitions": CONTAINER,
    "tags": plain("key value"),
    "runtimePlatform": plain("cpuArchitecture operatingSystemFamily"),
    "ephemeralStorage": plain("sizeInGiB"),
    "proxyConfiguration": plain("type containerName") | {"properties": plain("name value")},
}
"""Of a task definition, without ``volumes``: what both methods carry."""

EFS_VOLUME: Shape = plain("fileSystemId rootDirectory transitEncryption transitEncryptionPort") | {
    "authorizationConfig": plain("accessPointId iam")
}


class Method(NamedTuple):
    """A deployment's method, in the words of a refusal."""

    name: str
    why: str
    """Why a field that is not in its table is refused."""
    check_keys: Callable[[Mapping[str, Json], str], None] | None = None
    """Refuses keys of the user's that it would not hand on, in an object and at its path."""


def carried(value: Json, shape: Shape, path: str, method: Method) -> Json:
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
            continue  # describe-task-definition prints every list, whether the method carries it or not
        if name is None:
            raise NotCarriedError(
                f"the task definition's field {key!r} cannot be carried through {method.name}",
                where=where,
                why=f"{method.why}, and dropping it would change the workload",
                fix="remove the field, or register the task definition yourself: fguard instrument",
            )
        if name in result:
            raise NotCarriedError(f"the field {name!r} stands there twice, in different case", where=where)
        if item is not None:
            result[name] = _carried_field(item, shape[name], where, method)
    return result


def _carried_field(item: Json, shape: Any, where: str, method: Method) -> Json:
    if shape is None:
        if isinstance(item, dict):
            raise NotCarriedError("the task definition is malformed", where=where, why="no object belongs here")
        return item
    if shape is FREE:
        if not isinstance(item, dict):
            raise NotCarriedError("the task definition is malformed", where=where, why="an object belongs here")
        if method.check_keys is not None:
            method.check_keys(item, where)
        return {key: text for key, text in item.items() if text is not None}
    if isinstance(item, list):
        return [carried(element, shape, f"{where}[{index}]", method) for index, element in enumerate(item)]
    return carried(item, shape, where, method)
