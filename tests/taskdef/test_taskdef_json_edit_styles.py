"""What is added to a JSON text looks like its neighbours; every example is also taken back to the byte."""

from __future__ import annotations

import json
import time
from typing import Any, NamedTuple

import pytest

from fargate_guard.taskdef.json_edit import edited
from fargate_guard.taskdef.json_text import parse
from fargate_guard.taskdef.layout import learn

SIDECAR = {"name": "agent", "essential": False}


class Example(NamedTuple):
    """An edit."""

    before: str
    value: Any
    after: str


EXAMPLES = {
    "items that begin on their opening line": Example(
        '{\n  "containers": [{\n    "name": "web"\n  }]\n}\n',
        {"containers": [{"name": "web", "cpu": 1}, SIDECAR]},
        '{\n  "containers": [{\n    "name": "web",\n    "cpu": 1\n  }, {\n    "name": "agent",\n'
        '    "essential": false\n  }]\n}\n',
    ),
    "commas that lead": Example(
        '{ "family": "web"\n, "tags":\n  [ { "key": "a" }\n  , { "key": "b" }\n  ]\n}',
        {"family": "web", "pidMode": "task", "tags": [{"key": "a"}, {"key": "b"}, {"key": "c"}]},
        '{ "family": "web"\n, "pidMode": "task"\n, "tags":\n  [ { "key": "a" }\n  , { "key": "b" }\n'
        '  , { "key": "c" }\n  ]\n}',
    ),
    "blank lines, which are not copied": Example(
        '{\n\n  "family": "web",\n\n  "cpu": "1"\n\n}',
        {"family": "web", "cpu": "1", "pidMode": "task"},
        '{\n\n  "family": "web",\n\n  "cpu": "1",\n  "pidMode": "task"\n\n}',
    ),
    "tabs and windows line ends": Example(
        '{\r\n\t"environment": [\r\n\t\t{"name": "A"}\r\n\t]\r\n}\r\n',
        {"environment": [{"name": "A"}, {"name": "B"}], "pidMode": "task"},
        '{\r\n\t"environment": [\r\n\t\t{"name": "A"},\r\n\t\t{"name": "B"}\r\n\t],\r\n\t"pidMode": "task"\r\n}'
        "\r\n",
    ),
    "colons with room": Example(
        '{\n  "family" : "web",\n  "cpu" : "1"\n}',
        {"family": "web", "cpu": "1", "pidMode": "task"},
        '{\n  "family" : "web",\n  "cpu" : "1",\n  "pidMode" : "task"\n}',
    ),
    "one line with wide brackets": Example(
        '{ "a": [ 1, 2 ], "b": [ ] }',
        {"a": [0, 1, 2], "b": ["x"], "c": {"d": []}},
        '{ "a": [ 0, 1, 2 ], "b": [ "x"], "c": { "d": [] } }',
    ),
    "one line without any room": Example(
        '{"a":[1,2],"b":{}}',
        {"a": [1, 2, {"c": None}], "b": {"d": True}},
        '{"a":[1,2,{"c":null}],"b":{"d":true}}',
    ),
    "a slash behind a backslash, which is no escaped slash": Example(
        '{\n  "command": ["C:\\\\/x"]\n}\n',
        {"command": ["C:\\/x"], "image": "a/b"},
        '{\n  "command": ["C:\\\\/x"],\n  "image": "a/b"\n}\n',
    ),
    "slashes as PHP writes them": Example(
        '{"image": "docker.io\\/nginx"}',
        {"image": "docker.io/nginx", "entryPoint": ["/x"]},
        '{"image": "docker.io\\/nginx", "entryPoint": ["\\/x"]}',
    ),
    "letters that are escaped": Example(
        '{"a": "gr\\u00fc\\u00dfe"}', {"a": "grüße", "ü": "é"}, '{"a": "gr\\u00fc\\u00dfe", "\\u00fc": "\\u00e9"}'
    ),
    "an array that is alone in its style": Example(
        '{\n    "command": ["nginx"],\n    "ports": [\n        80\n    ]\n}',
        {"command": ["/instrument", "nginx"], "ports": [80, 443]},
        '{\n    "command": ["/instrument", "nginx"],\n    "ports": [\n        80,\n        443\n    ]\n}',
    ),
    "a container inside of an intrinsic, and one behind it": Example(
        '[\n  {"Fn::If": ["Prod", {"Name": "web",   "Cpu": 1.0}, {"Ref": "AWS::NoValue"}]}\n]',
        [
            {"Fn::If": ["Prod", {"Name": "web", "Cpu": 1.0, "Tty": True}, {"Ref": "AWS::NoValue"}]},
            {"Name": "agent"},
        ],
        '[\n  {"Fn::If": ["Prod", {"Name": "web",   "Cpu": 1.0,   "Tty": true}, {"Ref": "AWS::NoValue"}]},\n'
        '  {"Name": "agent"}\n]',
    ),
}


