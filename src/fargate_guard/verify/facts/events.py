"""What Sysdig Secure says happened in the deployment's tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class LastEvent:
    """The newest event of a task."""

    rule: str
    time: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class RecentEvents:
    """The events of the last minutes, by task."""

    minutes: float
    by_task: Mapping[str, LastEvent]
    """By task ARN; of any task that Sysdig names."""
