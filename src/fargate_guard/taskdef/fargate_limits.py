"""What a container on Fargate may not ask for, and which numbers are none.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html (``essential``, ``memory``,
``privileged``) and https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fargate_guard.taskdef.errors import TaskDefinitionError
from fargate_guard.taskdef.existing import name_of
from fargate_guard.taskdef.loose import inner, truth
from fargate_guard.taskdef.recipes import CAPABILITY

if TYPE_CHECKING:
    from fargate_guard.taskdef.definition import Definition
    from fargate_guard.taskdef.fields import Fields, Json

LEAST_MEMORY = 6
"""MiB that Docker 20.10.0 and later reserve for a container at least (``memory`` of ContainerDefinition)."""

_PLAIN = r"[-+\w.% ]*"
"""A text that stands for itself; a function of a template has braces."""

_WHOLE_NUMBER = r"\s*\d{1,9}\s*"
_TASK_SIZE = r"(?i)\s*(?:\d{0,9}\.\d{1,9}|\d{1,9})\s*(?:vcpu|gb)?\s*"
_ALL_CAPABILITIES = r"[A-Z_]+"


def check_limits(definition: Definition) -> None:
    """Refuse what ECS refuses on Fargate.

    :raises TaskDefinitionError: a number that is none, or is too small; a privilege; no essential container.
    """
    task = definition.task
    if task is not None:
        for field in ("cpu", "memory"):
            _check_number(task, field, _TASK_SIZE, 'a size such as "512" or "1 GB"')
    for container in definition.unsettled:
        for field in ("cpu", "memory", "memoryReservation"):
            _check_number(container, field, _WHOLE_NUMBER, "a whole number of zero or more")
        for field in ("memory", "memoryReservation"):
            _check_least_memory(container, field)
        _check_privileges(container)
    if all(truth(container, "essential") is False for container in definition.parsed):
        raise TaskDefinitionError(
            "no container is essential",
            where=definition.path,
            why="ECS refuses a task definition without an essential container",
            fix='"essential": true for the container whose end is the end of the task',
        )


def _check_number(fields: Fields, name: str, right: str, what: str) -> None:
    value = fields.get(name)
    if value in (None, "") or (type(value) is int and value >= 0) or _is_number(value, right):
        return
    raise TaskDefinitionError(
        f"{name} is {value!r}, which is not {what}",
        where=fields.at(name),
        why="ECS refuses it",
        fix=f"give {what}",
    )


def _is_number(value: Json, right: str) -> bool:
    if isinstance(value, str):
        return re.fullmatch(right, value) is not None or not re.fullmatch(_PLAIN, value)
    if isinstance(value, float):
        return value >= 0
    return isinstance(value, dict)


def _check_least_memory(container: Fields, field: str) -> None:
    value = container.get(field)
    if isinstance(value, (int, str)) and str(value) in _TOO_LITTLE:
        raise TaskDefinitionError(
            f"container {name_of(container)} has {value} MiB of memory, less than any container needs",
            where=container.at(field),
            why=f"Docker reserves at least {LEAST_MEMORY} MiB for a container",
            fix=f"give it {LEAST_MEMORY} MiB or more",
        )


_TOO_LITTLE = frozenset(str(amount) for amount in range(1, LEAST_MEMORY))


def _check_privileges(container: Fields) -> None:
    if truth(container, "privileged"):
        raise TaskDefinitionError(
            f"container {name_of(container)} is privileged, which is not possible on Fargate",
            where=container.at("privileged"),
            why="ECS refuses privileged containers in tasks for Fargate",
            fix="remove the field",
        )
    parameters = inner(container, "linuxParameters") if container.get("linuxParameters") else None
    capabilities = parameters and inner(parameters, "capabilities")
    added = capabilities.get("add") if capabilities else None
    for name in added if isinstance(added, list) else ():
        if isinstance(name, str) and name != CAPABILITY and re.fullmatch(_ALL_CAPABILITIES, name):
            raise TaskDefinitionError(
                f"container {name_of(container)} adds the capability {name}, which is not possible on Fargate",
                where=capabilities.at("add") if capabilities else container.path,
                why=f"Fargate allows {CAPABILITY} only, which the agent needs",
                fix=f"remove {name}",
            )
