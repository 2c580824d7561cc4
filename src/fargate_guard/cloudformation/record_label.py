"""The sidecar's record, where the names of containers are functions: a text that CloudFormation puts together.

The core writes the names as it knows them. In the template each name that is a function stands as just that
function in the record, so that the record of the deployed task definition has the deployed names.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fargate_guard.cloudformation.intrinsics import Opaque, shown
from fargate_guard.taskdef.record import LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.cloudformation.resolving import Resolver
    from fargate_guard.taskdef import Json

_PAIR = 2
_BY_NAME = ("containers", "others")


def readable(value: Json, resolver: Resolver) -> Opaque | None:
    """The record as the core wrote it; None for what :func:`deployable` did not make."""
    join = value.get("Fn::Join") if isinstance(value, dict) else None
    if not isinstance(join, list) or len(join) != _PAIR or join[0] != "" or not isinstance(join[1], list):
        return None
    texts = (part if isinstance(part, str) else _quoted(known_name(part, resolver)) for part in join[1])
    return Opaque("".join(texts), value)


def known_name(intrinsic: Json, resolver: Resolver) -> str:
    """The text under which the core knows a name that is a function."""
    known = resolver.text(intrinsic).known
    return shown(intrinsic) if known is None else known


def names_by_function(containers: Json) -> dict[str, Opaque]:
    """The names of containers that are functions, by the text under which the core knows them."""
    if not isinstance(containers, list):
        return {}
    return {str(name): name for name in _names(containers) if isinstance(name, Opaque)}


def make_deployable(containers: Json, names: dict[str, Opaque]) -> None:
    """Put the functions of containers' names into the records of the sidecars, in place."""
    if not names or not isinstance(containers, list):
        return
    for container in containers:
        labels = container.get("DockerLabels") if isinstance(container, dict) else None
        if isinstance(labels, dict) and isinstance(labels.get(LABEL), str):
            labels[LABEL] = _deployable(str(labels[LABEL]), names)


def has_record(containers: Json) -> bool:
    """Whether one of the containers is fguard's sidecar."""
    some = containers if isinstance(containers, list) else []
    found = (one.get("DockerLabels") for one in some if isinstance(one, dict))
    return any(isinstance(labels, dict) and LABEL in labels for labels in found)


def _names(containers: list[Json]) -> Iterator[Json]:
    return (container.get("Name") for container in containers if isinstance(container, dict))


def _deployable(text: str, names: dict[str, Opaque]) -> str:
    try:
        content = json.loads(text)
    except ValueError:
        return text
    if not isinstance(content, dict):
        return text
    used = []
    for key in _BY_NAME:
        if isinstance(content.get(key), dict):
            used += [name for name in content[key] if name in names]
            content[key] = {_token(name) if name in names else name: item for name, item in content[key].items()}
    if not used:
        return text
    rest, parts = json.dumps(content, separators=(",", ":")), []
    for name in used:
        before, _, rest = rest.partition(_quoted(_token(name)))
        parts += [before, names[name].intrinsic]
    return Opaque(text, {"Fn::Join": ["", [*parts, rest]]})


def _token(name: str) -> str:
    return f"\0{name}\0"


def _quoted(text: str) -> str:
    return json.dumps(text)[1:-1]
