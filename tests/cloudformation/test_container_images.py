"""What `fguard images` shows of the containers of a template."""

from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from fargate_guard.cli.main import app
from fargate_guard.cloudformation import explain_template
from fargate_guard.cloudformation.intrinsics import Opaque
from fargate_guard.cloudformation.resolving import Text
from fargate_guard.formats import read_source

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = """\
Parameters:
  Arguments: {Type: CommaDelimitedList, Default: "a,b"}
  Image: {Type: String, Default: "nginx:1.27"}
  Tag: {Type: String, Default: "2"}
  Env: {Type: String}
Conditions:
  IsProd: !Equals [!Ref Env, prod]
Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      RequiresCompatibilities: [FARGATE]
      NetworkMode: awsvpc
      ContainerDefinitions:
        - {Name: literal, Image: busybox, EntryPoint: [/x, !Ref Env], Command: !Ref Arguments}
        - {Name: parameter, Image: !Ref Image, EntryPoint: [/x]}
        - {Name: substituted, Image: !Sub "nginx:${Tag}", EntryPoint: [/x]}
        - {Name: unknown, Image: !Ref Env, EntryPoint: [/x]}
        - {Name: either, Image: !If [IsProd, "a:1", "b:1"], EntryPoint: [/x]}
        - !If [IsProd, {Name: inside, Image: "c:1", EntryPoint: [/x]}, !Ref AWS::NoValue]
"""


@pytest.fixture
def shown(tmp_path: Path) -> Any:
    """What the command prints."""
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)

    def show(*flags: str) -> str:
        ran = CliRunner().invoke(app, ("images", str(path), "--offline", *flags))
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    return show


def test_every_image_of_a_template_is_shown_with_where_it_comes_from(shown: Any) -> None:
    lines = [line.strip() for line in shown().splitlines() if line.startswith("  Task/")]
    assert lines == [
        "Task/literal: busybox",
        "Task/parameter: nginx:1.27 (from the default of parameter Image)",
        "Task/substituted: nginx:2 (from the default of parameter Tag)",
        "Task/unknown: ${Env} (only known when it is deployed)",
        "Task/either (when IsProd is true): a:1",
        "Task/either (when IsProd is false): b:1",
        "Task/inside: c:1",
    ]


def test_arguments_that_are_functions_are_shown_in_short_words(shown: Any) -> None:
    assert '["/x", "${Env}"]' in shown()
    assert '["/x", "prod"]' in shown("--parameter", "Env=prod")
    found = json.loads(shown("--json"))
    literal = next(one for one in found["containers"] if one["container"] == "literal")
    assert (literal["entry_point"], literal["command"]) == (["/x", "${Env}"], ["${Arguments}"])


def test_a_function_in_the_place_of_a_text_can_be_copied_and_pickled() -> None:
    one = Opaque("x", {"Ref": "X"}, Text((None,)), is_list=True)
    for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert (other, other.intrinsic, other.source, other.is_list) == ("x", {"Ref": "X"}, Text((None,)), True)


def test_an_explanation_of_a_template_holds_plain_texts_only() -> None:
    for _, explanation in explain_template(read_source(TEMPLATE).value):
        for one in explanation.containers:
            assert {type(text) for text in (one.name, *one.entry_point, *one.command, *one.runs)} == {str}
