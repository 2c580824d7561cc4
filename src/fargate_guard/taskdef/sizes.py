"""Whether Fargate has the size of the task, and whether the containers, the sidecar included, fit into it.

Rules: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html (``cpu``, ``memory``
and ``memoryReservation``) and https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.taskdef.errors import TaskDefinitionError
from fargate_guard.taskdef.existing import name_of
from fargate_guard.taskdef.fargate_sizes import FargateSize, memory_for, price_words, smallest_with
from fargate_guard.taskdef.fields import Fields

if TYPE_CHECKING:
    from fargate_guard.taskdef.definition import Definition
    from fargate_guard.taskdef.fields import Json

_TASK_SIZE = r"(?i)\s*(\d{0,9}(?:\.\d{1,9})|\d{1,9})\s*(vcpu|gb)?\s*"
_AMOUNT = r"\d{1,9}"
_PER_UNIT = 1024
"""CPU units in a vCPU; MiB in a GB, as ECS counts it."""

_MOST = 10**9
"""Far beyond any task; Python refuses to write integers of more than 4,300 digits."""


class _Share(NamedTuple):
    """What one container takes of the task."""

    container: Fields
    field: str
    amount: int


def check_sizes(definition: Definition, sidecar_name: str) -> None:
    """Fargate has the task's size, and the containers fit into its ``cpu`` and ``memory``, where it says them.

    :raises TaskDefinitionError: they do not; ECS would refuse the definition when it is registered.
    """
    task = definition.task
    if task is None:
        return
    size = _Size(task, _task_size(task.get("cpu")), _task_size(task.get("memory")))
    # ECS takes memoryReservation where there is one, and memory otherwise, as what a container reserves.
    cpu, hard_limits = _shares(definition, "cpu"), _shares(definition, "memory")
    memory = _shares(definition, "memoryReservation", "memory")
    needed = _Needed(_total(cpu), max(_total(memory), *(share.amount for share in hard_limits), 0))
    _check_sum(size, "cpu", cpu, needed, sidecar_name)
    _check_hard_limits(size, hard_limits, needed, sidecar_name)
    _check_sum(size, "memory", memory, needed, sidecar_name)
    _check_pair(size)


class _Needed(NamedTuple):
    """What the containers take together."""

    cpu: int
    memory: int


class _Size(NamedTuple):
    """What the task definition asks for."""

    task: Fields
    cpu: float | None
    """CPU units; None for what ECS itself must judge."""
    memory: float | None
    """MiB, likewise."""

    @property
    def architecture(self) -> str:
        platform = self.task.get("runtimePlatform")
        value = Fields(platform, "").get("cpuArchitecture") if isinstance(platform, dict) else None
        return value.upper() if isinstance(value, str) and value else "X86_64"

    @property
    def known(self) -> FargateSize | None:
        """The size, where Fargate has it."""
        if self.cpu is None or self.memory is None or self.memory not in memory_for(self.cpu):
            return None
        return FargateSize(int(self.cpu), int(self.memory))


def _larger(size: _Size, needed: _Needed) -> str:
    """Which size would fit, in words; it gives nothing less than now."""
    if size.cpu is None or size.memory is None:
        return "give the task more, in a size that Fargate has"
    fits = smallest_with(max(needed.cpu, size.cpu), max(needed.memory, size.memory), size.architecture)
    if fits is None:
        return "divide the work between several tasks, since Fargate has no size as large"
    return f"give the task {fits}, {price_words(fits, size.architecture, size.known)}"


def _check_pair(size: _Size) -> None:
    """Every pair that Fargate does not have is refused; Windows and EC2 have been refused before."""
    if size.cpu is None or size.memory is None or size.known is not None:
        return
    fits = smallest_with(size.cpu, size.memory, size.architecture)
    memories = memory_for(size.cpu)
    with_cpu = (
        f"with cpu {size.cpu:g} it has memory {_steps(memories)}" if memories else f"it has no cpu {size.cpu:g}"
    )
    larger = f"{fits} is the smallest with both, {price_words(fits, size.architecture, None)}" if fits else None
    raise TaskDefinitionError(
        f"Fargate has no tasks with cpu {size.cpu:g} and memory {size.memory:g}",
        where=f"{size.task.at('cpu')} and {size.task.at('memory')}",
        why=f"{with_cpu}; ECS refuses any other pair",
        fix=larger or "divide the work between several tasks",
    )


def _steps(memories: tuple[int, ...]) -> str:
    few = 4
    if len(memories) <= few:
        return ", ".join(map(str, memories))
    return f"{memories[0]} to {memories[-1]} in steps of {memories[1] - memories[0]}"


def _task_size(value: Json) -> float | None:
    """CPU units or MiB of ``"512"``, ``"0.5 vCPU"`` or ``"1GB"``; None for what ECS itself must judge."""
    match = re.fullmatch(_TASK_SIZE, _written(value))
    return float(match[1]) * (_PER_UNIT if match[2] else 1) if match else None


def _amount(value: Json) -> int:
    """A container's CPU units or MiB; 0 for none, and for what ECS itself must judge."""
    match = re.fullmatch(_AMOUNT, _written(value))
    return int(match[0]) if match else 0


def _written(value: Json) -> str:
    if isinstance(value, int) and 0 <= value < _MOST:
        return str(value)
    return value if isinstance(value, str) else ""


def _shares(definition: Definition, *fields: str) -> list[_Share]:
    """What each container takes, by the first of the fields that says it."""
    shares = []
    for container in definition.parsed:
        for field in fields:
            value = container.get(field)
            if value and (amount := _amount(value)):
                shares.append(_Share(container, field, amount))
                break
    return shares


def _total(shares: list[_Share]) -> int:
    return sum(share.amount for share in shares)


def _check_hard_limits(size: _Size, shares: list[_Share], needed: _Needed, sidecar_name: str) -> None:
    for share in shares:
        if size.memory is not None and share.amount > size.memory:
            raise TaskDefinitionError(
                f"container {name_of(share.container)} has {share.amount} MiB of memory, but its task "
                f"{size.memory:g}",
                where=share.container.at("memory"),
                why="ECS refuses a container that is larger than its task",
                fix=_fix(_larger(size, needed), [share], sidecar_name),
            )


def _check_sum(size: _Size, field: str, shares: list[_Share], needed: _Needed, sidecar_name: str) -> None:
    available, total = getattr(size, field), _total(shares)
    if available is None or total <= available:
        return
    unit = "CPU units" if field == "cpu" else "MiB of memory"
    parts = " + ".join(f"{name_of(share.container)} {share.amount}" for share in shares)
    raise TaskDefinitionError(
        f"the containers take {total} {unit} ({parts}), but the task has {available:g}",
        where=size.task.at(field),
        why="ECS refuses containers that are larger than their task together",
        fix=_fix(_larger(size, needed), shares, sidecar_name),
    )


def _fix(larger: str, shares: list[_Share], sidecar_name: str) -> str:
    sidecar = next((share.field for share in shares if name_of(share.container) == sidecar_name), None)
    if sidecar is None:
        return f"{larger}; or give its containers less"
    flag, key = {
        "cpu": ("--sidecar-cpu", "cpu"),
        "memory": ("--sidecar-memory", "memory"),
        "memoryReservation": ("--sidecar-memory-reservation", "memory_reservation"),
    }[sidecar]
    return f"{larger}; or give the sidecar less: {flag}, or agent.sidecar.{key} in fguard.yaml"