@pytest.mark.parametrize("style", EXAMPLES)
def test_an_addition_looks_like_its_neighbours_and_can_be_taken_back(style: str) -> None:
    before, value, after = EXAMPLES[style]
    assert edited(before, parse(before), value, learn(before)) == after
    assert edited(after, parse(after), parse(before), learn(after)) == before


REPLACEMENTS = [
    ('{"a": 1, "b":  [1,2,3]}', {"a": 1, "b": [1, 3]}, '{"a": 1, "b":  [1,3]}'),
    ('{"a": 1, "b": 2}', {"b": 2}, '{"b": 2}'),
    ('{\n  "a": 1,\n  "b": 2\n}', {"a": 1}, '{\n  "a": 1\n}'),
    ('{"a": 1}', {}, "{}"),
    ('{"a": [1]}', {"a": {"b": 1}}, '{"a": {"b": 1}}'),
    ('[true, 1, 1.0, "1"]', [1, 1, 1.0, "1"], '[1, 1, 1.0, "1"]'),
    ('{"b": 1, "a": [2]}', {"a": [2], "b": 1}, '{"b": 1, "a": [2]}'),
    ('[{"name": "a", "v": 1}, {"name":"b"}]', [{"name": "b"}], '[{"name":"b"}]'),
    ("[1,  2,  3,  4,  5]", [1, 9, 3, 7, 5], "[1,  9,  3,  7,  5]"),
    (" null \n", {"a": 1}, ' {"a": 1} \n'),
    ('["a",  "b", "c"]', ["c", "x", "y", "b"], '["c", "x", "y", "b"]'),
]


@pytest.mark.parametrize(("before", "value", "after"), REPLACEMENTS)
def test_only_what_differs_is_written(before: str, value: Any, after: str) -> None:
    result = edited(before, parse(before), value, learn(before))
    assert json.loads(result) == value
    assert result == after


def test_a_long_array_and_a_long_file_are_edited_like_short_ones() -> None:
    old = {"containerDefinitions": [{"name": f"c{number}", "cpu": number} for number in range(3000)]}
    new = {"containerDefinitions": [*reversed(old["containerDefinitions"]), SIDECAR]}
    for indent in (None, 1):
        text = json.dumps(old, indent=indent)
        assert edited(text, old, new, learn(text)) == json.dumps(new, indent=indent)


def test_very_long_arrays_without_anything_in_common_take_no_time() -> None:
    old, new = [f"a{number}" for number in range(20_000)], [f"b{number}" for number in range(20_001)]
    text = json.dumps(old, indent=1)
    start = time.process_time()
    assert edited(text, old, new, learn(text)) == json.dumps(new, indent=1)
    assert time.process_time() - start < 5


def test_the_text_of_another_value_is_not_edited() -> None:
    with pytest.raises(ValueError, match="not the text of the value"):
        edited("[ 1 ]", {"a": 1}, {"a": 2}, learn("[ 1 ]"))


def test_numbers_that_are_equal_keep_their_own_spelling() -> None:
    text = '{"sizes": [ {"cpu": 1}] }'
    new = parse('{"sizes": [{"cpu": 1}, {"cpu": 1.0}, {"cpu": 1.00}]}')

    assert edited(text, parse(text), new, learn(text)) == '{"sizes": [ {"cpu": 1}, {"cpu": 1.0}, {"cpu": 1.00}] }'
