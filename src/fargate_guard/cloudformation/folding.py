"""Put what the core made of each case back onto the template, without touching anything else.

What did not change is the very value that stood there. An ``Fn::If`` keeps its place, with its branches changed;
where the cases differ without one, a new ``Fn::If`` is written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.cloudformation.building import Case, build, by_condition, divided, in_order, inside, same
from fargate_guard.cloudformation.intrinsics import (
    ABSENT,
    IF,
    Opaque,
    chosen_branch,
    if_arguments,
    is_no_value,
    no_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.taskdef import Json

_IDENTITIES = ("Name", "SourceContainer", "ContainerName", "Key")


@dataclass(frozen=True, slots=True)
class Folding:
    """Folds the cases of one template."""

    template: Mapping[str, Json]
    collapse: bool
    """Whether an ``Fn::If`` whose branches become alike goes: when undoing, it is one that fguard wrote."""

    def fold(self, value: Json, cases: list[Case]) -> Json:
        """The new value of a place; :data:`ABSENT` when nothing is to stand there any more.

        :param cases: one for each outcome of the conditions in which the place is reached.
        """
        if all(same(case.before, case.after) for case in cases):
            return value
        gone = [case.after is ABSENT for case in cases]
        if all(gone):
            return ABSENT
        arguments = if_arguments(value)
        if arguments is not None and arguments[0] in cases[0].conditions and not _carried(value, cases):
            return self._if(arguments, cases)
        if any(gone):
            return by_condition(cases, lambda case: case.after is ABSENT, lambda some: self.fold(value, some))
        return self._structure(value, cases)

    def _structure(self, value: Json, cases: list[Case]) -> Json:
        if _all_are(dict, value, cases):
            return self._object(value, cases)
        if _all_are(list, value, cases):
            return self._list(value, cases)
        return build(cases, self.template)

    def _if(self, arguments: list[Json], cases: list[Case]) -> Json:
        condition, *old = arguments
        branches = [
            self.fold(branch, some) if some else branch
            for branch, some in zip(old, divided(cases, condition), strict=True)
        ]
        branches = [no_value() if branch is ABSENT else branch for branch in branches]
        return branches[0] if self.collapse and same(*branches) else {IF: [condition, *branches]}

    def _object(self, value: dict[str, Json], cases: list[Case]) -> Json:
        result = {}
        for key in in_order(list(value), [list(case.after) for case in cases]):
            deeper = [inside(case, key) for case in cases]
            new = self.fold(value[key], deeper) if key in value else build(deeper, self.template)
            if new is not ABSENT:
                result[key] = new
        return result

    def _list(self, value: list[Json], cases: list[Case]) -> Json:
        if any(isinstance(item, Opaque) and item.is_list for case in cases for item in case.after):
            return build(cases, self.template)
        aligned = [_Aligned(value, case) for case in cases]
        result: list[Json] = []
        for index in range(len(value) + 1):
            result += self._inserted([(one.case, one.inserted.get(index, [])) for one in aligned])
            if index < len(value):
                new = self.fold(value[index], [Case(one.case.conditions, *one.kept[index]) for one in aligned])
                if new is not ABSENT:
                    result.append(new)
        return result

    def _inserted(self, items: list[tuple[Case, list[Json]]]) -> Iterator[Json]:
        """New elements in one gap; those of different cases that are the same thing become one."""
        if not any(new for _, new in items):
            return
        named = [(case, {_identity(item, n): item for n, item in enumerate(new)}) for case, new in items]
        for identity in in_order([], [list(new) for _, new in named]):
            cases = [Case(case.conditions, ABSENT, new.get(identity, ABSENT)) for case, new in named]
            yield build(cases, self.template)


def _carried(value: Json, cases: list[Case]) -> bool:
    """Whether a function went through the core as it is."""
    return any(isinstance(case.before, Opaque) and case.before.intrinsic is value for case in cases)


def _all_are(kind: type, value: Json, cases: list[Case]) -> bool:
    return isinstance(value, kind) and all(
        isinstance(case.before, kind) and isinstance(case.after, kind) for case in cases
    )


class _Aligned:
    """Which element of the template became which of the core's list, and what is new."""

    def __init__(self, value: list[Json], case: Case) -> None:
        self.case = case
        before, after = case.before, case.after
        places = [
            place for place, item in enumerate(value) if not is_no_value(chosen_branch(item, case.conditions))
        ]
        matches = _matches(before, after)
        self.kept: list[tuple[Json, Json]] = [(ABSENT, ABSENT) for _ in value]
        for index, place in enumerate(places):
            match = matches.get(index)
            self.kept[place] = (before[index], ABSENT if match is None else after[match])
        self.inserted: dict[int, list[Json]] = {}
        matched = {match: places[index] for index, match in matches.items()}
        gap, last = 0, max(matched, default=-1)
        for index, item in enumerate(after):
            if index in matched:
                gap = matched[index] + 1
            else:
                self.inserted.setdefault(len(value) if index > last else gap, []).append(item)


def _matches(before: list[Json], after: list[Json]) -> dict[int, int]:
    """Which element of ``before`` goes on as which of ``after``: by what it is called, and else by what it is.

    The core keeps the order of what it keeps.
    """
    old, new = ([_identity(item) for item in items] for items in (before, after))
    more = len(new) - len(old)
    if old == new[: len(old)]:
        return {index: index for index in range(len(old))}
    if more > 0 and old == new[more:]:
        return {index: index + more for index in range(len(old))}
    matches: dict[int, int] = {}
    start = 0
    for index, identity in enumerate(old):
        if identity in new[start:]:
            matches[index] = new.index(identity, start)
            start = matches[index] + 1
    return matches


def _identity(value: Json, number: int = 0) -> str:
    if isinstance(value, Opaque):
        return f"{number}:{json.dumps(value.intrinsic, default=str)}"
    if isinstance(value, dict):
        key = next((key for key in _IDENTITIES if key in value), None)
        return f"{number}:{len(value)}" if key is None else f"{key}:{_identity(value[key])}"
    return f"{number}:{json.dumps(value, default=str)}"
