"""The short way for resources without conditions: what the core made of them, with the functions back in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.cloudformation.building import in_order, written
from fargate_guard.cloudformation.record_label import make_deployable, names_by_function
from fargate_guard.cloudformation.resources import CONTAINERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.cloudformation.cases import Concrete
    from fargate_guard.taskdef import Json


class Straight:
    """Puts the functions of one template back."""

    def __init__(self, template: Mapping[str, Json]) -> None:
        """Get ready."""
        self._template = template
        self._done: dict[tuple[int, int], tuple[Json, Json, Json]] = {}
        """Containers by the identities of before and after: these two, so that they stay, and the new one."""

    def properties(self, properties: dict[str, Json], case: Concrete, after: dict[str, Json]) -> dict[str, Json]:
        """The new properties; the very same when nothing changed.

        What is free of functions is taken as the core gives it, without looking into it.

        :raises TaskDefinitionError: a list of which a function gives a part, and which cannot be written exactly.
        """
        before = case.definition
        if after == before:
            return properties
        make_deployable(after.get(CONTAINERS), names_by_function(after.get(CONTAINERS)))
        result = {}
        for key, value in after.items():
            if key == CONTAINERS:
                result[key] = self._containers(properties[key], case, value)
            elif key in properties and value == before.get(key):
                result[key] = properties[key]
            else:
                result[key] = written(value, self._template)
        return result

    def _containers(self, own: Json, case: Concrete, after: list[Json]) -> list[Json]:
        before = case.definition[CONTAINERS]
        result, place = [], 0
        for container in after:
            name = container.get("Name")
            same = next((index for index in range(place, len(before)) if before[index].get("Name") == name), None)
            if same is None:
                result.append(self._new(container))
                continue
            place = same + 1
            functions = same in case.with_functions
            result.append(self._container(own[same], before[same], container) if functions else container)
        return result

    def _new(self, container: dict[str, Json]) -> Json:
        """A container that was added: one and the same sidecar for many definitions is written alike, too."""
        key = id(None), id(container)
        if key not in self._done:
            self._done[key] = None, container, written(container, self._template)
        return self._done[key][2]

    def _container(self, own: dict[str, Json], before: dict[str, Json], after: dict[str, Json]) -> Json:
        """One container; what was read as the same object is written alike."""
        key = id(before), id(after)
        if key not in self._done:
            self._done[key] = before, after, _container(own, before, after, self._template)
        return self._done[key][2]


def _container(
    own: dict[str, Json], before: dict[str, Json], after: dict[str, Json], template: Mapping[str, Json]
) -> dict[str, Json]:
    """A container with functions; a field that the core did not see, since it could not be understood, stays."""
    if after == before:
        return own
    result = {}
    for key in in_order(list(own), [list(after)]):
        if key in own and (key not in before or (key in after and after[key] == before[key])):
            result[key] = own[key]
        elif key in after:
            result[key] = written(after[key], template)
    return result
