"""What of a template's own way of writing cannot be derived when instrumentation is undone.

Two ways of writing nothing, or the same thing twice, look alike once they are undone: a property that is not there
and one that is ``AWS::NoValue``; an ``Fn::If`` of equal values, and one that fguard wrote. They are noted by path
in a Docker label of the sidecar that only templates with such places get.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from fargate_guard.cloudformation.intrinsics import is_no_value
from fargate_guard.taskdef.record import LABEL as RECORD

if TYPE_CHECKING:
    from fargate_guard.taskdef import Json

LABEL: Final = "com.fargate-guard.template"
CARRIED: Final = '"carried":true'
"""In the label where conditional elements were not looked into."""
Path = tuple[str | int, ...]
"""Steps from the resource's properties."""


class Notes:
    """Places whose way of writing is to come back."""

    def __init__(self) -> None:
        """There is none yet."""
        self.nothing: dict[Path, tuple[int, Json]] = {}
        """What stood in a place without giving anything, and where it stood among the keys."""
        self.alike: set[Path] = set()
        """An ``Fn::If`` with equal branches."""
        self.carried = False
        """Conditional elements were not looked into, so they must not be when this is undone."""

    def __bool__(self) -> bool:
        return bool(self.nothing or self.alike or self.carried)

    def text(self) -> str:
        """The label's value."""
        nothing = [[list(path), index, value] for path, (index, value) in self.nothing.items()]
        alike = [list(path) for path in sorted(self.alike, key=str)]
        carried = {"carried": True} if self.carried else {}
        return json.dumps({"nothing": nothing, "alike": alike, **carried}, separators=(",", ":"))

    def read(self, containers: Json) -> None:
        """Add what the label of a sidecar says; one that someone damaged says nothing."""
        for container in containers if isinstance(containers, list) else ():
            labels = container.get("DockerLabels") if isinstance(container, dict) else None
            if not isinstance(labels, dict) or not isinstance(labels.get(LABEL), str):
                continue
            try:
                content = json.loads(labels[LABEL])
                nothing = {tuple(path): (int(index), value) for path, index, value in content["nothing"]}
                alike = {tuple(path) for path in content["alike"]}
            except (ValueError, TypeError, KeyError, RecursionError):
                continue
            self.carried |= content.get("carried") is True
            self.nothing |= nothing
            self.alike |= alike

    def write(self, containers: Json) -> None:
        """Put the label on the sidecars, in place."""
        for container in containers if isinstance(containers, list) else ():
            labels = container.get("DockerLabels") if isinstance(container, dict) else None
            if isinstance(labels, dict) and RECORD in labels:
                labels[LABEL] = self.text()

    def put_back(self, properties: dict[str, Json]) -> dict[str, Json]:
        """The properties with what gave nothing in its place again, unless something else stands there now."""
        for path, (index, value) in self.nothing.items():
            properties = _put(properties, path, index, value)
        return properties


def _put(place: Json, path: Path, index: int, value: Json) -> Json:
    """The place with a value put into it; the very same where something else stands there."""
    step, *rest = path or ("",)
    deeper = tuple(rest)
    if isinstance(place, list) and isinstance(step, int) and 0 <= step < len(place):
        item = _put_at(place[step], deeper, index, value)
        return place if item is place[step] else [*place[:step], item, *place[step + 1 :]]
    if not isinstance(place, dict) or not isinstance(step, str):
        return place
    if step in place:
        item = _put_at(place[step], deeper, index, value)
        return place if item is place[step] else {**place, step: item}
    if deeper:
        return place
    items = list(place.items())
    items.insert(index, (step, value))
    return dict(items)


def _put_at(place: Json, path: Path, index: int, value: Json) -> Json:
    if path:
        return _put(place, path, index, value)
    return value if is_no_value(place) and place != value else place
