"""Which items of two arrays are the same thing, and whether two JSON values are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef.layout import Number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fargate_guard.taskdef.fields import Json

_NAMES = (
    "name", "Name", "sourceContainer", "SourceContainer", "containerName", "ContainerName", "key", "Key",
)  # fmt: skip
"""The fields that name an array's items in ECS and CloudFormation."""

_MOST_COMPARISONS = 40_000
"""Longer arrays that differ in the middle are written anew there; ECS has ten containers."""


def alike(old: Json, new: Json) -> bool:
    """Whether two JSON values are written alike but for the order of keys: 1, 1.0 and true are three values."""
    if old is new:
        return True
    if type(old) is not type(new) or old != new:
        return False
    return type(old) is str or _spelled_alike(old, new)


def _spelled_alike(old: Json, new: Json) -> bool:
    """Whether two equal values of one type hold the same types of numbers."""
    if type(old) is dict:
        return all(map(alike, old.values(), map(new.__getitem__, old)))
    if type(old) is list:
        return all(map(alike, old, new))
    return type(old) is not Number or old.text == new.text


def partners(old: Sequence[Json], new: Sequence[Json]) -> list[int]:
    """For every item of an array the index of the same thing in another, -1 where it is gone; in ascending order.

    Items with a name are the same thing when the name is the same, others when they are equal. What is left over
    between two such pairs is paired in order: all of it where there are equally many, else what is built alike.
    """
    result = [-1] * len(old)
    shorter = min(len(old), len(new))
    start = 0
    while start < shorter and _same_thing(old[start], new[start]):
        result[start] = start
        start += 1
    end = 0
    while end < shorter - start and _same_thing(old[-1 - end], new[-1 - end]):
        end += 1
        result[-end] = len(new) - end
    if start + end < shorter:
        _align(old, new, start, end, result)
    return result


def _align(old: Sequence[Json], new: Sequence[Json], start: int, end: int, result: list[int]) -> None:
    """Pair what lies between the first ``start`` and the last ``end`` items."""
    a, b = old[start : len(old) - end], new[start : len(new) - end]
    if len(a) == len(b) and all(map(_interchangeable, a, b)):
        result[start : start + len(a)] = range(start, start + len(a))
        return
    pairs = _longest_common(a, b) if len(a) * len(b) <= _MOST_COMPARISONS else []
    before, other_before = 0, 0
    for i, j in [*pairs, (len(a), len(b))]:
        for left, right in _leftovers(a, b, range(before, i), range(other_before, j)):
            result[start + left] = start + right
        if i < len(a):
            result[start + i] = start + j
        before, other_before = i + 1, j + 1


def _leftovers(a: Sequence[Json], b: Sequence[Json], left: range, right: range) -> list[tuple[int, int]]:
    if len(left) == len(right):
        return [(i, j) for i, j in zip(left, right, strict=True) if _interchangeable(a[i], b[j])]
    if len(left) * len(right) > _MOST_COMPARISONS:
        return []
    pairs = []
    first = right.start
    for i in left:
        j = next((j for j in range(first, right.stop) if _built_alike(a[i], b[j])), None)
        if j is not None:
            pairs.append((i, j))
            first = j + 1
    return pairs


def _longest_common(a: Sequence[Json], b: Sequence[Json]) -> list[tuple[int, int]]:
    """The longest common subsequence, as pairs of indexes."""
    same = [[_same_thing(x, y) for y in b] for x in a]
    lengths = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) - 1, -1, -1):
        for j in range(len(b) - 1, -1, -1):
            longest = max(lengths[i + 1][j], lengths[i][j + 1])
            lengths[i][j] = max(longest, lengths[i + 1][j + 1] + 1) if same[i][j] else longest
    pairs = []
    i = j = 0
    while i < len(a) and j < len(b):
        if same[i][j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def _same_thing(a: Json, b: Json) -> bool:
    if a == b:
        return True
    if type(a) is not dict or type(b) is not dict:
        return False
    name = _name(a)
    return name is not None and name == _name(b)


def _interchangeable(a: Json, b: Json) -> bool:
    """Whether one can be edited into the other: not two things with different names."""
    return type(a) is not dict or type(b) is not dict or bool(_name(a) == _name(b))


def _built_alike(a: Json, b: Json) -> bool:
    """Whether two are arrays, or objects without a name that share a key (``Fn::If`` around a container)."""
    if type(a) is dict and type(b) is dict:
        return _name(a) is None and _name(b) is None and not a.keys().isdisjoint(b)
    return type(a) is list and type(b) is list


def _name(item: dict[str, Json]) -> Json:
    for key in _NAMES:
        if key in item:
            return item[key]
    return None
