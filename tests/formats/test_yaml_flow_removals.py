"""Whatever goes out of brackets that stand on several lines, comments stay and commas fit."""

from __future__ import annotations

from itertools import chain, combinations

import pytest

from fargate_guard.formats.yaml_source import edited_yaml, read_yaml


@pytest.mark.parametrize(
    "text",
    [
        "{a: 1,    # a comment, with a comma\r\n  b: 2, \r\n  c: 3, d: 4}\r\n",
        "{a: 1,    # one\n  b: 2, # two\n  c: 3, # three\n  d: 4}\n",
        "{a: 1,  b: 2, c: 3, # one\n  d: 4, e: 5,\n f: 6}\n",
        "{a: 1,  # one\n  b: 2, c: 3\n  # the end\n  }\n",
    ],
)
def test_any_members_can_be_taken_out(text: str) -> None:
    old = read_yaml(text)
    for gone in chain.from_iterable(combinations(old, count) for count in range(len(old))):
        new = {key: value for key, value in old.items() if key not in gone}
        assert read_yaml(edited_yaml(text, old, new)) == new
