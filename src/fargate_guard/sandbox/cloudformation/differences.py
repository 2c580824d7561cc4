"""Whether an update would change anything.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html#troubleshooting-errors-no-updates-to-perform
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.stack import Stack
    from fargate_guard.sandbox.cloudformation.target import Target


def is_unchanged(stack: Stack, target: Target) -> bool:
    """Whether the very same was submitted: template, values and tags."""
    old = stack.target
    if old is None or stack.status.endswith("FAILED"):
        return False
    return dict(old.template.document) == dict(target.template.document) and _inputs(old) == _inputs(target)


def is_without_effect(stack: Stack, target: Target) -> bool:
    """Whether an update has nothing to do, such as for another description or declaration of a condition.

    Policies count, and outputs: that page says otherwise, but change sets have an attribute for policies
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceTargetDefinition.html),
    and another stack may import an output that is new.
    """
    old = stack.target
    if old is None or stack.status.endswith("FAILED"):
        return False
    alike = all(target.conditions.get(name, holds) == holds for name, holds in old.conditions.items())
    return alike and _carried_out(old) == _carried_out(target) and _inputs(old) == _inputs(target)


def outputs_differ(stack: Stack, target: Target) -> bool:
    """Whether there are other outputs to be made."""
    old = stack.target
    if old is None or stack.status.endswith("FAILED"):
        return True
    return dict(old.template.section("Outputs")) != dict(target.template.section("Outputs"))


def _inputs(target: Target) -> tuple[dict[str, Any], dict[str, str]]:
    return {key: each.resolved for key, each in target.parameters.items()}, dict(target.tags)


def _carried_out(target: Target) -> tuple[Any, ...]:
    """What of a template makes resources and outputs: without those that conditions leave out."""
    sections = (dict(target.template.section(name)) for name in ("Mappings", "Outputs"))
    return dict(target.resources), *sections
