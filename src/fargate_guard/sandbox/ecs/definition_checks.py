"""What ECS refuses at RegisterTaskDefinition and moto lets pass, in ECS's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ecs.exceptions import EcsClientException

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

FARGATE_MEMORY: dict[int, range | tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
    32768: (61440, 122880, 249856),
}
"""MiB for CPU units
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size)."""


def check_definition(request: Json) -> None:
    """Refuse task definitions that ECS refuses.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html

    :raises EcsClientException: ``ClientException``, worded as ECS words it.
    """
    for problem in (*_container_problems(request), *_role_problems(request), *_fargate_problems(request)):
        raise EcsClientException(problem)


def _container_problems(request: Json) -> Iterator[str]:
    containers = request.get("containerDefinitions") or []
    names = [container.get("name") for container in containers]
    for name in names:
        if names.count(name) > 1:
            yield f"Container.name should be unique in task definition: {name}"
    if containers and not any(container.get("essential", True) for container in containers):
        yield "Invalid 'containerDefinitions' setting: at least one container must be essential."
    volumes = [volume.get("name") for volume in request.get("volumes") or []]
    yield from _unknown(containers, "dependsOn", "containerName", names, "container that is depended on")
    yield from _unknown(containers, "volumesFrom", "sourceContainer", names, "volume source container")
    yield from _unknown(containers, "mountPoints", "sourceVolume", volumes, "volume")


def _unknown(containers: list[Json], field: str, key: str, known: list[Any], what: str) -> Iterator[str]:
    """References by name that lead nowhere."""
    for container in containers:
        for reference in container.get(field) or []:
            if reference.get(key) not in known:
                yield f"Unknown {what} '{reference.get(key)}' in container '{container['name']}'."


def _role_problems(request: Json) -> Iterator[str]:
    if request.get("executionRoleArn"):
        return
    containers = request.get("containerDefinitions") or []
    if any(container.get("secrets") for container in containers):
        yield "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
    drivers = [(container.get("logConfiguration") or {}).get("logDriver") for container in containers]
    if _is_fargate(request) and "awslogs" in drivers:
        yield "Fargate requires task definition to have execution role ARN to support log driver awslogs."


def _fargate_problems(request: Json) -> Iterator[str]:
    if not _is_fargate(request):
        return
    if request.get("networkMode", "awsvpc") != "awsvpc":
        yield "Fargate only supports network mode 'awsvpc'."
    for size in ("cpu", "memory"):
        if not request.get(size):
            yield f"Fargate requires that '{size}' be defined at the task level."
    cpu, memory = str(request.get("cpu")), str(request.get("memory"))
    if cpu.isdigit() and memory.isdigit() and int(memory) not in FARGATE_MEMORY.get(int(cpu), ()):
        yield (
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. "
            "See the Amazon ECS documentation for the valid values."
        )


def _is_fargate(request: Json) -> bool:
    return "FARGATE" in (request.get("requiresCompatibilities") or [])
