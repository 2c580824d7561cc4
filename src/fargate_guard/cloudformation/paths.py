"""From the core's paths to the template's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fargate_guard.cloudformation.concrete import template_path

if TYPE_CHECKING:
    from fargate_guard.cloudformation.cases import Concrete
    from fargate_guard.cloudformation.resources import Resource

_PATH = r"\$((?:\.[A-Za-z_][\w-]*|\[\d+\])*)"
_STEP = r"\.([A-Za-z_][\w-]*)|\[(\d+)\]"


class Paths:
    """Translates the paths of one case of a resource."""

    __slots__ = ("_case", "_resource")

    def __init__(self, resource: Resource, case: Concrete) -> None:
        """Get ready."""
        self._resource, self._case = resource, case

    def __call__(self, where: str) -> str:
        """A text in which the core names paths, with the template's paths."""
        if self._case.straight and where.startswith("$.") and "$" not in where[1:]:
            return self._resource.path + where[1:]
        return re.sub(_PATH, lambda match: self._translated(match[1]), where)

    def _translated(self, steps: str) -> str:
        if steps.startswith(".Resources."):
            return f"${steps}"
        parts: list[str | int] = [int(index) if index else name for name, index in re.findall(_STEP, steps)]
        return template_path(self._resource.properties, self._case.conditions, parts, self._resource.path)
