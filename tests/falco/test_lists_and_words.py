"""Lists within lists, and words that fit a rule file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fargate_guard.falco.checking import Known, check_files
from fargate_guard.falco.definitions import Definition, definition_of, yaml_text
from fargate_guard.falco.reading import RuleFile

if TYPE_CHECKING:
    from fargate_guard.falco.findings import Finding


def checked(text: str, known: Known | None = None) -> list[Finding]:
    return check_files([RuleFile("f.yaml", text)], known).findings


def test_a_list_that_is_not_defined_is_told_where_a_list_names_it() -> None:
    text = "- list: a\n  items: [vi, login_binaries, 'quoted_binaries', mysql_install_d]\n"
    (one,) = checked(text)
    assert (one.check, str(one.place)) == ("undefined-list", "f.yaml:2:15")
    assert checked(text, Known(lists=frozenset({"login_binaries"}))) == []
    assert checked("- list: login_binaries\n  items: [login]\n" + text) == []


def test_lists_that_lead_to_themselves_are_told() -> None:
    text = "- list: a\n  items: [b]\n- list: b\n  items: [a, c]\n- list: c\n  items: [x]\n"
    assert [(one.check, one.item) for one in checked(text)] == [("circle", "list a"), ("circle", "list b")]


@pytest.mark.parametrize(
    "text",
    ["- list: a\n  items: " + "[" * 200 + "]" * 200, "- !!binary aGk=\n", "- !Odd x\n"],
    ids=["nesting", "binary", "tag"],
)
def test_what_is_wrong_with_the_yaml_is_not_told_of_other_files(text: str) -> None:
    (one,) = checked(text)
    assert one.check == "yaml"
    told = f"{one.message} {one.fix}"
    assert "task definition" not in told
    assert "CloudFormation" not in told


def test_switching_a_rule_off_is_told_to_be_refused_by_a_push() -> None:
    (one,) = checked("- rule: Write below bin\n  enabled: false\n", Known(rules=frozenset({"Write below bin"})))
    assert "a push refuses this item" in one.message


@pytest.mark.parametrize("text", ["a\u202eb", "x\x9b2J", "l\n\u2066x", "\U0001f600 \u00e4", "\U000e0001 x"])
def test_what_turns_or_commands_is_escaped_in_a_file(text: str) -> None:
    written = yaml_text(Definition("rule", text, {"desc": text, "tags": [text]}))
    assert all(one.isprintable() or one == "\n" for one in written)
    lines = written.rstrip().split("\n")
    (item,) = check_files([RuleFile("f", "- " + "\n  ".join(lines))]).items
    assert isinstance(definition_of(item), Definition)
    assert (item.name, item.values["desc"], item.values["tags"]) == (text, text, [text])
