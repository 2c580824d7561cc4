"""What containers wait for: nothing that is not there, never comes, or waits for them.

ECS starts a container after those in its ``dependsOn``, those it takes volumes from, and the log router that its
log driver ``awsfirelens`` needs. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.taskdef.errors import TaskDefinitionError
from fargate_guard.taskdef.existing import name_of
from fargate_guard.taskdef.loose import inner, objects, truth
from fargate_guard.taskdef.result import Notice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.taskdef.definition import Definition
    from fargate_guard.taskdef.existing import Existing
    from fargate_guard.taskdef.fields import Fields

_ENDS = ("COMPLETE", "SUCCESS")
"""Conditions for which a container must end."""


_WORDS = {"dependsOn": "depends on", "volumesFrom": "takes volumes from", "awsfirelens": "logs through"}


class _Edge(NamedTuple):
    """One container waits for another."""

    source: str
    target: str
    field: str
    """What makes it wait: ``dependsOn``, ``volumesFrom`` or ``awsfirelens``."""
    path: str


def check_dependencies(definition: Definition, existing: Existing) -> None:
    """No container waits for something that the sidecar never does.

    :raises TaskDefinitionError: one does; ECS would never start it.
    """
    sidecar = existing.sidecar
    for container in definition.parsed:
        for entry in container.entries("dependsOn"):
            if entry.get("containerName") != existing.sidecar_name:
                continue
            condition = _condition(entry)
            reasons = dict.fromkeys(_ENDS, "the sidecar never ends")
            if sidecar is None or not sidecar.get("healthCheck"):
                reasons["HEALTHY"] = "the sidecar has no healthCheck"
            if condition in reasons:
                raise TaskDefinitionError(
                    f"container {name_of(container)} waits for {existing.sidecar_name} to be {condition}",
                    where=entry.at("condition"),
                    why=f"{reasons[condition]}, so the container would never start",
                    fix='"condition": "START", or remove the entry',
                )


def warn_about_health(definition: Definition) -> Iterator[Notice]:
    """Point at containers that wait for the health of one that has no check: they never start.

    ECS looks at no check of an image: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
    """
    waiting = [container for container in definition.parsed if container.get("dependsOn")]
    if not waiting:
        return
    unchecked = {name_of(container) for container in definition.parsed if not container.get("healthCheck")}
    for container in waiting:
        for entry in objects(container, "dependsOn"):
            wanted = entry.get("containerName")
            if _condition(entry) == "HEALTHY" and isinstance(wanted, str) and wanted in unchecked:
                yield Notice(
                    entry.at("condition"),
                    f"container {name_of(container)} waits for {wanted} to be HEALTHY, but {wanted} has no "
                    "healthCheck here, and ECS does not look at its image's; it would never start",
                )


def check_graph(definition: Definition) -> None:
    """Every container that another depends on is there and may do what is waited for, and none waits for itself.

    :raises TaskDefinitionError: ECS would refuse the definition, or would never start a container.
    """
    containers = {name_of(container): container for container in definition.parsed}
    for container in definition.parsed:
        for entry in container.entries("dependsOn"):
            _check_entry(container, entry, containers)
    cycle = _cycle(_edges(definition, containers)) if _may_be_a_circle(containers) else []
    if not cycle:
        return
    steps = "; ".join(f"{edge.source} {_WORDS[edge.field]} {edge.target}" for edge in cycle)
    raise TaskDefinitionError(
        f"containers wait for each other: {' -> '.join([*(edge.source for edge in cycle), cycle[0].source])}",
        where=", ".join(edge.path for edge in cycle),
        why=f"{steps}; ECS would start none of them",
        fix="remove one of these entries",
    )


def _may_be_a_circle(containers: dict[str, Fields]) -> bool:
    """Whether some container that waits may be waited for: a fast look at all that its entries mention."""
    waiting: set[str] = set()
    mentioned: set[str] = set()
    for name, container in containers.items():
        if container.get("firelensConfiguration"):
            return True
        for field in ("dependsOn", "volumesFrom"):
            entries = container.get(field)
            if isinstance(entries, list) and entries:
                waiting.add(name)
                for entry in entries:
                    if isinstance(entry, dict):
                        mentioned.update(map(str, entry.values()))
    return not waiting.isdisjoint(mentioned)


def _check_entry(container: Fields, entry: Fields, containers: dict[str, Fields]) -> None:
    name, wanted = name_of(container), entry.get("containerName")
    if not isinstance(wanted, str):
        return  # ECS itself must judge it
    if wanted not in containers:
        raise TaskDefinitionError(
            f"container {name} depends on {wanted}, which is not there",
            where=entry.at("containerName"),
            why=f"the containers are {', '.join(containers)}; ECS refuses that",
            fix="correct the name, or remove the entry",
        )
    essential = containers[wanted].get("essential") is None or truth(containers[wanted], "essential")
    if _condition(entry) in _ENDS and essential and wanted != name:
        raise TaskDefinitionError(
            f"container {name} waits for {wanted} to end, but {wanted} is essential",
            where=entry.at("condition"),
            why="the end of an essential container ends the task; ECS refuses that",
            fix=f'"essential": false in {wanted}, or another condition',
        )


def _condition(entry: Fields) -> str:
    return str(entry.get("condition")).upper()


def _edges(definition: Definition, containers: dict[str, Fields]) -> dict[str, list[_Edge]]:
    router = next((one for one in definition.parsed if one.get("firelensConfiguration")), None)
    if router is not None and router.get("dependsOn"):
        router = None  # ECS's agent then adds no dependency on the router, to be on the safe side
    edges: dict[str, list[_Edge]] = {name: [] for name in containers}
    for name, container in containers.items():
        for field, key in (("dependsOn", "containerName"), ("volumesFrom", "sourceContainer")):
            for entry in objects(container, field):
                target = entry.get(key)
                if isinstance(target, str) and target in containers:
                    edges[name].append(_Edge(name, target, field, entry.path))
        if router is not None and router is not container and _log_driver(container) == "awsfirelens":
            path = container.at("logConfiguration")
            edges[name].append(_Edge(name, name_of(router), "awsfirelens", path))
    return edges


def _log_driver(container: Fields) -> object:
    log = inner(container, "logConfiguration")
    return log.get("logDriver") if log else None


def _cycle(edges: dict[str, list[_Edge]]) -> list[_Edge]:
    """The edges of one cycle, in order; empty when there is none. Depth first, without recursion."""
    finished: set[str] = set()
    for start, first in edges.items():
        way: list[_Edge] = []
        todo = [(start, iter(first))]
        while todo and start not in finished:
            name, rest = todo[-1]
            edge = next(rest, None)
            if edge is None:
                finished.add(name)
                todo.pop()
                way = way[: len(todo) - 1] if todo else []
                continue
            on_the_way = [step for step, _ in todo]
            if edge.target in on_the_way:
                return [*way[on_the_way.index(edge.target) :], edge]
            if edge.target not in finished:
                way.append(edge)
                todo.append((edge.target, iter(edges[edge.target])))
    return []
