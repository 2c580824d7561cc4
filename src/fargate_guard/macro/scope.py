"""How much of a template a transform is given, decided by where it stands.

``Transform`` (and ``Fn::Transform`` at the top) gives the whole template; ``Fn::Transform`` elsewhere gives what
stands beside it, without the template's parameters, conditions and mappings.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-macros-author.html#template-macros-scope
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fargate_guard.cloudformation.resources import CONTAINERS, TYPE
from fargate_guard.taskdef import TaskDefinitionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.taskdef import Json

Kind = Literal["template", "resources", "resource", "properties"]

SNIPPET = "TaskDefinition"
"""Logical ID of a resource whose own is not told."""
_IN_PLACE_OF = {"resource": f"$.Resources.{SNIPPET}", "properties": f"$.Resources.{SNIPPET}.Properties"}
WHERE_IT_WORKS = (
    "put the macro into the Transform section, or Fn::Transform beside the resources, or into the "
    "AWS::ECS::TaskDefinition itself or its Properties"
)


@dataclass(frozen=True, slots=True)
class Scope:
    """A fragment, as a template."""

    kind: Kind
    template: dict[str, Json]

    @property
    def whole(self) -> bool:
        """Whether parameters, conditions and mappings are in it."""
        return self.kind == "template"

    def fragment(self, template: Json) -> Json:
        """Return what CloudFormation is to put into the fragment's place."""
        if self.kind == "template":
            return template
        resources = template["Resources"]
        if self.kind == "resources":
            return resources
        resource = resources[SNIPPET]
        return resource if self.kind == "resource" else resource["Properties"]

    def path(self, where: str) -> str:
        """Return a JSON path of the template as one of the fragment."""
        if self.kind == "resources":
            return where.replace("$.Resources", "$")
        return where.replace(_IN_PLACE_OF.get(self.kind, "$"), "$")


def scope_of(fragment: Json, parameters: Mapping[str, str]) -> Scope:
    """Tell what a fragment is.

    :param parameters: the values of the template's parameters.
    :raises TaskDefinitionError: nothing that can be instrumented by itself.
    """
    if not isinstance(fragment, dict) or not fragment:
        raise _refused("there is nothing beside Fn::Transform")
    resources = fragment.get("Resources")
    if isinstance(resources, dict) and not isinstance(resources.get("Type"), str):
        return Scope("template", fragment)
    declared = {"Parameters": {name: {"Type": _type_of(value)} for name, value in parameters.items()}}
    kind = fragment.get("Type")
    if isinstance(kind, str):
        if kind != TYPE:
            raise _refused(f"Fn::Transform stands in a resource of type {kind}")
        return Scope("resource", {**declared, "Resources": {SNIPPET: fragment}})
    if CONTAINERS in fragment:
        resource = {"Type": TYPE, "Properties": fragment}
        return Scope("properties", {**declared, "Resources": {SNIPPET: resource}})
    if all(isinstance(one, dict) and isinstance(one.get("Type"), str) for one in fragment.values()):
        return Scope("resources", {**declared, "Resources": fragment})
    raise _refused(f"Fn::Transform stands beside {', '.join(list(fragment)[:5])}")


def _type_of(value: str) -> str:
    return "CommaDelimitedList" if "," in value else "String"


def _refused(message: str) -> TaskDefinitionError:
    return TaskDefinitionError(
        message,
        where="$",
        why="a sidecar and the task's pidMode go with each instrumented container, so a part of a task definition "
        "is not enough",
        fix=WHERE_IT_WORKS,
    )
