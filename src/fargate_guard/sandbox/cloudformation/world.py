"""What stack operations need from around them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceType
    from fargate_guard.sandbox.cloudformation.stack import Stack
    from fargate_guard.sandbox.cloudformation.target import Target
    from fargate_guard.sandbox.faults import Faults
    from fargate_guard.sandbox.scheduler.pace import Pace


@dataclass
class World:
    """Time, faults, resource types and the other stacks."""

    pace: Pace
    faults: Faults
    type_of: Callable[[str], ResourceType]
    """Finds a resource type by its name."""
    export_conflict: Callable[[Stack, list[dict[str, str]]], str | None]
    """Why a stack cannot have these outputs: the exports of others, or what others import."""
    nested: Callable[[str], Stack]
    """Finds a nested stack by its ID."""
    update: Callable[[Stack, Target], None]
    """Begins to update a nested stack."""
    bring_up: Callable[[str, float], float]
    """Carries a nested stack's operation out up to a moment; returns when its last event was."""
    moment: float = field(default=0.0)
    """The moment that is being carried out: what nested stacks begin at."""
