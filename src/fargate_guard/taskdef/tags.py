"""The tags with which a task definition leaves itself or containers out, as Sysdig's own tools read them.

``kilt-ignore``, whatever its value, leaves the whole definition out; ``kilt-ignore-containers: "a:b"`` the
containers ``a`` and ``b``.
https://docs.sysdig.com/en/docs/installation/sysdig-secure/install-agent-components/ecs-on-fargate/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.taskdef.definition import Shape
from fargate_guard.taskdef.fields import Fields

if TYPE_CHECKING:
    from fargate_guard.taskdef.definition import Definition

IGNORE, IGNORE_CONTAINERS = "kilt-ignore", "kilt-ignore-containers"


@dataclass(frozen=True, slots=True)
class Ignored:
    """What the tags leave out."""

    everything: bool = False
    containers: tuple[str, ...] = ()
    path: str = ""
    """JSON path of the names."""


def ignored_by_tags(definition: Definition) -> Ignored:
    """Read the tags: ``$.tags``, beside ``taskDefinition`` in described output; a bare array has none.

    :raises TaskDefinitionError: not an array of objects.
    """
    top = Fields(definition.root, "$") if definition.shape is Shape.DESCRIBE else definition.task
    everything, path = False, ""
    containers: tuple[str, ...] = ()
    for tag in top.entries("tags") if top is not None else []:
        key, value = tag.get("key"), tag.get("value")
        everything = everything or key == IGNORE
        if key == IGNORE_CONTAINERS and isinstance(value, str):
            names = (name.strip() for name in value.split(":"))
            containers, path = tuple(name for name in names if name), tag.at("value")
    return Ignored(everything, containers, path)
