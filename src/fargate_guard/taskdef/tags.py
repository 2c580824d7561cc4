"""The tags that leave out, or ask for, a task definition or containers of it, as Sysdig's own tools read them.

``kilt-ignore``, whatever its value, leaves the whole definition out; ``kilt-ignore-containers: "a:b"`` the
containers ``a`` and ``b``. ``kilt-include`` and ``kilt-include-containers`` ask for instrumentation likewise,
where only what asks for it is instrumented.
https://docs.sysdig.com/en/docs/installation/sysdig-secure/install-agent-components/ecs-on-fargate/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.taskdef.definition import Shape
from fargate_guard.taskdef.fields import Fields

if TYPE_CHECKING:
    from fargate_guard.taskdef.definition import Definition

IGNORE, IGNORE_CONTAINERS = "kilt-ignore", "kilt-ignore-containers"
INCLUDE, INCLUDE_CONTAINERS = "kilt-include", "kilt-include-containers"


class Ignored(NamedTuple):
    """What the tags leave out and ask for."""

    everything: bool = False
    containers: tuple[str, ...] = ()
    path: str = ""
    """JSON path of the names."""
    include_everything: bool = False
    included: tuple[str, ...] = ()
    included_path: str = ""
    """JSON path of the names that are asked for."""


def ignored_by_tags(definition: Definition) -> Ignored:
    """Read the tags: ``$.tags``, beside ``taskDefinition`` in described output; a bare array has none.

    :raises TaskDefinitionError: not an array of objects.
    """
    top = Fields(definition.root, "$") if definition.shape is Shape.DESCRIBE else definition.task
    if top is None or not top.get("tags"):
        return Ignored()
    keys: set[str] = set()
    names: dict[str, tuple[str, ...]] = {}
    paths: dict[str, str] = {}
    for tag in top.entries("tags"):
        key, value = tag.get("key"), tag.get("value")
        if key in (IGNORE, INCLUDE):
            keys.add(key)
        elif key in (IGNORE_CONTAINERS, INCLUDE_CONTAINERS) and isinstance(value, str):
            names[key] = tuple(name for part in value.split(":") if (name := part.strip()))
            paths[key] = tag.at("value")
    return Ignored(
        IGNORE in keys,
        names.get(IGNORE_CONTAINERS, ()),
        paths.get(IGNORE_CONTAINERS, ""),
        INCLUDE in keys,
        names.get(INCLUDE_CONTAINERS, ()),
        paths.get(INCLUDE_CONTAINERS, ""),
    )
