"""Texts of one line that Python's encoder would write in the same way, and those that only look so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fargate_guard.taskdef.document import read_json
from fargate_guard.taskdef.json_edit import edited
from fargate_guard.taskdef.layout import learn
from fargate_guard.taskdef.one_line import read_one_line
from tests.taskdef.generated import json_values

STYLES = {"Python's": (", ", ": "), "JavaScript's": (",", ":")}


@pytest.mark.parametrize("separators", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("around", [("", ""), ("\ufeff", "\n"), (" ", " \n\n")])
def test_both_usual_styles_are_known_and_kept(separators: tuple[str, str], around: tuple[str, str]) -> None:
    before, after = {"a": ["x", {"b": 1}], "é": None}, {"a": ["x", {"b": 2, "c": True}], "é": 1.5}
    texts = [
        around[0] + json.dumps(value, separators=separators, ensure_ascii=False) + around[1]
        for value in (before, after)
    ]
    assert read_one_line(texts[0]) is not None
    assert read_json(texts[0]).write(after) == texts[1]
    assert read_json(texts[0]).write(before) == texts[0]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 1}',
        '{"a": 1, "a": 2}',
        '{"a": 1.50}',
        '{"a": "\\/"}',
        '{"a":1, "b": 2}',
        '{"a": 1}\n{"b": 2}',
        '{"a": "\\u00e9", "b": "é"}',
        '{"a": 1',
        '{"a": 1}\xa0',
        '\u2028{"a": 1}',
        "",
        " \n",
    ],
)
def test_anything_else_is_for_the_parser_that_loses_nothing(text: str) -> None:
    assert read_one_line(text) is None


@given(json_values, json_values, st.sampled_from(list(STYLES.values())), st.booleans())
def test_the_encoder_writes_what_the_editor_writes(
    before: Any, after: Any, separators: tuple[str, str], ascii_only: bool
) -> None:
    text = json.dumps(before, separators=separators, ensure_ascii=ascii_only)
    found = read_json(text)
    if found.one_line is None:
        return
    written = found.write(after)
    assert json.loads(written) == json.loads(edited(text, before, after, learn(text))) == after
