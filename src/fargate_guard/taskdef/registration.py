"""What ECS refuses when a task definition is registered, whoever made it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fargate_guard.taskdef.dependencies import check_graph
from fargate_guard.taskdef.errors import TaskDefinitionError
from fargate_guard.taskdef.existing import name_of
from fargate_guard.taskdef.fargate_limits import check_limits
from fargate_guard.taskdef.loose import names, objects, variables
from fargate_guard.taskdef.recipes import EXTRA_CONF

if TYPE_CHECKING:
    from fargate_guard.taskdef.definition import Definition
    from fargate_guard.taskdef.fields import Fields, Json

MAX_CONTAINERS = 10
"""Containers per task definition: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html"""

MAX_BYTES = 64 * 1024
"""Size of a task definition; same page."""

_READ_ONLY = frozenset(
    [
        "taskdefinitionarn",
        "revision",
        "status",
        "requiresattributes",
        "compatibilities",
        "registeredat",
        "deregisteredat",
        "deleterequestedat",
        "registeredby",
    ]
)
"""What DescribeTaskDefinition gives and RegisterTaskDefinition does not take, in lower case.

The tests hold it against botocore. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html
"""

_COMPACT = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), default=str)


def check_names(definition: Definition) -> None:
    """Every container has a name of its own and an image.

    :raises TaskDefinitionError: one has not.
    """
    seen: dict[str, str] = {}
    for container in definition.parsed:
        name = container.text("name")
        if name is None:
            raise TaskDefinitionError(
                "a container has no name", where=container.at("name"), why="ECS requires one"
            )
        if name in seen:
            raise TaskDefinitionError(
                f"two containers are called {name}",
                where=f"{seen[name]} and {container.path}",
                why="ECS refuses that",
            )
        seen[name] = container.path
        if container.text("image") is None:
            raise TaskDefinitionError(
                f"container {name} has no image", where=container.at("image"), why="ECS requires one"
            )


def check_registration(definition: Definition) -> None:
    """What ECS would refuse in the result, beside names and sizes.

    :raises TaskDefinitionError: a secret's name that is not its own, a dependency that cannot be met, more
        containers or bytes than ECS accepts.
    """
    for container in definition.unsettled:
        _check_secret_names(container)
    check_limits(definition)
    check_graph(definition)
    _check_count(definition)
    _check_bytes(definition)


def _check_secret_names(container: Fields) -> None:
    """ECS: "Each secret name must be unique", "and not shared with any … environment variables"."""
    if not container.get("secrets"):
        return
    seen = dict.fromkeys(names(container, "environment"), "environment")
    for entry in objects(container, "secrets"):
        name = entry.get("name")
        if not isinstance(name, str):
            continue
        if name in seen:
            both = "twice in secrets" if seen[name] == "secrets" else "in environment and in secrets"
            raise TaskDefinitionError(
                f"container {name_of(container)} has {name} {both}",
                where=entry.path,
                why="ECS refuses a secret whose name another secret or variable of the container has",
                fix="remove one of the two",
            )
        seen[name] = "secrets"


def _check_count(definition: Definition) -> None:
    count = len(definition.containers)
    if count > MAX_CONTAINERS:
        raise TaskDefinitionError(
            f"{count} containers with the sidecar, {count - MAX_CONTAINERS} more than the {MAX_CONTAINERS} "
            "that ECS accepts",
            where=definition.path,
            why="the agent needs a container of its own; no option makes it need less",
            fix="merge or remove a container, or divide the task into two",
        )


def _check_bytes(definition: Definition) -> None:
    if _at_most(definition) <= MAX_BYTES or (size := _bytes(_registered(definition))) <= MAX_BYTES:
        return
    fields = [
        (_bytes(value), f"{container.key(field)} of container {name_of(container)}", field)
        for container in definition.parsed
        for field, value in container.object.items()
    ]
    largest, place, field = max(fields)
    fixes = [f"shorten {place} ({largest} bytes)"]
    if field.lower() == "environment":
        fixes[0] += ", for example by moving variables into environmentFiles"
    extra = sum(len(str(variables(one, "environment").get(EXTRA_CONF, ""))) for one in definition.parsed)
    if extra > size - MAX_BYTES:
        fixes.append(f"shorten --extra-conf ({extra} bytes)")
    raise TaskDefinitionError(
        f"{size} bytes with the instrumentation, {size - MAX_BYTES} more than the {MAX_BYTES} that ECS accepts",
        where=definition.path,
        fix=", or ".join(fixes),
    )


def _registered(definition: Definition) -> Json:
    """The definition without what only describing gives."""
    if definition.task is None:
        return definition.root
    return {key: value for key, value in definition.task.object.items() if str(key).lower() not in _READ_ONLY}


def _at_most(definition: Definition) -> int:
    """The size, or a little more: what the parts have, whose sizes may be known."""
    sizes, kept, task = definition.sizes, definition.kept, definition.task.object if definition.task else {}
    rest = {key: value for key, value in task.items() if value is not definition.containers}
    new = [container for container in definition.containers if id(container) not in kept]
    size = _bytes([rest, *new]) + len('"containerDefinitions": []')
    for container in definition.containers:
        if id(container) in kept:
            if id(container) not in sizes:
                sizes[id(container)] = _bytes(container)
            size += sizes[id(container)] + len(",")
    return size


def _bytes(value: Json) -> int:
    return len(_COMPACT.encode(value).encode("utf-8", "surrogatepass"))
