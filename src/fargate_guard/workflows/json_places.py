"""From a JSON path to the value that it names, and to its line and column in the text."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from fargate_guard.formats import Syntax

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.formats import Source
    from fargate_guard.taskdef import Json

Step = str | int
_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def steps_of(value: Json, path: str) -> tuple[list[Step], Json]:
    """Follow a path such as ``$.containerDefinitions[0].image`` or ``$.Tags['Fn::If'][1]`` as far as it leads.

    :return: the keys and indices on the way, and the value there. Keys may hold dots.
    """
    steps: list[Step] = []
    rest = path.removeprefix("$")
    while rest:
        step = _step(value, rest)
        if step is None:
            break
        key, length = step
        steps.append(key)
        value = value[key]
        rest = rest[length:]
    return steps, value


def _step(value: Json, rest: str) -> tuple[Step, int] | None:
    if isinstance(value, list):
        index = re.match(r"\[(\d+)\]", rest)
        return (int(index[1]), index.end()) if index and int(index[1]) < len(value) else None
    if not isinstance(value, dict):
        return None
    quoted = re.match(r"\[(['\"])(.*?)\1\]", rest)
    if quoted:
        return (quoted[2], quoted.end()) if quoted[2] in value else None
    fitting = [key for key in value if rest.startswith(f".{key}") and rest[len(key) + 1 :][:1] in ("", ".", "[")]
    return max(((key, len(key) + 1) for key in fitting), key=lambda found: found[1], default=None)


def holder_of(value: Json, path: str, field: str) -> Json:
    """Return the object that holds a field, whatever its case, to which a path leads, or into its functions."""
    steps, _ = steps_of(value, path)
    place = max((index for index, step in enumerate(steps) if str(step).lower() == field), default=len(steps))
    for step in steps[:place]:
        value = value[step]
    return value


def line_and_column(source: Source, path: str) -> tuple[int, int] | None:
    """Return where the value of a path begins, or what leads to it; lines and columns count from 1."""
    steps, _ = steps_of(source.value, path)
    if source.syntax is Syntax.JSON:
        start = len(source.text) - len(source.text.removeprefix("\ufeff"))
        offset = _offset(source.text, start, steps)
        return source.text.count("\n", 0, offset) + 1, offset - source.text.rfind("\n", 0, offset)
    return _in_yaml(source.text, steps)


def _offset(text: str, offset: int, steps: list[Step]) -> int:
    offset = _blank(text, offset)
    for wanted in steps:
        for step, place in _items(text, offset):
            if step == wanted:
                offset = place
                break
        else:
            break
    return offset


def _items(text: str, offset: int) -> Iterator[tuple[Step, int]]:
    """The keys or indices of the container at an offset, each with the offset of its value."""
    is_object = text[offset] == "{"
    offset = _blank(text, offset + 1)
    index = 0
    while text[offset] not in "]}":
        step: Step = index
        if is_object:
            step, offset = _DECODER.raw_decode(text, offset)
            offset = _blank(text, _blank(text, offset) + 1)  # the colon
        yield step, offset
        _, offset = _DECODER.raw_decode(text, offset)
        offset = _blank(text, offset)
        if text[offset] == ",":
            offset = _blank(text, offset + 1)
        index += 1


def _blank(text: str, offset: int) -> int:
    match = _BLANK.match(text, offset)
    return match.end() if match else offset


def _in_yaml(text: str, steps: list[Step]) -> tuple[int, int] | None:
    """Follow the steps through YAML's nodes; a short tag (``!If``) is a step in the data, and none in the text."""
    from ruamel.yaml import YAML

    node = YAML().compose(text)
    if node is None:
        return None
    for step in steps:
        below = _below(node, step)
        if below is None:
            if isinstance(step, str) and (step.startswith("Fn::") or step in ("Ref", "Condition")):
                continue
            break
        node = below
    return node.start_mark.line + 1, node.start_mark.column + 1


def _below(node: object, step: Step) -> object | None:
    children = getattr(node, "value", None)
    if not isinstance(children, list):
        return None
    if isinstance(step, int):
        return children[step] if step < len(children) and not isinstance(children[step], tuple) else None
    pairs = (pair for pair in children if isinstance(pair, tuple))
    return next((value for key, value in pairs if key.value == step), None)
