"""Edit a changed value into the JSON text that it was read from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fargate_guard.taskdef.fields import Json
    from fargate_guard.taskdef.layout import Layout


def edited(text: str, old: Json, new: Json, layout: Layout) -> str:
    """The text with just the differences between ``old``, which was read from it, and ``new`` edited in."""
    return text if old == new else layout.write(new)
