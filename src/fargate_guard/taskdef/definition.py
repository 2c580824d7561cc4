"""Where the containers are: the three shapes a task definition comes in."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from fargate_guard.taskdef.detection import WHAT_TO_GIVE, refuse_other_arrays, something_else
from fargate_guard.taskdef.errors import NoContainersError, NotATaskDefinitionError, TaskDefinitionError
from fargate_guard.taskdef.fields import Fields, Json, kind, wrong_type


class Shape(Enum):
    """What the containers are wrapped in."""

    REGISTER = "task definition"
    """Input of RegisterTaskDefinition: ``{"family": …, "containerDefinitions": […]}``."""
    DESCRIBE = "describe-task-definition output"
    """``{"taskDefinition": {…}, "tags": […]}``."""
    CONTAINERS = "container definitions"
    """A bare array, as Terraform's ``container_definitions`` takes it."""


@dataclass(slots=True, eq=False, repr=False)
class Definition:
    """A task definition whose parts can be changed in place."""

    shape: Shape
    root: Json
    task: Fields | None
    """The task-level fields; None for a bare array, which has none."""
    containers: list[Json]
    """The very list of the definition."""
    path: str
    """JSON path of that list."""
    parsed: list[Fields] = field(default_factory=list)
    """The containers, in order."""
    settled: set[int] = field(default_factory=set)
    """Containers, by the identity of their objects, that passed every check which looks at one alone."""
    kept: set[int] = field(default_factory=set)
    """Those of them that other definitions have, too, and that stay."""
    sizes: dict[int, int] = field(default_factory=dict)
    """Bytes of their JSON, as far as they are known."""

    def __post_init__(self) -> None:
        self.parsed = [Fields(value, f"{self.path}[{i}]") for i, value in enumerate(self.containers)]

    @property
    def pascal(self) -> bool:
        """The case of a container that is added."""
        return bool(self.parsed) and self.parsed[0].pascal

    @property
    def unsettled(self) -> list[Fields]:
        """The containers that are still to be looked at."""
        return [one for one in self.parsed if id(one.object) not in self.settled] if self.settled else self.parsed

    def settle(self, index: int, made: Json) -> None:
        """Put something that is kept, and known to be right, in the place of a container."""
        self.containers[index] = made
        self.parsed[index] = Fields(made, self.parsed[index].path)
        self.settled.add(id(made))
        self.kept.add(id(made))

    def append(self, container: Json) -> Fields:
        """Add a container at the end."""
        self.containers.append(container)
        self.parsed.append(Fields(container, f"{self.path}[{len(self.parsed)}]"))
        return self.parsed[-1]

    def remove(self, container: Fields) -> None:
        """Take a container out."""
        index = next(i for i, other in enumerate(self.parsed) if other is container)
        del self.containers[index]
        del self.parsed[index]


def locate(root: Json, syntax: str = "JSON") -> Definition:
    """Find the container definitions in a parsed document.

    :param syntax: what it was read from, for the message.
    :raises NotATaskDefinitionError: there are none, and what the document is instead where it can be told.
    """
    if isinstance(root, list):
        refuse_other_arrays(root)
        return _with_containers(Shape.CONTAINERS, root, None, root, "$")
    if not isinstance(root, dict):
        raise NoContainersError(f"{kind(root)} is not a task definition", where="$", fix=WHAT_TO_GIVE)
    top = Fields(root, "$")
    if "containerDefinitions" in top:
        return _with_containers(
            Shape.REGISTER, root, top, top.get("containerDefinitions"), top.at("containerDefinitions")
        )
    if isinstance(top.get("taskDefinition"), dict):
        task = top.child("taskDefinition")
        if "containerDefinitions" in task:
            return _with_containers(
                Shape.DESCRIBE, root, task, task.get("containerDefinitions"), task.at("containerDefinitions")
            )
    raise something_else(root, syntax)


def container_names(root: Json) -> frozenset[str]:
    """The names of a definition's containers.

    :raises NotATaskDefinitionError: there are no container definitions in it.
    """
    names = (container.get("name") for container in locate(root).parsed)
    return frozenset(name for name in names if isinstance(name, str))


def _with_containers(shape: Shape, root: Json, task: Fields | None, containers: Json, path: str) -> Definition:
    if not isinstance(containers, list):
        raise wrong_type(path, "an array of container definitions", containers)
    if not containers:
        raise NotATaskDefinitionError("the array of container definitions is empty", where=path)
    for index, container in enumerate(containers):
        if not isinstance(container, dict):
            raise TaskDefinitionError(
                f"expected a container definition (an object), found {kind(container)}", where=f"{path}[{index}]"
            )
    return Definition(shape, root, task, containers, path)
