"""Editing a change into a JSON text: only what differs, and back again to the byte, in any style."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fargate_guard.taskdef import Images, Settings, TaskDefinitionError, instrument, read, uninstrument
from fargate_guard.taskdef.json_edit import edited
from fargate_guard.taskdef.json_text import parse
from fargate_guard.taskdef.layout import learn
from tests.taskdef.generated import all_images, definitions

BLANKS = ["", "", "", " ", "\n", "\n  ", "\n    ", "\t", "\r\n", "\n\n", " \n ", "   "]
chances = st.integers(0, 2**32).map(Random)
NAMES = st.sampled_from(["name", "Name", "sourceContainer", "a", "b", "c", "é", '"', "\\", ""])
SETTINGS = Settings("orchestrator", "5.0.1", orchestrator_host="h", logging="debug", priority="security")
IDENTITY = ("name", "Name", "sourceContainer")
scalars = st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=3) | st.sampled_from(["a", "b", 1.5])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
quick = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
long = settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))


def change(text: str, new: Any) -> str:
    """The text with a new value edited in, as a file's reader would do it."""
    return edited(text, parse(text), new, learn(text))


def written(value: Any, chance: Random) -> str:
    """A JSON text of a value, in a style that no program would choose."""

    def blank() -> str:
        return chance.choice(BLANKS)

    def string(item: str) -> str:
        return chance.choice([json.dumps(item), json.dumps(item, ensure_ascii=False), escaped(item)])

    def write(item: Any) -> str:
        if isinstance(item, dict):
            members = [f"{string(key)}{blank()}:{blank()}{write(inner)}" for key, inner in item.items()]
            return "{" + separated(members) + "}"
        if isinstance(item, list):
            return "[" + separated([write(inner) for inner in item]) + "]"
        if isinstance(item, str):
            return string(item)
        if type(item) is int:
            return chance.choice([str(item), f"{item}.0", f"{item}e0"])
        return json.dumps(item)

    def separated(members: list[str]) -> str:
        return blank() + ",".join(blank() + member + blank() for member in members)

    return chance.choice(["", "\ufeff"]) + blank() + write(value) + blank()


def escaped(text: str) -> str:
    """A string with every character escaped."""
    return '"' + "".join(f"\\u{unit:04X}" for unit in utf16(text)) + '"'


def utf16(text: str) -> list[int]:
    data = text.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[index : index + 2], "big") for index in range(0, len(data), 2)]


@st.composite
def extended(draw: st.DrawFn, value: Any) -> Any:
    """The value with things added inside of it, and empty places filled, as instrumentation does."""
    if isinstance(value, dict):
        items = [(key, inner if key in IDENTITY else draw(extended(inner))) for key, inner in value.items()]
        for key in draw(st.lists(st.sampled_from(["new", "name2", "x", "ü"]), max_size=2, unique=True)):
            items.insert(draw(st.integers(0, len(items))), (key, draw(values)))
        return dict(items)
    if isinstance(value, list):
        number = draw(st.integers(0, 2))
        added = [
            draw(extended(inner)) if inner is not None and (number == 0 or has_name(inner)) else inner
            for inner in value
        ]
        for index in range(number):
            item = draw(st.sampled_from([f"new {index}", {"name": f"new {index}", "value": "x"}]))
            added.insert(draw(st.integers(0, len(added))), dict(item) if isinstance(item, dict) else item)
        return added
    return draw(values) if value is None and draw(st.booleans()) else value


def has_name(item: Any) -> bool:
    """Whether an item of an array can be told from the others, however much of it is edited."""
    return isinstance(item, dict) and any(item.get(key) is not None for key in IDENTITY)


def mirrors(data: st.DataObject, value: Any) -> None:
    text = written(value, data.draw(chances))
    old = parse(text)
    new = data.draw(extended(old))
    result = change(text, new)
    assert json.loads(result.removeprefix("\ufeff")) == new
    assert change(result, old) == text


def is_undone(data: st.DataObject, definition: Any, images: Images) -> None:
    text = written(definition, data.draw(chances))
    document = read(text)
    try:
        result = instrument(document.definition, SETTINGS, images)
    except TaskDefinitionError:
        assume(False)
    instrumented = document.text(result.definition)
    assert (instrumented != text) == result.changed
    again = read(instrumented)
    assert again.text(uninstrument(again.definition)) == text


def arrives(data: st.DataObject, old: Any, new: Any) -> None:
    text = written(old, data.draw(chances))
    assert change(text, parse(text)) == text
    assert parse(change(text, new)) == new


@quick
@given(st.data(), values, values)
def test_any_value_can_be_edited_into_any_text(data: st.DataObject, old: Any, new: Any) -> None:
    arrives(data, old, new)


@quick
@given(st.data(), values)
def test_what_was_added_is_removed_to_the_byte(data: st.DataObject, value: Any) -> None:
    mirrors(data, value)


@settings(quick, max_examples=60)
@given(st.data(), definitions, all_images)
def test_an_instrumented_file_is_undone_to_the_byte(data: st.DataObject, definition: Any, images: Images) -> None:
    is_undone(data, definition, images)


@pytest.mark.long
@pytest.mark.timeout(7200)
@long
@given(st.data(), values, values)
def test_any_edit_for_many_more_cases(data: st.DataObject, old: Any, new: Any) -> None:
    arrives(data, old, new)
    mirrors(data, old)


@pytest.mark.long
@pytest.mark.timeout(7200)
@long
@given(st.data(), definitions, all_images)
def test_undoing_to_the_byte_for_many_more_cases(data: st.DataObject, definition: Any, images: Images) -> None:
    is_undone(data, definition, images)
