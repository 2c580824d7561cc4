"""Values that are new in a template: plain where they are alike in all cases, else an ``Fn::If``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.cloudformation.arguments import with_wrapper
from fargate_guard.cloudformation.functions import Functions
from fargate_guard.cloudformation.intrinsics import ABSENT, IF, Opaque, no_value
from fargate_guard.taskdef import TaskDefinitionError
from fargate_guard.taskdef.recipes import INSTRUMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fargate_guard.cloudformation.conditions import Assignment
    from fargate_guard.taskdef import Json

_WRAPPED = 2


class Case(NamedTuple):
    """One place under one outcome of the conditions."""

    conditions: Assignment
    before: Json
    """What the core saw; :data:`ABSENT` for nothing."""
    after: Json
    """What the core made of it."""


def same(first: Json, second: Json) -> bool:
    """Whether two values are alike, their functions and the order of their keys included."""
    if first is second:
        return True
    if isinstance(first, Opaque) or isinstance(second, Opaque):
        return (
            isinstance(first, Opaque)
            and isinstance(second, Opaque)
            and first.is_list == second.is_list
            and same(first.intrinsic, second.intrinsic)
        )
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return list(first) == list(second) and all(map(same, first.values(), second.values()))
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def written(value: Json, template: Mapping[str, Json]) -> Json:
    """A value of the core's as the template writes it.

    :raises TaskDefinitionError: a list of which a function gives a part, and which cannot be written exactly.
    """
    if isinstance(value, Opaque):
        return value.intrinsic
    if not isinstance(value, (dict, list)) or Functions(value).serialised is not None:
        return value  # nothing in it stands for a function
    return _written_object(value, template) if isinstance(value, dict) else _written_list(value, template)


def _written_object(value: dict[str, Json], template: Mapping[str, Json]) -> Json:
    parts = {key: item if type(item) is str else written(item, template) for key, item in value.items()}
    element = next((item for item in value.values() if isinstance(item, Opaque) and item.is_element), None)
    return parts if element is None else element.intrinsic


def _written_list(value: list[Json], template: Mapping[str, Json]) -> Json:
    whole = next((item for item in value if isinstance(item, Opaque) and item.is_list), None)
    if whole is None:
        return [item if type(item) is str else written(item, template) for item in value]
    if len(value) == 1:
        return whole.intrinsic
    result = with_wrapper(whole.intrinsic, template) if value[:-1] == [INSTRUMENT] else None
    if result is None:
        raise cannot_be_wrapped(whole, "a container", "$", "NAME")
    return result


def cannot_be_wrapped(whole: Opaque, who: str, where: str, name: str) -> TaskDefinitionError:
    """The refusal for a list to which the wrapper cannot be added.

    :param who: the container, in words; ``name`` is what it is called on the command line.
    """
    return TaskDefinitionError(
        f"the agent's wrapper cannot be put in front of the EntryPoint of {who}: {whole}",
        where=where,
        why="what the list holds is only known when it is deployed, and joining it anew could change it",
        fix="write EntryPoint as a list, as a Ref to a CommaDelimitedList, or as an Fn::Split with a delimiter "
        f"that is not part of {INSTRUMENT}; or leave the container out: --ignore-container {name}",
    )


def build(cases: list[Case], template: Mapping[str, Json]) -> Json:
    """What is to stand in a place that has no structure of its own yet; :data:`ABSENT` for nothing."""
    first = cases[0].after
    if all(same(case.after, first) for case in cases):
        return ABSENT if first is ABSENT else written(first, template)
    if all(isinstance(case.after, dict) for case in cases):
        keys = in_order([], [list(case.after) for case in cases])
        parts = {key: build([inside(case, key, before=False) for case in cases], template) for key in keys}
        return {key: part for key, part in parts.items() if part is not ABSENT}
    return by_condition(cases, lambda case: case.after, lambda some: build(some, template))


def by_condition(cases: list[Case], look: Callable[[Case], Json], make: Callable[[list[Case]], Json]) -> Json:
    """An ``Fn::If`` on the condition that tells the cases apart best."""
    condition = min(cases[0].conditions, key=lambda name: _mixed(cases, name, look))
    yes, no = divided(cases, condition)
    branches = [make(some) if some else ABSENT for some in (yes, no)]
    if not (yes and no):
        return branches[0] if yes else branches[1]
    if all(branch is ABSENT for branch in branches):
        return ABSENT
    return {IF: [condition, *(no_value() if branch is ABSENT else branch for branch in branches)]}


def divided(cases: Iterable[Case], condition: str) -> tuple[list[Case], list[Case]]:
    """The cases in which a condition holds, and the others."""
    yes: list[Case] = []
    no: list[Case] = []
    for case in cases:
        (yes if case.conditions[condition] else no).append(case)
    return yes, no


def inside(case: Case, key: str, *, before: bool = True) -> Case:
    """The same case, one key deeper."""
    old = case.before.get(key, ABSENT) if before and isinstance(case.before, dict) else ABSENT
    new = case.after.get(key, ABSENT) if isinstance(case.after, dict) else ABSENT
    return Case(case.conditions, old, new)


def in_order(start: list[str], sequences: Iterable[list[str]]) -> list[str]:
    """All items, each once: new ones behind the item that they follow in their own sequence."""
    result = list(start)
    for sequence in sequences:
        if sequence[: len(result)] == result:
            result = list(sequence)
            continue
        place = 0
        for item in sequence:
            if item in result:
                place = result.index(item) + 1
            else:
                result.insert(place, item)
                place += 1
    return result


def _mixed(cases: list[Case], condition: str, look: Callable[[Case], Json]) -> tuple[int, int]:
    """How many of the two sides are still mixed; a condition that divides nothing comes last."""
    sides = divided(cases, condition)
    if not all(sides):
        return (len(sides) + 1, 0)
    mixed = [side for side in sides if not all(same(look(case), look(side[0])) for case in side)]
    return (len(mixed), 0)
