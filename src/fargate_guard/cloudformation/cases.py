"""One resource in every way that its conditions can come out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from fargate_guard.cloudformation.concrete import Reading, unreadable
from fargate_guard.cloudformation.functions import Functions
from fargate_guard.cloudformation.intrinsics import ABSENT, IF, Opaque, if_arguments, is_intrinsic, is_no_value
from fargate_guard.cloudformation.resolving import Resolver
from fargate_guard.cloudformation.resources import CONTAINERS
from fargate_guard.cloudformation.template_notes import CARRIED
from fargate_guard.cloudformation.understood import (
    CONTAINER_PROPERTIES,
    ONLY_CHECKED,
    SIZES,
    TASK,
    TASK_PROPERTIES,
    Leaf,
    container_parts,
)
from fargate_guard.cloudformation.unknowns import reserved_variables, unknown
from fargate_guard.taskdef import TaskDefinitionError
from fargate_guard.taskdef.recipes import AGENT_VARIABLES, INSTRUMENT
from fargate_guard.taskdef.record import LABEL
from fargate_guard.taskdef.tags import IGNORE_CONTAINERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.cloudformation.conditions import Assignment
    from fargate_guard.cloudformation.resources import Resource
    from fargate_guard.cloudformation.understood import Part
    from fargate_guard.taskdef import Json, Settings

MOST_CASES = 64
"""Outcomes of the conditions of one resource that are looked at."""

_NOTHING: Final = frozenset[int]()
_NAMED = ("Environment", "Secrets")
_TELLING = ("EntryPoint", "Command", "DockerLabels")
"""Properties that show whether a container is instrumented."""
_Containers = dict[tuple[bytes, bytes | None], dict[str, "Json"]]
"""By what they are, and the resource's tags."""
_BY_LOWER = {name.lower(): name for name in TASK_PROPERTIES | CONTAINER_PROPERTIES}


class Concrete(NamedTuple):
    """A resource under one outcome of its conditions."""

    conditions: Assignment
    definition: dict[str, Json]
    """``Properties`` as the core understands them; what is free of functions is the template's own value."""
    straight: bool
    """Every place stands where the core sees it: no conditions, and no ``AWS::NoValue``."""
    with_functions: frozenset[int]
    """Which containers have functions in them, by their place in the definition."""
    carries: bool
    """Conditional elements are in it that were not looked into."""


