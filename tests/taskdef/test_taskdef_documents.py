"""JSON texts: what they are is found from their content, and they come back in their own layout."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fargate_guard.taskdef import Settings, Shape, TaskDefinitionError, diff, instrument, read, uninstrument
from fargate_guard.taskdef.layout import learn

COMPACT_STYLE = """\
{
    "family": "web",
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "containerDefinitions": [
        {
            "name": "web",
            "image": "nginx:1.27",
            "entryPoint": ["/docker-entrypoint.sh"],
            "command": ["nginx", "-g", "daemon off;"],
            "mountPoints": [],
            "environment": [
                {"name": "GREETING", "value": "grüße \\"x\\" ${y} 🚀"}
            ],
            "stopTimeout": 30.0
        }
    ]
}
"""

LAYOUTS = {
    "hand-written": COMPACT_STYLE,
    "a margin": COMPACT_STYLE.rstrip().replace("\n", "\n  "),
    "tabs": COMPACT_STYLE.replace("    ", "\t"),
    "windows line ends": COMPACT_STYLE.replace("\n", "\r\n"),
    "no newline at the end": COMPACT_STYLE.rstrip(),
    "byte order mark": "\ufeff" + COMPACT_STYLE,
    "one per line": json.dumps(json.loads(COMPACT_STYLE), indent=2, ensure_ascii=False),
    "escaped": json.dumps(json.loads(COMPACT_STYLE), indent=1),
    "minified": json.dumps(json.loads(COMPACT_STYLE), separators=(",", ":"), ensure_ascii=False),
    "padded": COMPACT_STYLE.replace('["', '[ "').replace('"]', '" ]').replace('{"', '{ "').replace('"}', '" }'),
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_undoing_gives_the_very_text_back(text: str, orchestrator: Settings) -> None:
    document = read(text)
    instrumented = document.text(instrument(document.definition, orchestrator).definition)
    assert instrumented != text
    again = read(instrumented)
    assert again.text(uninstrument(again.definition)) == text


def test_a_change_touches_only_its_own_lines(orchestrator: Settings) -> None:
    document = read(COMPACT_STYLE)
    text = document.text(instrument(document.definition, orchestrator).definition)
    changes = diff(COMPACT_STYLE, text, "web.json").splitlines()
    assert changes[:2] == ["--- web.json", "+++ web.json (new)"]
    assert [line for line in changes[2:] if line.startswith("-")] == [
        '-            "entryPoint": ["/docker-entrypoint.sh"],',
        '-                {"name": "GREETING", "value": "grüße \\"x\\" ${y} 🚀"}',
        '-            "stopTimeout": 30.0',
        "-    ]",
    ]
    assert '+            "entryPoint": ["/opt/draios/bin/instrument", "/docker-entrypoint.sh"],' in changes
    assert '+                {"name": "SYSDIG_SIDECAR", "value": "auto"}' in changes


def test_a_diff_of_definitions_and_of_nothing(web: dict[str, Any], orchestrator: Settings) -> None:
    assert diff(web, web, "web") == ""
    assert '+  "pidMode": "task"' in diff(web, instrument(web, orchestrator).definition, "web")
    assert "No newline at end of file" in diff("[]", "[1]", "x")


@pytest.mark.parametrize("number", ["1.0", "1e3", "-0", "-0.0", "1E-400", "9" * 40])
def test_numbers_keep_their_text(web: dict[str, Any], number: str, orchestrator: Settings) -> None:
    text = json.dumps(web).replace('"512"', number)
    document = read(text)
    assert number in document.text(instrument(document.definition, orchestrator).definition)
    assert learn(text).write(document.definition) == text


def test_a_lone_surrogate_stays_an_escape(web: dict[str, Any], orchestrator: Settings) -> None:
    web["family"] = "PLACEHOLDER"
    text = json.dumps(web).replace("PLACEHOLDER", "é\\ud800")
    document = read(text)
    written = document.text(instrument(document.definition, orchestrator).definition)
    assert "é\\ud800" in written
    written.encode()


SHAPES = [
    ('{"containerDefinitions": [{"name": "a"}]}', Shape.REGISTER),
    ('{"taskDefinition": {"containerDefinitions": [{"name": "a"}]}, "tags": []}', Shape.DESCRIBE),
    ('[{"name": "a"}]', Shape.CONTAINERS),
    ('{"ContainerDefinitions": [{"Name": "a"}]}', Shape.REGISTER),
]


@pytest.mark.parametrize(("text", "shape"), SHAPES)
def test_the_shape_is_found_from_the_content(text: str, shape: Shape) -> None:
    assert read(text).shape is shape


NOT_TASK_DEFINITIONS = [
    ("", None, "the input is empty"),
    ('{"a": 1 "b": 2}', "line 1, column 9", "not JSON"),
    ('{\n  "a": [1 2]\n}', "line 2, column 11", "not JSON"),
    ("family: web\n", "line 1, column 1", "not JSON"),
    ("{}", "$", "valid JSON but no container definitions at $.containerDefinitions"),
    ('{"taskDefinition": "web:3"}', "$", "valid JSON but no container definitions at $.containerDefinitions"),
    ('{"apiVersion": "apps/v1", "kind": "Deployment"}', "$", "this is a Kubernetes Deployment"),
    ('{"Resources": {}}', "$", "this is a CloudFormation template"),
    ('{"services": {"web": {}}}', "$", "this is a Compose file"),
    ('{"name": "web", "image": "x"}', "$", "this is a single container definition"),
    ('{"taskDefinitionArns": []}', "$", "this is the output of list-task-definitions"),
    ('{"services": [], "failures": []}', "$", "this is the output of describe-services"),
    ("[]", "$", "the array of container definitions is empty"),
    ("[1]", "$[0]", "expected a container definition (an object), found a number"),
    ('{"containerDefinitions": {}}', "$.containerDefinitions", "expected an array of container definitions"),
    ('"web"', "$", "a string is not a task definition"),
    ('{"a": NaN}', "line 1, column 7", "NaN is not JSON"),
    ('{"NaN": "\\"NaN", \n "a": -Infinity}', "line 2, column 7", "-Infinity is not JSON"),
    ('[{"name": "a", "x": {"b": 1, "b": 2}}]', "$[0].x.b", "a key stands twice"),
    ('[{"name": "a", "x": 1E400}]', None, "a number out of range"),
    ('[{"name": "a", "x": ' + "9" * 5000 + "}]", None, "a number out of range"),
    ("[" * 100_000, None, "nested"),
    ("[" * 200 + "]" * 200, None, "nested more than 100 levels deep"),
]


@pytest.mark.parametrize(
    ("text", "where", "message"), NOT_TASK_DEFINITIONS, ids=[c[2] for c in NOT_TASK_DEFINITIONS]
)
def test_what_it_is_not_is_said(text: str, where: str | None, message: str) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        read(text)
    assert caught.value.message.startswith(message) or message in caught.value.message
    assert caught.value.where == where
