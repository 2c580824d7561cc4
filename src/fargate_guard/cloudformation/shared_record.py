"""One record for all cases of a resource, where that says the same: what a case lacks does no harm in its record.

Undoing looks up the containers that are there. So an entry may stand in the record of a case that has no such
container, but not in that of a case in which the container is there and was left out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.cloudformation.building import in_order
from fargate_guard.taskdef.record import LABEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fargate_guard.taskdef import Json

_BY_NAME = ("containers", "others")


class _Labelled(NamedTuple):
    labels: dict[str, Json]
    """Docker labels of a sidecar."""
    content: dict[str, Json]
    """Its record."""
    names: frozenset[str]
    """All containers of the case."""


def share_records(cases: Iterable[Json]) -> None:
    """Bring the records of all cases as near to each other as is right, in place.

    :param cases: the containers of each, with the sidecars.
    """
    found = [one for containers in cases for one in _labelled(containers)]
    if len({one.labels[LABEL] for one in found}) <= 1:
        return
    for key in _BY_NAME:
        _share([(one, one.content.get(key) or {}) for one in found], key)
    latest = max(one.content["format"] for one in found)
    for one in found:
        one.labels[LABEL] = json.dumps({**one.content, "format": latest}, separators=(",", ":"))


def _share(found: list[tuple[_Labelled, dict[str, Json]]], key: str) -> None:
    order = in_order([], [list(entries) for _, entries in found])
    common = {name: _common(name, found) for name in order}
    for one, entries in found:
        shared = {name: entries.get(name, common[name]) for name in order}
        shared = {name: entry for name, entry in shared.items() if entry is not None}
        if shared:
            one.content[key] = shared


def _common(name: str, found: list[tuple[_Labelled, dict[str, Json]]]) -> Json:
    """The entry that is right in every case; None where there is none."""
    entries = [some[name] for _, some in found if name in some]
    left_out = any(name not in some and name in one.names for one, some in found)
    return None if left_out or any(entry != entries[0] for entry in entries) else entries[0]


def _labelled(containers: Json) -> Iterator[_Labelled]:
    some = [one for one in containers if isinstance(one, dict)] if isinstance(containers, list) else []
    for container in some:
        labels = container.get("DockerLabels")
        if not isinstance(labels, dict) or not isinstance(labels.get(LABEL), str):
            continue
        try:
            content = json.loads(labels[LABEL])
        except ValueError:
            continue
        maps = isinstance(content, dict) and all(isinstance(content.get(key, {}), dict) for key in _BY_NAME)
        if maps and isinstance(content.get("format"), int):
            yield _Labelled(labels, content, frozenset(str(one.get("Name")) for one in some))
