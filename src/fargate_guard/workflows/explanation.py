"""What is instrumented, as plain data."""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fargate_guard.taskdef.explanation import Explanation


def document(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as plain data: the fields of its classes."""
    return {field.name: _plain(getattr(explanation, field.name)) for field in dataclasses.fields(explanation)}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(item) for name, item in value._asdict().items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value
