"""What leads back to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def in_circles(uses: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the names that lead back to themselves, in linear time and without recursion (Kosaraju).

    :param uses: name -> the names that it uses; others than its keys lead nowhere.
    """
    inner = {name: [used for used in dict.fromkeys(those) if used in uses] for name, those in uses.items()}
    users: dict[str, list[str]] = {name: [] for name in inner}
    for name, those in inner.items():
        for used in those:
            users[used].append(name)
    found: set[str] = set()
    seen: set[str] = set()
    for name in reversed(_from_below(inner)):
        group = _reached(name, users, seen)
        if len(group) > 1 or name in inner[name]:
            found.update(group)
    return found


def _from_below(uses: Mapping[str, list[str]]) -> list[str]:
    """Return the names, each behind what can only be reached through it."""
    seen: set[str] = set()
    order: list[str] = []
    for start in uses:
        if start in seen:
            continue
        seen.add(start)
        path: list[tuple[str, Iterator[str]]] = [(start, iter(uses[start]))]
        while path:
            name, rest = path[-1]
            further = next((one for one in rest if one not in seen), None)
            if further is None:
                path.pop()
                order.append(name)
            else:
                seen.add(further)
                path.append((further, iter(uses[further])))
    return order


def _reached(start: str, users: Mapping[str, list[str]], seen: set[str]) -> list[str]:
    """Return what is reached from a name and was not seen before."""
    if start in seen:
        return []
    seen.add(start)
    group = [start]
    for name in group:
        new = [one for one in users[name] if one not in seen]
        seen.update(new)
        group += new
    return group
