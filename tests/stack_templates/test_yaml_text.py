"""Whatever a value is, YAML's readers read it back as it was; and the text is ASCII."""

from __future__ import annotations

import io
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from cfnlint.decode import cfn_yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fargate_guard.stacks.yaml_text import block, get_att, join, ref, scalar, sub, with_literal

SAMPLES = [
    *("", " ", "~", "null", "true", "No", "ON", "y", "1", "0x1f", "1e3", ".5", "012", "1_000", "12:30:45"),
    *("2024-01-01", "=", "<<", "- a", "a: b", "a #b", "#", "!Ref X", "*a", "&a", "%", "@", "`", "|", ">"),
    *("a\nb", "a\nb\n", "a\n\nb", "a\n\n", "\na", " a\nb", "a \nb", "a\n b\n", "a\n\tb", "a:\n", "\\n"),
    *("\x7f", "\x85", "\u2028", "\ufeff", "\U0001f680", "---", "...", "a:", "a:b", "'", '"', "Ref", "a, b"),
    *("[a]", "{a}", "${x}"),
]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30) | st.sampled_from(SAMPLES)
VALUES = st.recursive(
    TEXT | st.integers(-(2**40), 2**40) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(TEXT, VALUES, min_size=1, max_size=3)


def read_by_all(text: str) -> list[Any]:
    return [yaml.load(text, yaml.CSafeLoader), YAML(typ="safe").load(io.StringIO(text))]


@settings(deadline=None, max_examples=100)
@given(document=DOCUMENTS)
def test_a_value_is_read_back(document: dict[str, Any]) -> None:
    text = block(document, 0) + "\n"
    assert text.isascii()
    assert read_by_all(text) == [document, document]


@pytest.mark.long
@settings(deadline=None, max_examples=10_000)
@given(document=DOCUMENTS)
def test_ten_thousand_values_are_read_back(document: dict[str, Any]) -> None:
    assert read_by_all(f"    {block(document, 4)}\n") == [document, document]


@settings(deadline=None, max_examples=50)
@given(text=TEXT)
def test_text_in_a_function_is_read_back(text: str) -> None:
    body = block({"Outputs": {"A": {"Value": join(ref("X"), text, get_att("Y.Z"))}}}, 0)
    loaded = cfn_yaml.loads(f"{body}\n")
    expected = {"Fn::Join": ["", [{"Ref": "X"}, text, {"Fn::GetAtt": ["Y", "Z"]}]]}
    assert loaded["Outputs"]["A"]["Value"] == expected


def test_text_that_a_user_wrote_never_goes_through_sub() -> None:
    assert with_literal("arn:${AWS::Partition}:", "name") == sub("arn:${AWS::Partition}:name")
    assert with_literal("arn:${AWS::Partition}:", "${name}") == join(sub("arn:${AWS::Partition}:"), "${name}")


def test_several_lines_stay_several_lines() -> None:
    assert block({"key": "log:\n level: info\n"}, 2) == "key: |\n    log:\n     level: info"


@pytest.mark.parametrize("text", ["Sysdig collector", "quay.io/sysdig/agent:5.0.1", "VPC's address block"])
def test_plain_words_are_not_quoted(text: str) -> None:
    assert scalar(text) == text
