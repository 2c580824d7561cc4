"""Whether the containers, the sidecar included, fit into the task.

Rules: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html (``cpu``, ``memory``
and ``memoryReservation``) and https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.taskdef.errors import TaskDefinitionError
from fargate_guard.taskdef.existing import name_of

if TYPE_CHECKING:
    from fargate_guard.taskdef.definition import Definition
    from fargate_guard.taskdef.fields import Fields, Json

_TASK_SIZE = re.compile(r"\s*(\d{0,9}(?:\.\d{1,9})|\d{1,9})\s*(vcpu|gb)?\s*", re.IGNORECASE)
_PER_UNIT = 1024
"""CPU units in a vCPU; MiB in a GB, as ECS counts it."""

_MOST = 10**9
"""Far beyond any task; Python refuses to write integers of more than 4,300 digits."""


@dataclass(frozen=True, slots=True)
class _Share:
    """What one container takes of the task."""

    container: Fields
    field: str
    amount: int


def check_sizes(definition: Definition, sidecar_name: str) -> None:
    """The containers fit into the task's ``cpu`` and ``memory``, where it says them.

    :raises TaskDefinitionError: they do not; ECS would refuse the definition when it is registered.
    """
    task = definition.task
    if task is None:
        return
    cpu, memory = _task_size(task.get("cpu")), _task_size(task.get("memory"))
    if cpu is not None:
        _check_sum(task, "cpu", cpu, _shares(definition, ("cpu",)), sidecar_name)
    if memory is not None:
        _check_hard_limits(definition, memory, sidecar_name)
        # ECS takes memoryReservation where there is one, and memory otherwise, as what a container reserves.
        shares = _shares(definition, ("memoryReservation", "memory"))
        _check_sum(task, "memory", memory, shares, sidecar_name)


def _task_size(value: Json) -> float | None:
    """CPU units or MiB of ``"512"``, ``"0.5 vCPU"`` or ``"1GB"``; None for what ECS itself must judge."""
    match = _TASK_SIZE.fullmatch(_written(value))
    return float(match[1]) * (_PER_UNIT if match[2] else 1) if match else None


def _amount(value: Json) -> int:
    """A container's CPU units or MiB; 0 for none, and for what ECS itself must judge."""
    match = re.fullmatch(r"\d{1,9}", _written(value))
    return int(match[0]) if match else 0


def _written(value: Json) -> str:
    if isinstance(value, int) and 0 <= value < _MOST:
        return str(value)
    return value if isinstance(value, str) else ""


def _shares(definition: Definition, fields: tuple[str, ...]) -> list[_Share]:
    shares = []
    for container in definition.parsed:
        field = next((field for field in fields if _amount(container.get(field))), None)
        if field is not None:
            shares.append(_Share(container, field, _amount(container.get(field))))
    return shares


def _check_hard_limits(definition: Definition, size: float, sidecar_name: str) -> None:
    for share in _shares(definition, ("memory",)):
        if share.amount > size:
            raise TaskDefinitionError(
                f"container {name_of(share.container)} has {share.amount} MiB of memory, but its task {size:g}",
                where=share.container.at("memory"),
                why="ECS refuses a container that is larger than its task",
                fix=_fix("memory", share.amount, [share], sidecar_name),
            )


def _check_sum(task: Fields, field: str, size: float, shares: list[_Share], sidecar_name: str) -> None:
    total = sum(share.amount for share in shares)
    if total <= size:
        return
    unit = "CPU units" if field == "cpu" else "MiB of memory"
    parts = " + ".join(f"{name_of(share.container)} {share.amount}" for share in shares)
    raise TaskDefinitionError(
        f"the containers take {total} {unit} ({parts}), but the task has {size:g}",
        where=task.at(field),
        why="ECS refuses containers that are larger than their task together",
        fix=_fix(field, total, shares, sidecar_name),
    )


def _fix(field: str, needed: int, shares: list[_Share], sidecar_name: str) -> str:
    larger = f"give the task more (`{field}` of at least {needed}, in a size that Fargate has)"
    sidecar = next((share.field for share in shares if name_of(share.container) == sidecar_name), None)
    if sidecar is None:
        return f"{larger}, or its containers less"
    flag, key = {
        "cpu": ("--sidecar-cpu", "cpu"),
        "memory": ("--sidecar-memory", "memory"),
        "memoryReservation": ("--sidecar-memory-reservation", "memory_reservation"),
    }[sidecar]
    return f"{larger}, or the sidecar less: {flag}, or agent.sidecar.{key} in fguard.yaml"
