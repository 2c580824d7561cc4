"""In which order resources are made: by what they name and by DependsOn.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.errors import ValidationFailed
from fargate_guard.sandbox.cloudformation.references import references
from fargate_guard.sandbox.cloudformation.template import depends_on

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = Any
Graph = dict[str, frozenset[str]]


def present_resources(resources: Mapping[str, Json], conditions: Mapping[str, bool]) -> dict[str, Json]:
    """Leave out resources whose condition is false.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html
    """
    return {
        logical_id: resource
        for logical_id, resource in resources.items()
        if "Condition" not in resource or conditions[resource["Condition"]]
    }


def dependency_graph(resources: Mapping[str, Json], conditions: Mapping[str, bool], names: set[str]) -> Graph:
    """Return what each resource waits for.

    :param resources: those that exist, by logical ID.
    :param names: logical IDs in the template, existing or not.
    :raises ValidationFailed: when a needed resource is left out by its condition, or for a circle; worded as in
        https://repost.aws/knowledge-center/cloudformation-template-validation.
    """
    graph: Graph = {}
    missing: dict[str, None] = {}
    for logical_id, resource in resources.items():
        named = {found.name for found in references(resource.get("Properties"), conditions)} & names
        missing |= dict.fromkeys(sorted(named - set(resources)))
        graph[logical_id] = frozenset((named | set(depends_on(resource))) & set(resources))
    if missing:
        listed = ", ".join(missing)
        message = (
            f"Template format error: Unresolved resource dependencies [{listed}] in the Resources block of "
            "the template"
        )
        raise ValidationFailed(message)
    refuse_circles(graph)
    return graph


def refuse_circles(graph: Graph) -> None:
    """Refuse resources that wait for one another.

    :raises ValidationFailed: "Circular dependency between resources: [A, B]"
        (https://repost.aws/knowledge-center/cloudformation-circular-dependency-sam).
    """
    left = dict(graph)
    while True:
        free = [name for name, after in left.items() if not after & set(left)]
        if not free:
            break
        for name in free:
            del left[name]
    if left:
        message = f"Circular dependency between resources: [{', '.join(left)}]"
        raise ValidationFailed(message)


def reversed_graph(graph: Mapping[str, frozenset[str]]) -> Graph:
    """Return what each resource's deletion waits for: the deletion of what needs it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html
    """
    return {
        logical_id: frozenset(other for other, after in graph.items() if logical_id in after)
        for logical_id in graph
    }


def in_order(graph: Mapping[str, frozenset[str]]) -> list[str]:
    """Return the resources so that each comes after what it waits for."""
    left, ordered = dict(graph), []
    while left:
        free = [name for name, after in left.items() if not after & set(left)]
        ordered += free
        for name in free:
            del left[name]
    return ordered
