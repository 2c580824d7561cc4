"""Nested stacks when their parent's update is rolled back.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.sandbox.cloudformation.resource_type import ResourceFailed

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.stack import Stack
    from fargate_guard.sandbox.cloudformation.world import World

AS_BEFORE = frozenset({"UPDATE_ROLLBACK_COMPLETE", "CREATE_COMPLETE", "UPDATE_COMPLETE"})


def restore(nested: Stack, since: float, world: World) -> None:
    """Bring a nested stack back to what it was, if it was updated since then and did not roll back by itself."""
    updated = nested.updated_at is not None and nested.updated_at >= since
    if updated and nested.status == "UPDATE_COMPLETE" and nested.previous is not None:
        world.update(nested, nested.previous)


def restoring(nested: Stack) -> str | None:
    """Return what is waited for until a nested stack is as it was.

    :raises ResourceFailed: when it cannot be.
    """
    if nested.status in AS_BEFORE:
        return None
    if nested.status.endswith("_IN_PROGRESS"):
        return f"nested stack {nested.id} is {nested.status}"
    message = (
        f"Embedded stack {nested.id} was not successfully updated. Currently in {nested.status} with reason: "
        f"{nested.reason or ''}"
    )
    raise ResourceFailed(message)
