"""The task definitions of a template."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from fargate_guard.cloudformation.concrete import unreadable
from fargate_guard.cloudformation.intrinsics import is_intrinsic
from fargate_guard.taskdef import NotATaskDefinitionError, TaskDefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.taskdef import Json

CONTAINERS: Final = "ContainerDefinitions"
TYPE: Final = "AWS::ECS::TaskDefinition"


class Resource(NamedTuple):
    """One ``AWS::ECS::TaskDefinition``."""

    logical_id: str
    properties: dict[str, Json]
    condition: str | None = None
    """Without it there is no such resource."""

    @property
    def path(self) -> str:
        """JSON path of its properties."""
        return f"$.Resources.{self.logical_id}.Properties"


def task_definitions(template: Json) -> list[Resource]:
    """Every task definition, in the template's order.

    :raises NotATaskDefinitionError: there is none, with what there is.
    :raises TaskDefinitionError: one that cannot be looked into.
    """
    resources = template.get("Resources") if isinstance(template, dict) else None
    if not isinstance(resources, dict):
        raise NotATaskDefinitionError(
            "this is not a CloudFormation template: it has no Resources", where="$.Resources"
        )
    found = list(_find(resources))
    if not found:
        counts = Counter(
            str(resource["Type"])
            for resource in resources.values()
            if isinstance(resource, dict) and "Type" in resource
        )
        there = ", ".join(f"{count} {kind}" for kind, count in counts.most_common(5)) or "nothing with a Type"
        raise NotATaskDefinitionError(
            f"the template has no {TYPE}; it has {there}",
            where="$.Resources",
            fix="give the template that defines the task; a nested stack's is a file of its own",
        )
    return found


def _find(resources: dict[str, Json]) -> Iterator[Resource]:
    for logical_id, resource in resources.items():
        path = f"$.Resources.{logical_id}"
        if logical_id.startswith("Fn::ForEach") and TYPE in str(resource):
            raise TaskDefinitionError(
                "a loop makes this task definition, so it cannot be instrumented here",
                where=f"$.Resources['{logical_id}']",
                why="one change would have to be right for everything that the loop makes",
                fix=f"write the {TYPE} without Fn::ForEach, or instrument the processed template",
            )
        if not isinstance(resource, dict) or resource.get("Type") != TYPE:
            continue
        properties = resource.get("Properties")
        if not isinstance(properties, dict):
            raise TaskDefinitionError("a task definition without properties", where=f"{path}.Properties")
        if is_intrinsic(properties) or "Fn::Transform" in properties:
            raise unreadable(properties, f"{path}.Properties")
        condition = resource.get("Condition")
        yield Resource(logical_id, properties, condition if isinstance(condition, str) else None)
