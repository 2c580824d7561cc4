"""What YAML means, and what is refused, with its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fargate_guard.formats import Syntax, read_source
from fargate_guard.formats.yaml_source import read_yaml
from fargate_guard.taskdef import NotATaskDefinitionError
from tests.formats.yaml_samples import SAM, TASK_DEFINITION, TEMPLATE

if TYPE_CHECKING:
    from fargate_guard.taskdef import Json

TEMPLATE_START = "Resources: {}\n"


def refusal(text: str) -> NotATaskDefinitionError:
    with pytest.raises(NotATaskDefinitionError) as caught:
        read_yaml(text)
    return caught.value


def test_a_task_definition_as_the_aws_cli_takes_it() -> None:
    source = read_source(TASK_DEFINITION)
    assert source.syntax is Syntax.YAML
    assert not source.is_template
    value: Any = source.value
    assert (value["cpu"], value["memory"], value["requiresCompatibilities"]) == ("512", "1024", ["FARGATE"])
    web, worker = value["containerDefinitions"]
    assert web["environment"][1] == {"name": "FEATURE_FLAGS", "value": "search, checkout"}
    assert worker["command"] == ["python", "-m", "worker"]
    assert (worker["environment"], worker["secrets"]) == ([], None)


def test_the_short_tags_of_a_template_are_read_in_their_long_form() -> None:
    source = read_source(TEMPLATE)
    assert source.is_template
    value: Any = source.value
    assert value["Conditions"] == {
        "Debug": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Stage"}, "prod"]}]},
        "Both": {"Fn::And": [{"Condition": "Debug"}, {"Fn::Equals": ["a", "a"]}]},
    }
    shop = value["Resources"]["Shop"]["Properties"]
    assert shop["ExecutionRoleArn"] == {"Fn::GetAtt": ["ExecutionRole", "Arn"]}
    assert shop["Family"] == {"Fn::Sub": "${AWS::StackName}-shop"}
    web, debugger = shop["ContainerDefinitions"]
    assert web["Command"] == {"Fn::If": ["Debug", ["nginx", "-v"], ["nginx"]]}
    assert web["Environment"][1]["Value"] == {"Fn::Select": [0, {"Fn::Split": [",", {"Ref": "Subnets"}]}]}
    assert debugger["Fn::If"][1]["Image"] == {"Fn::FindInMap": ["Images", {"Ref": "AWS::Region"}, "debug"]}
    assert debugger["Fn::If"][2] == {"Ref": "AWS::NoValue"}
    role = value["Resources"]["ExecutionRole"]["Properties"]
    assert role["UserData"] == {"Fn::Base64": {"Fn::Sub": "#!/bin/sh\necho ${Image}\n"}}
    assert role["AssumeRolePolicyDocument"]["Version"] == "2012-10-17"
    assert value["AWSTemplateFormatVersion"] == "2010-09-09"


def test_a_sam_template_is_a_template() -> None:
    assert read_source(SAM).is_template


@pytest.mark.parametrize(
    ("tag", "long"),
    [
        ("!GetAtt Stack.Outputs.Host", {"Fn::GetAtt": ["Stack", "Outputs.Host"]}),
        ("!GetAtt [Stack, Host]", {"Fn::GetAtt": ["Stack", "Host"]}),
        ("!GetAZs ''", {"Fn::GetAZs": ""}),
        ("!Cidr [a, 2, 8]", {"Fn::Cidr": ["a", 2, 8]}),
        ("!ToJsonString {a: 1}", {"Fn::ToJsonString": {"a": 1}}),
        ("!Length [1, 2]", {"Fn::Length": [1, 2]}),
        ("!Transform {Name: m}", {"Fn::Transform": {"Name": "m"}}),
        ("!Or [!Condition a, !Condition b]", {"Fn::Or": [{"Condition": "a"}, {"Condition": "b"}]}),
        ("!Ref 012", {"Ref": 10}),
        ("!Ref '012'", {"Ref": "012"}),
        ("!!str 012", "012"),
        ("! 012", "012"),
    ],
)
def test_tags(tag: str, long: Json) -> None:
    value: Any = read_yaml(f"{TEMPLATE_START}X: {tag}\n")
    assert value["X"] == long


@pytest.mark.parametrize(
    ("text", "in_template", "in_task_definition"),
    [
        ("yes", True, "yes"),
        ("off", False, "off"),
        ("y", "y", "y"),
        ("True", True, True),
        ("0777", 511, 777),
        ("0o17", "0o17", 15),
        ("0x1F", 31, 31),
        ("1_000", 1000, 1000),
        ("22:22", 1342, "22:22"),
        ("1e3", "1e3", 1000.0),
        ("1.5", 1.5, 1.5),
        ("012345678901", "012345678901", 12345678901),
        ("123456789012345678901234567890", 123456789012345678901234567890, 123456789012345678901234567890),
        ("2012-10-17", "2012-10-17", "2012-10-17"),
        ("2012-10-17T10:00:00Z", "2012-10-17T10:00:00Z", "2012-10-17T10:00:00Z"),
        ("~", None, None),
        ("nginx:1.27", "nginx:1.27", "nginx:1.27"),
        ("=", "=", "="),
    ],
)
def test_plain_words_mean_what_cloudformation_and_the_aws_cli_take_them_for(
    text: str, in_template: Json, in_task_definition: Json
) -> None:
    template: Any = read_yaml(f"{TEMPLATE_START}X: {text}\n")
    definition: Any = read_yaml(f"X: {text}\n")
    assert (template["X"], type(template["X"]) is bool) == (in_template, isinstance(in_template, bool))
    assert definition["X"] == in_task_definition


def test_keys_are_text_whatever_they_look_like() -> None:
    assert read_yaml("012345678901: a\nyes: b\n1.0: c\nnull: d\n") == {
        "012345678901": "a", "yes": "b", "1.0": "c", "null": "d",
    }  # fmt: skip


def test_anchors_aliases_and_merge_keys_are_read() -> None:
    value = read_yaml("a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\nd:\n  <<: [{x: 0}, *a]\n  z: 1\n")
    assert value == {
        "a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, "c": {"x": 1, "y": 3}, "d": {"x": 0, "y": 2, "z": 1},
    }  # fmt: skip


def test_what_an_alias_repeats_is_not_shared() -> None:
    value: Any = read_yaml("a: &a [1]\nb: *a\n")
    value["a"].append(2)
    assert value["b"] == [1]


def test_windows_files_and_byte_order_marks() -> None:
    assert read_yaml("\ufeffa: 1\r\nb:\r\n- x # c\r\n") == {"a": 1, "b": ["x"]}


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        (
            "a: 1\nb: {x: 1}\na: 2\n",
            "the key a stands twice in one object, first on line 1, column 1",
            "line 3, column 1",
        ),
        ("a: !Reff b\n", "the tag !Reff is not known", "line 1, column 4"),
        ("a: !!binary aGk=\n", "the tag !!binary is not known", "line 1, column 4"),
        ("a: !!set {x, y}\n", "the tag !!set is not known", "line 1, column 4"),
        ("a: 1\n---\nb: 1\n", "several YAML documents in one file", "line 2, column 1"),
        ("a:\n\tb: 1\n", "not YAML: a tab where only spaces may indent", "line 2, column 1"),
        ("a: b: c\n", "not YAML: a colon where no key can be", "line 1, column 5"),
        (
            "a: [1, 2\nb: 3\n",
            "not YAML: a bracket that is not closed, or a comma that is missing",
            "line 2, column 2",
        ),
        ("a: 'x\n", "not YAML: quotation marks that are not closed", "line 2, column 1"),
        ("a: *b\n", "the alias *b stands for nothing", "line 1, column 4"),
        ("a: &a [*a]\n", "the alias *a stands inside of what it repeats", "line 1, column 8"),
        ("a: .nan\n", ".nan is no number that AWS takes", "line 1, column 4"),
        ("? [a]\n: b\n", "a key that is a list or an object", "line 1, column 3"),
        ("a:\n  <<: 1\n", "<< merges objects, and this is none", "line 2, column 7"),
        ("a: !!int x\n", "'x' is no !!int", "line 1, column 4"),
        ("# nothing\n", "the input is empty", None),
        ("", "the input is empty", None),
    ],
)
def test_what_cannot_be_certain_is_refused_with_its_place(text: str, message: str, where: str | None) -> None:
    error = refusal(text)
    assert (error.message, error.where, error.exit_code) == (message, where, 64)


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert refusal("\n".join(lines)).message == "aliases stand for too much"


def test_endless_nesting_is_refused() -> None:
    assert "levels deep" in refusal("[" * 5000).message


yamlish = st.text(alphabet=st.sampled_from("ab01 :-\n\t#'\"[]{},&*!|>?%@~<.\\\r\ufeffé"), max_size=40)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(yamlish | st.text(max_size=30))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        read_yaml(text)
    except NotATaskDefinitionError as refused:
        where = refused.where
    else:
        where = None
    assert where is None or re.fullmatch(r"line \d+, column \d+", where)
