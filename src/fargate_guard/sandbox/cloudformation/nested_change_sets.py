"""Change sets of nested stacks, made along with their parent's (IncludeNestedStacks)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.backend import StackBackend
    from fargate_guard.sandbox.cloudformation.change_set import ChangeSet


def make_children(backend: StackBackend, change_set: ChangeSet) -> None:
    """Make a change set for every nested stack that the parent's changes concern."""
