"""Whether a task definition is for Fargate.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fargate_guard.cloudformation.intrinsics import Opaque

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.taskdef import Json

_EC2_ONLY = ("PlacementConstraints", "IpcMode", "InferenceAccelerators")
_EC2_ONLY_IN_CONTAINER = ("Links", "Privileged", "Hostname", "DnsServers", "DnsSearchDomains", "ExtraHosts")
_EC2_ONLY_IN_PARAMETERS = ("Devices", "SharedMemorySize", "MaxSwap", "Swappiness")


_UNSET: Final[tuple[Json, ...]] = (None, False, "false", [], "")


def why_not_fargate(definition: dict[str, Json]) -> str | None:
    """Why a task definition is not for Fargate, in words; None when it is, or may be.

    :param definition: as :class:`~fargate_guard.cloudformation.concrete.Reading` reads it.
    """
    required = definition.get("RequiresCompatibilities")
    if isinstance(required, list) and required:
        if "FARGATE" in required:
            return None
        return f"not for Fargate: RequiresCompatibilities is {', '.join(map(str, required))}"
    if required:
        return None
    contradiction = next(_contradictions(definition), None)
    return contradiction and f"not for Fargate: RequiresCompatibilities is missing, and {contradiction}"


def _contradictions(definition: dict[str, Json]) -> Iterator[str]:
    mode = definition.get("NetworkMode")
    if mode != "awsvpc" and (not isinstance(mode, Opaque) or mode.known):
        yield f"NetworkMode is {mode or 'missing'} (Fargate needs awsvpc)"
    if definition.get("PidMode") == "host":
        yield "PidMode is host"
    yield from (f"it has {key}" for key in _EC2_ONLY if definition.get(key))
    for volume in _objects(definition.get("Volumes")):
        host = volume.get("Host")
        if volume.get("DockerVolumeConfiguration") or (isinstance(host, dict) and host.get("SourcePath")):
            yield "it has a volume of the host"
    for container in _objects(definition.get("ContainerDefinitions")):
        yield from (f"a container has {key}" for key in _EC2_ONLY_IN_CONTAINER if container.get(key) not in _UNSET)
        yield from _parameters_of_ec2(container.get("LinuxParameters"))


def _parameters_of_ec2(parameters: Json) -> Iterator[str]:
    if isinstance(parameters, dict):
        yield from (f"a container has LinuxParameters.{k}" for k in _EC2_ONLY_IN_PARAMETERS if parameters.get(k))


def _objects(value: Json) -> Iterator[dict[str, Json]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())