class Cases:
    """Reads the resources of one template."""

    def __init__(
        self, template: Mapping[str, Json], parameters: Mapping[str, str], settings: Settings | None = None
    ) -> None:
        """Get ready.

        :param settings: which containers are left out, and need not be understood; None when undoing.
        """
        self.template = template
        self.parameters = parameters
        self.settings = settings
        self._container: dict[str, Part] = container_parts(settings)
        self._read_before: dict[frozenset[str], _Containers] = defaultdict(dict)
        """Containers that are alike are read once, as one object; by parameters whose value is impossible."""
        self._known: dict[frozenset[str], dict[tuple[int, str, bytes], Json]] = defaultdict(dict)
        """The same for what is in them."""
        self._readings: dict[tuple[frozenset[int], tuple[tuple[str, bool], ...]], Reading] = {}
        """By the elements that are carried, and how the conditions come out."""
        self._functions: dict[int, Functions] = {}
        """By the identity of a container, which the template keeps."""

    def of(self, resource: Resource) -> list[Concrete]:
        """The resource in every case; one case when no condition matters.

        :raises TaskDefinitionError: something that must be known is not, or there are too many cases.
        """
        _check_case(resource.properties, TASK_PROPERTIES, resource.path, "a task definition")
        functions = self._functions_of(resource)
        if not functions.mentions(IF):
            return [self._read(resource, {}, straight=not functions.mentions("AWS::NoValue"))]
        carried = self._carried(resource) if functions.mentions(CARRIED) else _NOTHING
        names = self._conditions(resource, carried)
        found = self._assignments(resource, names)
        if len(found) > MOST_CASES and not carried:
            carried = self._carried(resource)
            names = self._conditions(resource, carried)
            found = self._assignments(resource, names)
        for without in (ONLY_CHECKED, (*ONLY_CHECKED, *SIZES)):
            if len(found) > MOST_CASES:
                names = self._conditions(resource, carried, without=without)
                found = self._assignments(resource, names)
        if len(found) > MOST_CASES:
            raise TaskDefinitionError(
                f"{len(names)} conditions decide what this task definition is: {', '.join(names)}",
                where=resource.path,
                why=f"they come out in more than {MOST_CASES} ways together, and fguard makes sure of each",
                fix="divide it into several task definitions, or let fewer conditions decide",
            )
        return [self._read(resource, conditions, straight=False, carried=carried) for conditions in found]

    def _functions_of(self, resource: Resource) -> Functions:
        """Which functions occur in a resource; its containers are looked at one by one, once."""
        containers = resource.properties.get(CONTAINERS)
        if not isinstance(containers, list):
            return Functions(resource.properties)
        others = {key: value for key, value in resource.properties.items() if value is not containers}
        return Functions(others).together_with(map(self._functions_in, containers))

    def _functions_in(self, container: Json) -> Functions:
        """Which functions occur in a container of the template."""
        found = self._functions.get(id(container))
        if found is None:
            found = self._functions[id(container)] = Functions(container)
        return found

    def _carried(self, resource: Resource) -> frozenset[int]:
        from fargate_guard.cloudformation.carried import carried_elements  # only many conditions need it

        reserved = AGENT_VARIABLES if self.settings is None else reserved_variables(self.settings)
        return carried_elements(resource.properties, reserved)

    def _assignments(self, resource: Resource, names: list[str]) -> list[Assignment]:
        """How the named conditions come out where there is such a resource at all."""
        from fargate_guard.cloudformation.conditions import assignments  # most resources have none

        own = resource.condition
        if own is None:
            return assignments(self.template, names)
        found = [one for one in assignments(self.template, list(dict.fromkeys([*names, own]))) if one[own]]
        outcomes = dict.fromkeys(tuple(one[name] for name in names) for one in found)
        return [dict(zip(names, outcome, strict=True)) for outcome in outcomes]

    def _conditions(self, resource: Resource, carried: frozenset[int], without: tuple[str, ...] = ()) -> list[str]:
        """The conditions that matter, as they come."""
        container = {key: part for key, part in self._container.items() if key not in without}
        parts: dict[str, Part] = {**TASK, CONTAINERS: (container,)}
        found = (
            _conditions_in(value, parts[key], carried)
            for key, value in resource.properties.items()
            if key in parts and key not in without
        )
        return list(dict.fromkeys(chain.from_iterable(found)))

    def _read(
        self,
        resource: Resource,
        conditions: Assignment,
        *,
        straight: bool,
        carried: frozenset[int] = _NOTHING,
    ) -> Concrete:
        reading = self._reading(conditions, carried)
        definition: dict[str, Json] = {}
        own: set[int] = set()
        """Containers that are the template's own values, by identity."""
        for key, value in resource.properties.items():
            path = f"{resource.path}.{key}"
            if key == CONTAINERS:
                read = self._containers(reading, value, path, resource.properties.get("Tags"), own)
            else:
                read = value if isinstance(value, str) else reading.value(value, TASK.get(key), path)
            if read is not ABSENT:
                definition[key] = read
        containers = definition.get(CONTAINERS)
        read = enumerate(containers if isinstance(containers, list) else ())
        with_functions = frozenset(index for index, container in read if id(container) not in own)
        return Concrete(conditions, definition, straight, with_functions, bool(carried))

    def _reading(self, conditions: Assignment, carried: frozenset[int]) -> Reading:
        key = (carried, tuple(conditions.items()))
        if key not in self._readings:
            impossible = self._impossible_values(conditions)
            resolver = Resolver(self.template, self.parameters, conditions=conditions)
            self._readings[key] = Reading(
                resolver,
                replace(resolver, use_defaults=False),
                replace(resolver, impossible=impossible),
                carried,
                self._known[impossible],
            )
        return self._readings[key]

    def _impossible_values(self, conditions: Assignment) -> frozenset[str]:
        if not conditions:
            return frozenset()
        from fargate_guard.cloudformation.conditions import impossible_values

        return impossible_values(self.template, self.parameters, conditions)

    def _containers(self, reading: Reading, value: Json, path: str, tags: Json, own: set[int]) -> Json:
        value, path = reading.chosen(value, path)
        if is_no_value(value):
            return ABSENT
        if is_intrinsic(value):
            raise unreadable(value, path)
        if not isinstance(value, list):
            return value
        result, tags_as_bytes = [], Functions(tags).serialised
        read_before = self._read_before[reading.checked.impossible]
        for index, item in enumerate(value):
            functions = self._functions_in(item)
            key = None if functions.serialised is None else (functions.serialised, tags_as_bytes)
            read: Json = read_before.get(key) if key is not None else None
            if read is None:
                read = self._read_container(reading, item, functions, f"{path}[{index}]", tags)
                if key is not None and isinstance(read, dict) and not functions.mentions(IF):
                    read_before[key] = read
            if not functions.any:
                own.add(id(read))
            if read is not ABSENT:
                result.append(read)
        return result

    def _read_container(self, reading: Reading, value: Json, functions: Functions, path: str, tags: Json) -> Json:
        if isinstance(value, dict) and not functions.any:
            _check_case(value, CONTAINER_PROPERTIES, path, "a container")
            return value
        return self._element(reading, value, path, tags)

    def _element(self, reading: Reading, value: Json, path: str, tags: Json) -> Json:
        value, path = reading.chosen(value, path)
        if is_no_value(value):
            return ABSENT
        if isinstance(value, dict) and not is_intrinsic(value):
            _check_case(value, CONTAINER_PROPERTIES, path, "a container")
            name = reading.value(value.get("Name"), Leaf.TEXT, path)
            if isinstance(name, str) and self._is_left_out(name, reading, tags):
                return self._as_far_as_possible(reading, value, path)
        try:
            return reading.value(value, self._container, path)
        except TaskDefinitionError:
            if self.settings is not None or not isinstance(value, dict) or is_intrinsic(value):
                raise
            if Functions([value.get(field) for field in _TELLING]).mentions(INSTRUMENT, LABEL):
                raise
            return self._as_far_as_possible(reading, value, path)  # it was left out, so there is nothing to undo

    def _is_left_out(self, name: str, reading: Reading, tags: Json) -> bool:
        if self.settings is None:
            return False
        if any(fnmatchcase(name, pattern) for pattern in self.settings.ignore_containers):
            return True
        read = reading.value(tags, TASK["Tags"], "")
        for tag in read if isinstance(read, list) else ():
            if isinstance(tag, dict) and tag.get("Key") == IGNORE_CONTAINERS:
                return name in map(str.strip, str(tag.get("Value")).split(":"))
        return False

    def _as_far_as_possible(self, reading: Reading, value: dict[str, Json], path: str) -> dict[str, Json]:
        """A container that stays as it is: what cannot be understood in it does not matter."""
        result = {}
        for key, item in value.items():
            try:
                read = reading.value(item, self._container.get(key), path)
            except TaskDefinitionError:
                continue
            functions = isinstance(read, Opaque) and key not in ("Name", "Image")
            if read is not ABSENT and not functions and not (key in _NAMED and _has_unknown_names(read)):
                result[key] = read
        return result


