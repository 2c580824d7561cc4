"""A refusal for a value that a parameter of the template gives names the parameter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fargate_guard.cloudformation.intrinsics import Opaque, references
from fargate_guard.cloudformation.resources import CONTAINERS
from fargate_guard.cloudformation.understood import SIZES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.taskdef import Json, TaskDefinitionError

_PATH = r"\$((?:\.\w+|\[\d+\])+)"
_REFERENCE = r"\$\{(\w+)\}"
_STEP = r"\.(\w+)|\[(\d+)\]"


def name_parameters(
    error: TaskDefinitionError, definition: dict[str, Json], template: Mapping[str, Json], given: Mapping[str, str]
) -> None:
    """Add to a refusal which parameters decided it, and how to say another value.

    :param error: as the core raises it: its paths are those of the definition.
    :param given: values of parameters that count before their defaults.
    """
    parameters = template.get("Parameters")
    known = parameters if isinstance(parameters, dict) else {}
    reasons, defaults = dict[str, None](), dict[str, None]()
    for name, value in _deciding(error.where or "", definition):
        if not isinstance(value, Opaque) or not value.known:
            continue
        used = [one for one in re.findall(_REFERENCE, references(value.intrinsic)) if one in known]
        words = [f"the {'value' if one in given else 'default'} of parameter {one}" for one in used]
        defaults.update(dict.fromkeys(one for one in used if one not in given))
        if words:
            reasons[f"{name} is {str(value) or 'empty'} by {' and '.join(words)}"] = None
    error.why = "; ".join(filter(None, (error.why, *reasons))) or None
    if defaults:
        flags = " ".join(f"--parameter {one}=VALUE" for one in defaults)
        error.fix = "; or ".join(filter(None, (error.fix, f"say what is deployed instead: {flags}")))


def _deciding(where: str, definition: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    """The values that a refusal is about, with their names: those at its paths, and all sizes for one of sizes."""
    paths = [_steps(path) for path in re.findall(_PATH, where)]
    for path in paths:
        yield str(path[-1]), _at(definition, path)
    if not any(path[-1] in SIZES for path in paths):
        return
    containers = definition.get(CONTAINERS)
    for part in (definition, *(containers if isinstance(containers, list) else ())):
        if isinstance(part, dict):
            owner = "" if part is definition else f" of container {part.get('Name')}"
            yield from ((f"{field}{owner}", part.get(field)) for field in SIZES)


def _steps(path: str) -> list[str | int]:
    return [int(index) if index else name for name, index in re.findall(_STEP, path)]


def _at(place: Json, path: list[str | int]) -> Json:
    for step in path:
        try:
            place = place[step]
        except (KeyError, IndexError, TypeError):
            return None
    return place
