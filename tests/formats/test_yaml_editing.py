"""Edits in YAML change what they must and nothing else."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.formats.yaml_source import edited_yaml, read_yaml
from fargate_guard.taskdef import TaskDefinitionError
from tests.formats.yaml_samples import TASK_DEFINITION, TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.taskdef import Json

SIDECAR = {"Name": "Side", "Image": {"Fn::Sub": "${Image}-side"}, "Environment": [{"Name": "A", "Value": "yes"}]}
IF = {"Fn::If": ["Debug", SIDECAR, {"Ref": "AWS::NoValue"}]}


def edit(text: str, change: Callable[[Any], object]) -> str:
    """The text after a change of its value; the change can be taken back."""
    old = read_yaml(text)
    new: Json = deepcopy(old)
    change(new)
    changed = edited_yaml(text, old, new)
    assert read_yaml(changed) == new
    return changed


def edit_and_undo(text: str, change: Callable[[Any], object]) -> str:
    changed = edit(text, change)
    assert edited_yaml(changed, read_yaml(changed), read_yaml(text)) == text
    return changed


def refusal(text: str, change: Callable[[Any], object]) -> TaskDefinitionError:
    with pytest.raises(TaskDefinitionError) as caught:
        edit(text, change)
    return caught.value


def test_an_unchanged_value_is_the_very_same_text() -> None:
    for text in (TASK_DEFINITION, TEMPLATE):
        assert edit(text, lambda _: None) == text


def test_functions_are_added_with_short_tags_where_the_file_uses_them() -> None:
    def containers(value: Any) -> Any:
        return value["Resources"]["Shop"]["Properties"]["ContainerDefinitions"]

    changed = edit_and_undo(TEMPLATE, lambda value: containers(value).append(IF))
    assert (
        "          - !Ref AWS::NoValue   # left out in prod\n"
        "        - !If\n"
        "          - Debug\n"
        "          - Name: Side\n"
        "            Image: !Sub ${Image}-side\n"
        "            Environment:\n"
        "              - Name: A\n"
        '                Value: "yes"\n'
        "          - !Ref AWS::NoValue\n"
        "\n"
        "  ExecutionRole:"
    ) in changed


def test_cfn_lint_reads_an_edited_template_as_we_do() -> None:
    from cfnlint.decode import decode_str

    def add(value: Any) -> None:
        value["Resources"]["Shop"]["Properties"]["ContainerDefinitions"].append(IF)

    changed = edit(TEMPLATE, add)
    decoded, problems = decode_str(changed)
    assert not problems
    assert json.loads(json.dumps(decoded, default=str)) == read_yaml(changed)


def test_functions_are_added_in_their_long_form_where_the_file_has_no_tags() -> None:
    text = "Resources:\n  T:\n    Type: x\n    P:\n    - a\n"
    changed = edit_and_undo(text, lambda value: value["Resources"]["T"]["P"].append({"Ref": "AWS::Region"}))
    assert changed == f"{text}    - Ref: AWS::Region\n"


def test_two_tags_never_follow_each_other() -> None:
    nested = {"Fn::Base64": {"Fn::Sub": "${A}"}}
    changed = edit_and_undo("A: !Ref B\n", lambda value: value.update(C=nested, D={"Fn::GetAtt": ["E", "F.G"]}))
    assert changed == "A: !Ref B\nC:\n  Fn::Base64: !Sub ${A}\nD: !GetAtt E.F.G\n"


def test_inside_of_a_function_only_the_changed_branch_is_edited() -> None:
    text = "A: !If [Debug, {Name: web}, !Ref AWS::NoValue]   # c\n"
    changed = edit_and_undo(text, lambda value: value["A"]["Fn::If"][1].update(Essential=True))
    assert changed == "A: !If [Debug, {Name: web, Essential: true}, !Ref AWS::NoValue]   # c\n"


@pytest.mark.parametrize(
    "word",
    [
        *("yes", "No", "on", "y", "1.0", "1e3", "1_000", "0777", "22:22", "null", "~", "", " x", "x ", "a: b"),
        *("a #b", "*a", "&a", "!a", "%a", "@a", "`a", "-", "- a", "a\nb", "é", "🙂", "2012-10-17", ".5", "<<"),
        *("...", "a\x00b", "\\", "[a]", "{a}", "#", "|", ">", "? a", "\u2028", "\ud800", "\x85", "'a'", '"a"'),
    ],
)  # fmt: skip
def test_text_is_quoted_wherever_a_reader_could_take_it_for_something_else(word: str) -> None:
    for start in ("Resources: {}\n", "name: x\n", "list: [a]\nmap: {a: b}\n"):
        changed = edit_and_undo(start, lambda value: value.update(new=word, nested=[word, {word: word}]))
        assert changed.partition("new: ")[2][0] in "\"'"


@pytest.mark.parametrize(
    "word", ["nginx:1.27", "/opt/x", "arn:aws:iam::1:role/x", "daemon off;", "it's", "./run.sh"]
)
def test_text_that_nobody_can_mistake_stays_plain(word: str) -> None:
    assert edit_and_undo("a: 1\n", lambda value: value.update(b=word)) == f"a: 1\nb: {word}\n"


@pytest.mark.parametrize("null", ["", " null", " ~"])
@pytest.mark.parametrize("new", ["text", ["a"], {"a": 1}])
def test_every_way_to_write_nothing_comes_back(null: str, new: Json) -> None:
    edit_and_undo(f"a:\n  b:{null}   # nothing\n  c: 1\n", lambda value: value["a"].update(b=new))


@pytest.mark.parametrize("empty", ["[]", "[ ]", "  []", "[]  # none"])
def test_every_way_to_write_an_empty_list_comes_back(empty: str) -> None:
    edit_and_undo(f"a: {empty}\nb: 1\n", lambda value: value.update(a=["x", {"y": 1}]))


def test_comments_in_a_list_in_brackets_stay_where_they_are() -> None:
    text = 'a: [\n  "x",  # one\n  "y"  # two\n]\n'
    changed = edit_and_undo(text, lambda value: value["a"].append("z"))
    assert changed == 'a: [\n  "x",  # one\n  "y",  # two\n  "z"\n]\n'
    changed = edit_and_undo(text, lambda value: value["a"].insert(0, "w"))
    assert changed == 'a: [\n  "w",\n  "x",  # one\n  "y"  # two\n]\n'


def test_a_pair_in_a_list_gets_its_braces() -> None:
    assert edit("a: [b: 1, c]\n", lambda value: value["a"][0].update(d=2)) == "a: [{b: 1, d: 2}, c]\n"


def test_removing_takes_no_foreign_comment() -> None:
    text = "a:\n  # above\n  - x  # x's own\n  # between\n  - y\n  # behind\nb: 1\n"
    assert edit(text, lambda value: value["a"].pop()) == text.replace("  - y\n", "")
    assert edit(text, lambda value: value["a"].pop(0)) == text.replace("  - x  # x's own\n", "")
    assert edit(text, lambda value: value["a"].clear()).startswith("a: []\n  # above\n")


def test_the_first_key_behind_a_dash_can_be_removed_and_preceded() -> None:
    text = "- kind: x  # c\n  # about the image\n  image: v\n"
    assert edit(text, lambda value: value[0].pop("kind")) == "- # about the image\n  image: v\n"
    assert edit_and_undo("- image: v\n", lambda value: value.__setitem__(0, {"kind": "x", **value[0]})) == (
        "- kind: x\n  image: v\n"
    )


def test_quoting_and_spacing_of_a_replaced_text_stay() -> None:
    text = "a:   'x'   # c\nb: \"y\"\nc: !Sub 'z'\n"

    def change(value: Any) -> None:
        value.update(a="1", b="2", c={"Fn::Sub": "3"})

    assert edit_and_undo(text, change) == "a:   '1'   # c\nb: \"2\"\nc: !Sub '3'\n"


def test_a_text_over_several_lines_stays_as_it_is() -> None:
    text = "a: |+\n  x\n\nb: >-\n  y\n  z\n\n\nc: 1\n"
    changed = edit_and_undo(text, lambda value: value.update(d=2, b2={"x": 1}))
    assert changed == f"{text}d: 2\nb2:\n  x: 1\n"


def test_what_an_alias_repeats_is_edited_once_when_all_users_want_the_same() -> None:
    def everywhere(value: Any) -> None:
        for name in "ab":
            value[name].append("z")

    assert edit_and_undo("a: &x [y]\nb: *x\n", everywhere) == "a: &x [y, z]\nb: *x\n"


@pytest.mark.parametrize("key", ["a", "b"])
def test_what_several_places_share_is_never_changed_for_one_of_them(key: str) -> None:
    error = refusal("a: &x [y]\n\nb: *x\n", lambda value: value[key].append("z"))
    assert error.where == "line 3, column 4"
    assert "&x on line 1, column 4" in (error.why or "")
    assert "write the value out" in (error.fix or "")


def test_an_anchor_that_is_repeated_is_not_removed() -> None:
    error = refusal("a: &x [y]\nb: *x\n", lambda value: value.pop("a"))
    assert "&x on line 1, column 4 would be removed" in (error.why or "")


def test_a_merged_key_that_changes_is_written_out() -> None:
    text = "a: &x {i: 1, j: 2}\nb:\n  <<: *x  # like a\n"
    assert edit_and_undo(text, lambda value: value["b"].update(i=3)) == f"{text}  i: 3\n"
    assert refusal(text, lambda value: value["b"].pop("j")).where == "line 3, column 7"
    assert refusal(text, lambda value: value["a"].update(k=3)).where == "line 3, column 7"


def test_what_would_not_be_read_back_is_refused() -> None:
    error = refusal("a: |\n  no line end", lambda value: value.update(b=1))
    assert "cannot be edited into this YAML exactly" in error.message
    assert "a line end at its end" in (error.fix or "")
