"""Put what the core made of each case back onto the template, without touching anything else.

What did not change is the very value that stood there. An ``Fn::If`` keeps its place, with its branches changed;
where the cases differ without one, a new ``Fn::If`` is written.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.cloudformation.building import Case, build, by_condition, divided, in_order, inside, same
from fargate_guard.cloudformation.intrinsics import (
    ABSENT,
    IF,
    Opaque,
    chosen_branch,
    if_arguments,
    is_intrinsic,
    is_no_value,
    no_value,
)
from fargate_guard.taskdef.recipes import INSTRUMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.cloudformation.template_notes import Notes, Path
    from fargate_guard.taskdef import Json

_IDENTITIES = ("Name", "SourceContainer", "ContainerName", "Key")


class Folding(NamedTuple):
    """Folds the cases of one resource."""

    template: Mapping[str, Json]
    notes: Notes
    """What an undoing of the result must know besides, with what was noted earlier."""
    undoing: bool
    """Nothing new is noted, and an ``Fn::If`` whose branches become alike is fguard's, and goes."""
    again: bool
    """The resource is instrumented already."""

    def fold(self, value: Json, cases: list[Case], path: Path = (), index: int = 0) -> Json:
        """The new value of a place; :data:`ABSENT` when nothing is to stand there any more.

        :param cases: one for each outcome of the conditions in which the place is reached.
        :param path: of the place, from the resource's properties.
        :param index: of the place among the keys beside it.
        """
        if all(same(case.before, case.after) for case in cases):
            return value
        gone = [case.after is ABSENT for case in cases]
        if all(gone):
            return ABSENT
        if not self.undoing and all(case.before is ABSENT for case in cases):
            self.notes.nothing[path] = (index, value)
        arguments = if_arguments(value)
        if arguments is not None and arguments[0] in cases[0].conditions and not _carried(value, cases):
            return self._if(arguments, cases, path)
        if any(gone):
            return by_condition(
                cases, lambda case: case.after is ABSENT, lambda some: self.fold(value, some, path, index)
            )
        return self._structure(value, cases, path)

    def _structure(self, value: Json, cases: list[Case], path: Path) -> Json:
        if _all_are(dict, value, cases):
            return self._object(value, cases, path)
        if _all_are(list, value, cases):
            return self._list(value, cases, path)
        return build(cases, self.template)

    def _if(self, arguments: list[Json], cases: list[Case], path: Path) -> Json:
        condition, *old = arguments
        branches = [
            self.fold(branch, some, (*path, IF, index)) if some else branch
            for index, branch, some in zip((1, 2), old, divided(cases, condition), strict=True)
        ]
        branches = [no_value() if branch is ABSENT else branch for branch in branches]
        wrapped, now_wrapped = _is_wrapped(old), _is_wrapped(branches)
        if not self.undoing and same(*old) and (not self.again or (now_wrapped and not wrapped)):
            self.notes.alike.add(path)
        taken_back = self.undoing or (self.again and wrapped and not now_wrapped)
        ours = taken_back and path not in self.notes.alike and not _is_structure(branches[0])
        return branches[0] if ours and same(*branches) else {IF: [condition, *branches]}

    def _object(self, value: dict[str, Json], cases: list[Case], path: Path) -> Json:
        result = {}
        keys = list(value)
        for key in in_order(keys, [list(case.after) for case in cases]):
            deeper = [inside(case, key) for case in cases]
            if key in value:
                new = self.fold(value[key], deeper, (*path, key), keys.index(key))
            else:
                new = build(deeper, self.template)
            if new is not ABSENT:
                result[key] = new
        return result

    def _list(self, value: list[Json], cases: list[Case], path: Path) -> Json:
        if any(isinstance(item, Opaque) and item.is_list for case in cases for item in case.after):
            return build(cases, self.template)
        aligned = [_Aligned(value, case) for case in cases]
        result: list[Json] = []
        for index in range(len(value) + 1):
            result += self._inserted([(one.case, one.inserted.get(index, [])) for one in aligned])
            if index < len(value):
                deeper = [Case(one.case.conditions, *one.kept[index]) for one in aligned]
                new = self.fold(value[index], deeper, (*path, index))
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


def _is_wrapped(branches: list[Json]) -> bool:
    return INSTRUMENT in json.dumps(branches, default=str)


def _is_structure(value: Json) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and not is_intrinsic(value))


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
