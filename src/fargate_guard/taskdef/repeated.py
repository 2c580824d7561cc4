"""Containers that come again and again in the task definitions of one template: log routers, proxies, tracers.

What was made of one is made of the next one, too. A container is known again by identity: who reads a template
gives alike containers as one and the same object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.taskdef.existing import name_of
from fargate_guard.taskdef.record import has_label

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from fargate_guard.taskdef.definition import Definition
    from fargate_guard.taskdef.fields import Fields, Json
    from fargate_guard.taskdef.record import Additions, Record
    from fargate_guard.taskdef.result import Notice


class Made(NamedTuple):
    """One container that passed all checks without a warning."""

    before: Json
    """Kept, so that no other object gets its identity."""
    after: Json
    additions: Additions
    size: int
    """Bytes of what it was made."""


class Repeated:
    """What was made of containers so far, with one and the same settings; they are not changed any more."""

    __slots__ = ("_made", "sidecars")

    def __init__(self) -> None:
        self._made: dict[int, Made] = {}
        self.sidecars: set[bool] = set()
        """Those that passed every check, by whether their fields are in PascalCase; only the labels differ."""

    @property
    def identities(self) -> Collection[int]:
        """Of the containers as they were before."""
        return self._made.keys()

    def made(self, containers: Iterable[Fields]) -> dict[Fields, Made]:
        """What was made of those that are known."""
        found = ((container, self._made.get(id(container.object))) for container in containers)
        return {container: made for container, made in found if made is not None}

    def keep(
        self, original: Definition, wrapped: Mapping[Fields, int], record: Record, told: list[Notice]
    ) -> None:
        """Remember what was made of containers that nothing had to be told about.

        :param original: the definition as it was given, which was not instrumented.
        :param wrapped: with their sizes, and without those of which an image said what they run.
        """
        before = {container.path: container.object for container in original.parsed}
        for container, size in wrapped.items():
            if has_label(container) or any(notice.where.startswith(container.path) for notice in told):
                continue
            one = before[container.path]
            self._made[id(one)] = Made(one, container.object, record.containers[name_of(container)], size)
