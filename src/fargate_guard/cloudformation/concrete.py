"""What a resource is when its conditions have come out in one way: a definition that the core understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.cloudformation.arguments import without_wrapper
from fargate_guard.cloudformation.functions import Functions
from fargate_guard.cloudformation.intrinsics import (
    ABSENT,
    IF,
    Opaque,
    chosen_branch,
    if_arguments,
    is_intrinsic,
    is_no_value,
    references,
    shown,
)
from fargate_guard.cloudformation.record_label import readable
from fargate_guard.cloudformation.resolving import END_OF_ELEMENT, Text, joined
from fargate_guard.cloudformation.understood import LOGS, Leaf
from fargate_guard.taskdef import TaskDefinitionError
from fargate_guard.taskdef.recipes import INSTRUMENT
from fargate_guard.taskdef.record import LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.cloudformation.resolving import Resolver
    from fargate_guard.cloudformation.understood import Part
    from fargate_guard.taskdef import Json

_TRANSFORM = "Fn::Transform"
_TEXT = {str}


@dataclass(slots=True, eq=False, repr=False)
class Reading:
    """Reads the parts of one resource under one outcome of the conditions."""

    resolver: Resolver
    given_only: Resolver
    """The same, without the defaults of parameters."""
    checked: Resolver
    """The same, without the values that are not possible under these conditions."""
    carried: frozenset[int]
    """Conditional elements that need not be looked into, by identity."""
    known: dict[tuple[int, str, bytes], Json]
    """What was read, in other resources, too, by the parts that it belongs to, its key and what stands there."""

    def value(self, value: Json, part: Part | None, path: str) -> Json:
        """The value at a place; :data:`ABSENT` when there is none.

        :raises TaskDefinitionError: a function stands where the structure must be known.
        """
        if not isinstance(value, (dict, list)):
            return value
        if part is not None:
            value, path = self.chosen(value, path)
        if is_no_value(value):
            return ABSENT
        if part is None:
            return self._untouched(value)
        if isinstance(part, Leaf):
            return self._arguments(value, path) if part is Leaf.ARGUMENTS else self._scalar(value, part)
        if isinstance(part, tuple):
            return self._list(value, part[0], path)
        return self._object(value, part, path)

    def chosen(self, value: Json, path: str) -> tuple[Json, str]:
        """What stands in a place when the conditions have come out, and its path."""
        conditions = self.resolver.conditions
        if not conditions:
            return value, path
        while (arguments := if_arguments(value)) is not None and arguments[0] in conditions:
            index = 1 if conditions[arguments[0]] else 2
            value, path = arguments[index], f"{path}['{IF}'][{index}]"
        return value, path

    def _scalar(self, value: Json, part: Leaf) -> Json:
        if not is_intrinsic(value):
            return value
        if part is Leaf.SCALAR:
            text = self.given_only.text(value)
        else:
            text = (self.checked if part is Leaf.CHECKED else self.resolver).text(value)
        known = text.known
        return Opaque(shown(value) if known is None else known, value, text)

    def _arguments(self, value: Json, path: str) -> Json:
        if is_intrinsic(value):
            inner = without_wrapper(value, self.resolver.template)
            return [self._whole_list(value)] if inner is None else [INSTRUMENT, self._whole_list(inner)]
        return self._list(value, Leaf.SCALAR, path)

    def _whole_list(self, value: Json) -> Opaque:
        return Opaque(shown(value), value, joined(END_OF_ELEMENT, self.resolver.texts(value)), is_list=True)

    def _list(self, value: Json, part: Part, path: str) -> Json:
        if isinstance(value, list):
            items = [
                item if isinstance(item, str) else self._element(item, part, f"{path}[{index}]")
                for index, item in enumerate(value)
            ]
            return [item for item in items if item is not ABSENT]
        if not is_intrinsic(value):
            return value
        if part is Leaf.EXTENDED:
            raise _not_extendable(value, path)
        texts = self.resolver.texts(value) if part is Leaf.TEXT else None
        if texts is None or any(text.known is None for text in texts):
            raise unreadable(value, path)
        return [Opaque(text.known or "", value, text) for text in texts]

    def _element(self, value: Json, part: Part, path: str) -> Json:
        if id(value) in self.carried and isinstance(part, dict):
            value, path = self.chosen(value, path)
            if if_arguments(value) is not None:
                text = shown(value)
                return {next(iter(part)): Opaque(text, value, Text((text,)), is_element=True)}
        return self.value(value, part, path)

    def _object(self, value: Json, parts: Mapping[str, Part], path: str) -> Json:
        if not isinstance(value, dict):
            return value
        if is_intrinsic(value) or _TRANSFORM in value:
            if parts is LOGS:
                return self._untouched(value)
            raise unreadable(value, path)
        result = {}
        for key, item in value.items():
            if isinstance(item, str):
                result[key] = item
                continue
            if key == LABEL:
                read = self._record(item, f"{path}['{key}']")
            else:
                read = self._part(item, key, parts, f"{path}.{key}")
            if read is not ABSENT:
                result[key] = read
        return result

    def _part(self, value: Json, key: str, parts: Mapping[str, Part], path: str) -> Json:
        """One value of an object: free of functions it is read as it is, and what is alike is read once."""
        if type(value) is list and set(map(type, value)) == _TEXT:
            return value
        functions = Functions(value)
        if not functions.any:
            return value
        if functions.serialised is None or functions.mentions(IF):
            return self.value(value, parts.get(key), path)
        place = id(parts), key, functions.serialised
        if place not in self.known:
            self.known[place] = self.value(value, parts.get(key), path)
        return self.known[place]

    def _record(self, value: Json, path: str) -> Json:
        chosen = self.value(value, Leaf.TEXT, path)
        if not isinstance(chosen, Opaque):
            return chosen
        return readable(chosen.intrinsic, self.resolver) or chosen

    def _untouched(self, value: Json) -> Json:
        """A part that need not be understood, with its functions in the shape of strings."""
        if isinstance(value, dict):
            if is_intrinsic(value):
                return Opaque(shown(value), value)
            return {
                key: item if isinstance(item, str) else self._untouched(item)
                for key, item in value.items()
                if isinstance(item, str) or not is_no_value(item)
            }
        if isinstance(value, list):
            return [self._untouched(item) for item in value if not is_no_value(item)]
        return value


def unreadable(value: Json, path: str) -> TaskDefinitionError:
    """The refusal for a function whose result must be known, and is not."""
    function = next((key for key in value if key in ("Ref", _TRANSFORM) or key.startswith("Fn::")), "a function")
    named = references(value)
    return TaskDefinitionError(
        f"what {function} gives here is not known{f': {named}' if named else ''}",
        where=path,
        why="this place must be changed, or decides what is; fguard does not guess what is deployed",
        fix="write the value itself or an Fn::If of values; for a parameter, give its value: "
        "--parameter NAME=VALUE; or leave the container out: --ignore-container NAME",
    )


def _not_extendable(value: Json, path: str) -> TaskDefinitionError:
    function, named = next(iter(value)), references(value)
    return TaskDefinitionError(
        f"a function gives this list, which must get one more element: {named or function}",
        where=path,
        why="CloudFormation has no function that adds an element to a list exactly",
        fix="write the list itself, its elements may be functions; or an Fn::If of lists; or leave the container "
        "out: --ignore-container NAME",
    )


def template_path(value: Json, conditions: Mapping[str, bool], steps: list[str | int], path: str) -> str:
    """The path in the template of a place that the core knows by the steps to it.

    Elements that are not there in this outcome of the conditions do not count for the core.
    """
    for step in [*steps, None]:
        while (arguments := if_arguments(value)) is not None and arguments[0] in conditions:
            index = 1 if conditions[arguments[0]] else 2
            value, path = arguments[index], f"{path}['{IF}'][{index}]"
        if step is None:
            return path
        if isinstance(step, int) and isinstance(value, list):
            places = [i for i, item in enumerate(value) if not is_no_value(chosen_branch(item, conditions))]
            if step < len(places):
                step = places[step]  # noqa: PLW2901 - the same element, counted as the template does
            value = value[step] if step < len(value) else None
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            value = None
        path = f"{path}[{step}]" if isinstance(step, int) else f"{path}.{step}"
    return path
