"""Items that come again and become the same object are edited as each would be by itself."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fargate_guard.taskdef.json_edit import edited
from fargate_guard.taskdef.json_text import parse
from fargate_guard.taskdef.layout import learn

texts = st.sampled_from(["web", "log", "é", ""])
containers = st.dictionaries(texts, texts | st.lists(texts, max_size=2) | st.integers(0, 2), max_size=3)
orders = st.lists(st.integers(0, 2), min_size=2, max_size=6)


@given(
    st.lists(containers, min_size=3, max_size=3),
    st.lists(containers, min_size=3, max_size=3),
    orders,
    st.sampled_from([None, 0, 1, 4, "\t"]),
)
def test_shared_objects_are_written_like_separate_ones(
    old: list[Any], new: list[Any], order: list[int], indent: int | str | None
) -> None:
    text = json.dumps({"a": [old[index] for index in order], "b": [old[index] for index in order]}, indent=indent)
    shared = {name: [new[index] for index in order] for name in ("a", "b")}
    value = parse(text)
    separate = {name: [deepcopy(item) for item in items] for name, items in shared.items()}
    assert edited(text, value, shared, learn(text)) == edited(text, value, separate, learn(text))


@pytest.mark.parametrize("opening", ['{"name"', '{ "name"', '{\n    "name"'])
def test_alike_items_on_differently_begun_lines_keep_their_own_lines(opening: str) -> None:
    item = opening + ': "web"\n  }'
    text = f"[\n  {item},\n  {item},\n      {item}, {item}\n]\n"
    new = {"name": "web", "cpu": 1}
    written = edited(text, parse(text), [new] * 4, learn(text))
    assert written == edited(text, parse(text), [dict(new) for _ in range(4)], learn(text))
    assert parse(written) == [new] * 4


def test_alike_items_on_one_line_are_edited_each_by_itself() -> None:
    item = '{"name": "a"}'
    text = f'{{"one": {{"c": [\n{item}]}}, "other": {{"c": [{item}, {item}]}}}}\n'
    new = {"name": "b", "cpu": 1}
    value = {"one": {"c": [new]}, "other": {"c": [new, new]}}
    assert parse(edited(text, parse(text), value, learn(text))) == value
