"""Whether an update would change anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.stack import Stack
    from fargate_guard.sandbox.cloudformation.target import Target


def is_unchanged(stack: Stack, target: Target) -> bool:
    """Whether there is nothing to do for an update."""
    old = stack.target
    if old is None or stack.status.endswith("FAILED"):
        return False
    return (
        dict(old.template.document) == dict(target.template.document)
        and {key: each.resolved for key, each in old.parameters.items()}
        == {key: each.resolved for key, each in target.parameters.items()}
        and dict(old.tags) == dict(target.tags)
    )
