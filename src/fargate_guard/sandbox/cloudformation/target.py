"""What an operation brings a stack to: template, parameters, tags; and how its functions are resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.dependencies import Graph, dependency_graph, present_resources
from fargate_guard.sandbox.cloudformation.errors import ValidationFailed
from fargate_guard.sandbox.cloudformation.intrinsics import Scope, evaluate, evaluate_conditions
from fargate_guard.sandbox.cloudformation.template import check_template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fargate_guard.sandbox.cloudformation.parameters import Parameter
    from fargate_guard.sandbox.cloudformation.stack import Stack
    from fargate_guard.sandbox.cloudformation.template import Template

Json = Any


@dataclass(frozen=True)
class Surround:
    """What functions look up outside the stack."""

    import_value: Callable[[str], str]
    zones: Callable[[str], list[str]]


@dataclass(frozen=True)
class Target:
    """A stack as it is to be."""

    template: Template
    parameters: Mapping[str, Parameter]
    tags: Mapping[str, str]
    pseudo: Mapping[str, Json]
    conditions: Mapping[str, bool]
    resources: Mapping[str, Json]
    """Those whose condition holds."""
    graph: Graph
    capabilities: tuple[str, ...] = ()
    surround: Surround = field(default=Surround(lambda name: name, lambda _: []), compare=False)

    def scope(self, ref: Callable[[str], Json], get_att: Callable[[str, str], Json]) -> Scope:
        """Return what functions see.

        :param ref: finds a resource's physical ID.
        :param get_att: finds a resource's attribute.
        """
        values = {key: parameter.resolved for key, parameter in self.parameters.items()}
        return Scope(
            {**self.pseudo, **values},
            self.template.section("Mappings"),
            self.conditions,
            ref,
            get_att,
            self.surround.import_value,
            self.surround.zones,
        )

    def scope_of(self, stack: Stack) -> Scope:
        """Return what functions see while the stack has its resources."""
        return self.scope(
            lambda name: stack.resources[name].physical_id, lambda name, key: attribute(stack, name, key)
        )

    def properties_of(self, logical_id: str, stack: Stack) -> dict[str, Json]:
        """Resolve the properties of a resource as the stack is now."""
        found: dict[str, Json] = evaluate(self.resources[logical_id].get("Properties") or {}, self.scope_of(stack))
        return found

    def outputs_of(self, stack: Stack) -> list[dict[str, str]]:
        """Resolve the outputs whose condition holds.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/outputs-section-structure.html
        """
        scope = self.scope_of(stack)
        outputs = []
        for key, output in self.template.section("Outputs").items():
            if "Condition" in output and not self.conditions[output["Condition"]]:
                continue
            shown = {"OutputKey": key, "OutputValue": _text(evaluate(output["Value"], scope))}
            if output.get("Description"):
                shown["Description"] = output["Description"]
            if output.get("Export"):
                shown["ExportName"] = str(evaluate(output["Export"]["Name"], scope))
            outputs.append(shown)
        return outputs


def make_target(
    template: Template,
    parameters: Mapping[str, Parameter],
    tags: Mapping[str, str],
    pseudo: Mapping[str, Json],
    surround: Surround,
    capabilities: tuple[str, ...],
) -> Target:
    """Check a template with its values and put it together.

    :raises ValidationFailed: in CloudFormation's words.
    """
    check_template(template)

    def nothing(name: str, _: str = "") -> Json:
        message = f"Template format error: Unresolved resource dependencies [{name}] in the template"
        raise ValidationFailed(message)

    values = {key: parameter.resolved for key, parameter in parameters.items()}
    scope = Scope(
        {**pseudo, **values},
        template.section("Mappings"),
        {},
        nothing,
        nothing,
        surround.import_value,
        surround.zones,
    )
    conditions = evaluate_conditions(template.section("Conditions"), scope)
    resources = present_resources(template.resources, conditions)
    if not resources:
        message = "Template format error: At least one Resources member must be defined."
        raise ValidationFailed(message)
    graph = dependency_graph(resources, conditions, set(template.resources))
    return Target(template, parameters, tags, pseudo, conditions, resources, graph, capabilities, surround)


def attribute(stack: Stack, name: str, key: str) -> Json:
    """Return what ``Fn::GetAtt`` gives.

    :raises ValidationFailed: for an attribute that the type does not have.
    """
    resource = stack.resources[name]
    if key in resource.attributes:
        return resource.attributes[key]
    message = f"Template error: resource {name} does not support attribute type {key} in Fn::GetAtt"
    raise ValidationFailed(message)


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(_text(item) for item in value) if isinstance(value, list) else str(value)


def empty_target() -> Target:
    """Return what a stack has whose creation could not begin."""
    from fargate_guard.sandbox.cloudformation.template import Template

    return Target(Template("", {}), {}, {}, {}, {}, {}, {})
