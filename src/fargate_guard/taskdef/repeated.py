"""Containers that come again and again in the task definitions of one template: log routers, proxies, the sidecar.

What was made of one is made of the next one, too. A container is known again by identity: who reads a template
gives alike containers as one and the same object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.taskdef.existing import name_of
from fargate_guard.taskdef.record import has_label

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

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


class Repeated:
    """What was made of containers so far, with one and the same settings; they are not changed any more."""

    __slots__ = ("_made", "sidecars", "sidecars_passed", "sizes")

    def __init__(self, *, with_sidecars: bool) -> None:
        """Nothing was made.

        :param with_sidecars: whether alike sidecars are to be one object, too.
        """
        self._made: dict[int, Made] = {}
        self.sidecars: dict[tuple[bool, str], dict[str, Json]] | None = {} if with_sidecars else None
        """By whether their fields are in PascalCase, and their labels, which is all in which they differ."""
        self.sidecars_passed: set[bool] = set()
        """Whether one passed every check, in PascalCase and in lowerCamelCase."""
        self.sizes: dict[int, int] = {}
        """Bytes of what is kept here, by its identity."""

    @property
    def identities(self) -> Collection[int]:
        """Of the containers as they were before."""
        return self._made.keys()

    def made(self, containers: Iterable[Fields]) -> dict[Fields, Made]:
        """What was made of those that are known."""
        found = ((container, self._made.get(id(container.object))) for container in containers)
        return {container: made for container, made in found if made is not None}

    def keep(self, original: Definition, wrapped: Iterable[Fields], record: Record, told: list[Notice]) -> None:
        """Remember what was made of containers that nothing had to be told about.

        :param original: the definition as it was given, which was not instrumented.
        :param wrapped: without those of which an image said what they run.
        """
        before = {container.path: container.object for container in original.parsed}
        for container in wrapped:
            if has_label(container) or any(notice.where.startswith(container.path) for notice in told):
                continue
            one = before[container.path]
            self._made[id(one)] = Made(one, container.object, record.containers[name_of(container)])
