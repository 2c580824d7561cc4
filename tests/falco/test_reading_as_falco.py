"""What Falco's own reader takes a file for: texts as they are written, several documents as one rule set."""

from __future__ import annotations

from textwrap import dedent

import pytest

from fargate_guard.falco.checking import check_files
from fargate_guard.falco.definitions import Definition, definition_of
from fargate_guard.falco.editing import edited
from fargate_guard.falco.reading import RuleFile

RULE = """\
- rule: 404
  desc: d
  condition: evt.type = open and proc.name = sh
  output: "%proc.name"
  priority: notice
"""


def found(text: str) -> list[str]:
    checked = check_files([RuleFile("f", dedent(text))])
    return [f"{one.place} {one.check} {one.severity}" for one in checked.findings]


def definitions(text: str) -> dict[str, Definition]:
    items = check_files([RuleFile("f", dedent(text))]).items
    read = [definition_of(item) for item in items]
    return {one.key: one for one in read if isinstance(one, Definition)}


def test_texts_are_what_is_written_and_not_what_yaml_makes_of_it() -> None:
    read = definitions("- list: odd\n  items: [80, 0x1F90, 3.10, 007, 1_000, true, yes, ~x]\n" + RULE)
    assert read["list odd"].body["items"] == ["80", "0x1F90", "3.10", "007", "1_000", "true", "yes", "~x"]
    assert "rule 404" in read


def test_values_of_exceptions_are_texts_and_the_same_however_they_are_written() -> None:
    with_port = RULE + "  exceptions:\n    - {name: e, fields: [fd.sport], comps: [=], values: [[PORT]]}\n"
    one, other = (definitions(with_port.replace("PORT", port))["rule 404"] for port in ("0x50", '"0x50"'))
    assert one.body["exceptions"][0]["values"] == [["0x50"]]
    assert one.meaning() == other.meaning()


@pytest.mark.parametrize("written", ["no", "Off", "false"])
def test_a_switch_may_be_written_as_yaml_1_1_does(written: str) -> None:
    assert found(f"{RULE}  enabled: {written}\n") == ["f:6:12 enabled warning"]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("- macro: my-macro\n  condition: proc.pid = 1", "f:1:10 name warning"),
        ("- macro: 1st\n  condition: proc.pid = 1", "f:1:10 name warning"),
        ("- list: my list\n  items: []", "f:1:9 name warning"),
        ("- required_engine_version: newest", "f:1:28 version error"),
        ("- required_plugin_versions: container", "f:1:29 version error"),
        ("- required_plugin_versions: [{name: container}]", "f:1:29 version error"),
        (f"{RULE}- rule: 404\n  desc: another\n  enabled: false", "f:6:3 duplicate error"),
    ],
)
def test_what_falco_refuses_is_told(text: str, finding: str) -> None:
    assert finding in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "- list: 10-x.y/*\n  items: []",
        "- required_engine_version: 31",
        "- required_engine_version: 0.57.0",
        "- required_plugin_versions: [{name: container, version: 0.4.0, alternatives: []}]",
        f"{RULE}  exceptions:\n",
        f"{RULE}  priority:\n    WARNING\n".replace("  priority: notice\n", ""),
        '- list: nets\n  items: [\'"10.0.0.0/8"\', "[", .bashrc, /, 10_etc_sudoers., a-b.c]\n',
        f"{RULE}- rule: 404\n  enabled: false".replace("enabled: false", "enabled: true"),
    ],
)
def test_what_falco_takes_is_taken(text: str) -> None:
    assert found(text) == []


TWO = "# first\n---\n- list: a\n  items: [b]\n--- # second\n- list: c\n  items: [d, 1.0]\n"


def test_several_documents_are_one_rule_set_and_everything_keeps_its_place() -> None:
    assert sorted(definitions(TWO)) == ["list a", "list c"]
    assert found(TWO + "---\n- list: a\n  items: []\n") == ["f:9:3 duplicate error"]


def test_an_edit_leaves_the_documents_apart_and_the_rest_as_written() -> None:
    new = edited(RuleFile("f", TWO), {"list c": Definition("list", "c", {"items": ["d", "1.0", "e"]})})
    assert new == TWO.replace("1.0]", "1.0, e]")