def _has_unknown_names(entries: Json) -> bool:
    return isinstance(entries, list) and any(isinstance(one, dict) and unknown(one.get("Name")) for one in entries)


def _check_case(value: dict[str, Json], known: frozenset[str], path: str, what: str) -> None:
    if value.keys() <= known:
        return
    for key in value:
        right = _BY_LOWER.get(str(key).lower(), key)
        if right != key and right in known:
            raise TaskDefinitionError(
                f"`{key}` is not a property of {what}; CloudFormation calls it `{right}`",
                where=f"{path}.{key}",
                why="CloudFormation tells upper and lower case apart",
                fix=f"write {right}",
            )


def _conditions_in(value: Json, part: Part, carried: frozenset[int]) -> Iterator[str]:
    """The conditions on which a part depends."""
    if id(value) in carried:
        return
    arguments = if_arguments(value)
    if arguments is not None:
        yield arguments[0]
        for branch in arguments[1:]:
            yield from _conditions_in(branch, part, carried)
    elif part in (Leaf.TEXT, Leaf.EXTENDED) or (isinstance(part, tuple) and is_intrinsic(value)):
        yield from _conditions_anywhere(value)
    else:
        for item, deeper in _parts_of(value, part):
            yield from _conditions_in(item, deeper, carried)


def _parts_of(value: Json, part: Part) -> Iterator[tuple[Json, Part]]:
    if isinstance(part, dict) and isinstance(value, dict):
        yield from ((item, part[key]) for key, item in value.items() if key in part)
    elif isinstance(part, tuple) and isinstance(value, list):
        yield from ((item, part[0]) for item in value)
    elif part is Leaf.ARGUMENTS and isinstance(value, list):
        # What an argument says makes no difference, but whether it is there, or the wrapper, does.
        yield from ((i, Leaf.SCALAR) for i in value if Functions(i).mentions("AWS::NoValue", INSTRUMENT))


def _conditions_anywhere(value: Json) -> Iterator[str]:
    arguments = if_arguments(value)
    if arguments is not None:
        yield arguments[0]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        yield from _conditions_anywhere(item)
