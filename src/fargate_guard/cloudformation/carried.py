"""Conditional elements of lists that need no look at each outcome: they go through the core as they are.

``- !If [HasTracing, {Name: TRACING, Value: "1"}, !Ref AWS::NoValue]`` is no concern of the agent's, whichever way
it comes out. So a dozen of these need not be looked at in 4,096 ways.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from fargate_guard.cloudformation.functions import Functions
from fargate_guard.cloudformation.intrinsics import IF, if_arguments, is_intrinsic, is_no_value
from fargate_guard.cloudformation.resources import CONTAINERS
from fargate_guard.taskdef.recipes import INSTRUMENT, LOG_FORWARD_PORT
from fargate_guard.taskdef.record import LABEL
from fargate_guard.taskdef.tags import IGNORE, IGNORE_CONTAINERS, INCLUDE, INCLUDE_CONTAINERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fargate_guard.taskdef import Json

_TAGS = (IGNORE, IGNORE_CONTAINERS, INCLUDE, INCLUDE_CONTAINERS)
_AGENTS = "SYSDIG_"
"""How the names of the agent's variables begin."""


def carried_elements(properties: dict[str, Json], reserved: Iterable[str]) -> frozenset[int]:
    """The elements that may go through as they are, by identity.

    A name must be known in every branch, stand in no other element, and be nothing that the instrumentation sets,
    or set earlier.

    :param properties: of the resource.
    :param reserved: names of variables that the instrumentation sets or the agent reads.
    """
    containers = list(_objects(properties.get(CONTAINERS)))
    recorded = "\n".join(_texts([_labels(container) for container in containers]))
    taken = frozenset(reserved)

    def is_free(name: str) -> bool:
        return not name.startswith(_AGENTS) and name not in taken and json.dumps(name) not in recorded

    found: list[int] = []
    refused: list[int] = []
    """The same value may stand in several places, and not be right in all of them."""
    for element, right in _verdicts(properties, containers, is_free):
        if Functions(element).mentions(IF):
            (found if right else refused).append(id(element))
    return frozenset(found).difference(refused)


def _verdicts(
    properties: dict[str, Json], containers: list[dict[str, Json]], is_free: Callable[[str], bool]
) -> Iterator[tuple[Json, bool]]:
    """Conditional elements, each with whether it may go through as it is."""
    for tag in _elements(properties.get("Tags")):
        keys = _names(tag, "Key")
        yield tag, keys is not None and keys.isdisjoint(_TAGS)
    for container in containers:
        variables = [
            (element, _names(element, "Name"))
            for field in ("Environment", "Secrets")
            for element in _elements(container.get(field))
        ]
        count = Counter(name for _, names in variables for name in names or ())
        for element, names in variables:
            right = names is not None and all(count[name] == 1 and is_free(name) for name in names)
            yield element, right
        for mapping in _elements(container.get("PortMappings")):
            yield mapping, all(map(_is_another_port, _leaves(mapping)))
        for field in ("EntryPoint", "Command"):
            yield from _arguments(container.get(field))


def _arguments(value: Json) -> Iterator[tuple[Json, bool]]:
    """Arguments behind a first one that is always there."""
    for arguments in _leaves(value):
        items = arguments if isinstance(arguments, list) else []
        starts = bool(items) and isinstance(items[0], str) and items[0] not in ("", INSTRUMENT)
        starts = starts or (items[:1] == [INSTRUMENT] and len(items) > 1 and isinstance(items[1], str))
        for item in items:
            yield item, starts and not Functions(item).mentions(INSTRUMENT)


def _names(element: Json, key: str) -> frozenset[str] | None:
    """What an element is called in its branches; None where that is not known in each."""
    names = set()
    for leaf in _leaves(element):
        name = leaf.get(key) if isinstance(leaf, dict) else None
        if not isinstance(name, str) or not name:
            return None
        names.add(name)
    return frozenset(names)


def _is_another_port(mapping: Json) -> bool:
    if not isinstance(mapping, dict) or is_intrinsic(mapping) or "ContainerPortRange" in mapping:
        return False
    port = mapping.get("ContainerPort")
    return isinstance(port, (int, str)) and str(port).isdecimal() and int(port) != LOG_FORWARD_PORT


def _objects(value: Json) -> Iterator[dict[str, Json]]:
    """All containers, whichever conditions they depend on."""
    for element in _elements(value):
        yield from (leaf for leaf in _leaves(element) if isinstance(leaf, dict) and not is_intrinsic(leaf))


def _elements(value: Json) -> Iterator[Json]:
    for leaf in _leaves(value):
        yield from leaf if isinstance(leaf, list) else ()


def _leaves(value: Json) -> Iterator[Json]:
    """What may stand in a place; nothing for ``AWS::NoValue``."""
    arguments = if_arguments(value)
    if arguments is not None:
        for branch in arguments[1:]:
            yield from _leaves(branch)
    elif not is_no_value(value):
        yield value


def _labels(container: dict[str, Json]) -> list[Json]:
    return [labels.get(LABEL) for labels in _leaves(container.get("DockerLabels")) if isinstance(labels, dict)]


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        yield from _texts(item)
