"""Parse JSON without losing anything: numbers keep their text, and a key that stands twice is refused."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING

from fargate_guard.taskdef.errors import NotATaskDefinitionError, TaskDefinitionError
from fargate_guard.taskdef.fields import MAX_DEPTH, Json
from fargate_guard.taskdef.layout import Number, integer

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

_MOST_DIGITS = 300
"""What a double can still hold; Python itself converts up to 4,300 digits."""


class _WithDuplicates(dict[str, Json]):
    """An object in whose text a key stands twice."""

    duplicate: str = ""


_NESTED = frozenset((dict, list, _WithDuplicates))


class _ConstantError(ValueError):
    """``NaN`` or ``Infinity``, which Python's parser takes for JSON."""


def parse(text: str) -> Json:
    """Parse a JSON text, which may begin with a byte order mark.

    :raises NotATaskDefinitionError: not JSON (with line and column), or a key twice in one object (with its path).
    """
    duplicates: list[_WithDuplicates] = []

    def as_object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        result = dict(pairs)
        if len(result) == len(pairs):
            return result
        keys = [key for key, _ in pairs]
        marked = _WithDuplicates(result)
        marked.duplicate = next(key for key in keys if keys.count(key) > 1)
        duplicates.append(marked)
        return marked

    body = text.removeprefix("\ufeff")
    try:
        value = load(body, as_object)
    except json.JSONDecodeError as error:
        raise _syntax_error(body, error) from None
    except _ConstantError as error:
        raise _not_json(body, str(error)) from None
    except RecursionError:
        raise NotATaskDefinitionError("nested too deeply", why="no task definition is") from None
    check_depth(value)
    if duplicates:
        raise NotATaskDefinitionError(
            "a key stands twice in one JSON object",
            where=_path_of_duplicate(value, "$"),
            why="only one of the two values can count, and which depends on the tool that reads the file",
            fix="remove one of them",
        )
    return value


def load(body: str, as_object: Callable[[list[tuple[str, Json]]], Json] | None = None) -> Json:
    """Parse a JSON text; numbers that an int or a float would write differently keep their text.

    :param as_object: makes an object of its members; None for one in which the last of several alike counts.
    :raises ValueError: it is not JSON.
    :raises RecursionError: it is nested far too deeply.
    :raises TaskDefinitionError: a number that is none, or is out of range.
    """
    return json.loads(
        body, object_pairs_hook=as_object, parse_float=_number, parse_int=_integer, parse_constant=_constant
    )


def check_depth(value: Json) -> None:
    """Refuse what is nested too deeply for anything that follows.

    :raises TaskDefinitionError: it is.
    """
    level: list[Json] = [value] if isinstance(value, (dict, list)) else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer if type(outer) is list else outer.values())
            if type(inner) in _NESTED
        ]
        if not level:
            return
    raise TaskDefinitionError(f"nested more than {MAX_DEPTH} levels deep", why="no task definition is")


def _number(text: str) -> Number:
    number = Number(text)
    if not isfinite(number):
        raise _out_of_range(text)
    return number


def _integer(text: str) -> int | Number:
    if len(text) > _MOST_DIGITS:
        raise _out_of_range(text)
    return integer(text)


def _out_of_range(text: str) -> NotATaskDefinitionError:
    return NotATaskDefinitionError(
        f"a number out of range: {text[:20]}…", why="no field of ECS takes one like this"
    )


def _constant(constant: str) -> NoReturn:
    raise _ConstantError(constant)


def _not_json(text: str, constant: str) -> NotATaskDefinitionError:
    import re  # only a refusal should cost this

    found = re.finditer(r'"(?:[^"\\]|\\.)*"|(-?Infinity|NaN)', text)
    place = json.JSONDecodeError(constant, text, next(one.start() for one in found if one[1]))
    return NotATaskDefinitionError(
        f"{constant} is not JSON",
        where=f"line {place.lineno}, column {place.colno}",
        fix="write a number or null",
    )


def _syntax_error(text: str, error: json.JSONDecodeError) -> NotATaskDefinitionError:
    if not text.strip():
        return NotATaskDefinitionError("the input is empty", fix="give a task definition in JSON")
    return NotATaskDefinitionError(
        f"not JSON: {error.msg}",
        where=f"line {error.lineno}, column {error.colno}",
        fix=_advice(text, error.pos),
    )


def _advice(text: str, position: int) -> str | None:
    """What to do about the commonest mistakes, by what stands on both sides of the place."""
    before, rest = text[:position].rstrip(), text[position:].lstrip()
    if any(mark in text[max(position - 1, 0) : position + 2] for mark in ("{{", "{%", "${")):
        return "render the template first, and give its result"
    comma_behind = rest[:1] == "," and rest[1:].lstrip()[:1] in ("}", "]")
    if comma_behind or (before[-1:] == "," and rest[:1] in ("}", "]")):
        return "remove the comma before the closing bracket"
    if rest.startswith(("//", "/*", "#")):
        return "JSON has no comments: remove this one, or write YAML"
    if rest.startswith("'"):
        return 'write strings in double quotes: "…"'
    if not rest:
        return "the text ends too early: is it cut off?"
    return None if before or rest[0] in "{[" else "fargate_guard.formats.read_source takes YAML, too"


def _path_of_duplicate(value: Json, path: str) -> str | None:
    if isinstance(value, _WithDuplicates):
        return f"{path}.{value.duplicate}"
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        step = f"[{key}]" if isinstance(value, list) else f".{key}"
        found = _path_of_duplicate(item, path + step)
        if found:
            return found
    return None
