"""Rule files: every mistake is found with line and column, and right files have none."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fargate_guard.falco.checking import Known, check_files
from fargate_guard.falco.definitions import Definition, definition_of, tidied, yaml_text
from fargate_guard.falco.findings import Severity
from fargate_guard.falco.reading import RuleFile
from tests.falco.conditions import expressions, scraps

if TYPE_CHECKING:
    from fargate_guard.falco.findings import Finding

RULE = """\
- rule: R
  desc: d
  condition: evt.type = open and proc.name = sh
  output: "%proc.name"
  priority: notice
"""


def found(text: str, known: Known | None = None, *, strict: bool = False) -> list[Finding]:
    return check_files([RuleFile("f.yaml", dedent(text))], known, strict=strict).findings


def only(text: str) -> Finding:
    (one,) = found(text)
    return one


def test_a_right_file_has_no_findings() -> None:
    assert found(RULE) == []
    assert found("- required_engine_version: 0.31.0\n- required_plugin_versions: []\n" + RULE) == []


@pytest.mark.parametrize(
    ("text", "place", "check", "severity", "says"),
    [
        ("a: [", "1:5", "yaml", "error", "not YAML"),
        ("rule: R", "1:1", "yaml", "error", "a rule file is a list"),
        ("- R", "1:3", "yaml", "error", "an item is an object"),
        ("# nothing", "1:1", "empty", "warning", "nothing in this file"),
        ("- list: a\n  items: [b]\n  list: c", "3:3", "yaml", "error", "stands twice"),
        ("- rulle: R", "1:3", "kind", "error", "this one has rulle"),
        ("- list: ''\n  items: []", "1:9", "required", "error", "has no name"),
        ("- list: a", "1:3", "required", "error", "the list has no items"),
        ("- macro: a\n  condition: ''", "2:14", "required", "error", "condition is empty"),
        ("- list: a\n  items: b", "2:10", "type", "error", "items is not a list"),
        ("- list: a\n  items: [[b]]", "2:10", "type", "error", "is no text"),
        ("- list: a\n  items: [b, b]", "2:10", "duplicate", "warning", "'b' twice"),
        ("- list: a\n  itemz: []\n  items: []", "2:10", "unknown-key", "warning", "has no itemz"),
        (RULE.replace("desc: d", "tags: []"), "1:3", "required", "error", "the rule has no desc"),
        (RULE.replace("notice", "notise"), "5:13", "priority", "error", "'notise' is no priority"),
        (RULE.replace("= sh", "== ="), "3:47", "condition", "error", "a value must follow"),
        (RULE.replace("open and", "open and\n    not"), "", "", "", ""),
        (RULE.replace("proc.name = sh", "proc.nam = sh"), "3:34", "unknown-field", "warning", "proc.nam is no"),
        (RULE.replace("proc.name = sh", "proc.pid[1] = 3"), "3:34", "field-argument", "warning", "no argument"),
        (RULE.replace("proc.name = sh", "k8s.ns.name = a"), "3:34", "not-on-fargate", "warning", "never set"),
        (RULE.replace("evt.type = open and", ""), "3:15", "event-type", "warning", "no event type"),
        (RULE.replace("%proc.name", "a %proc.nme"), "4:14", "unknown-field", "warning", "proc.nme"),
        (RULE.replace("%proc.name", "100% of"), "4:15", "output", "warning", "no field follows"),
        (RULE.replace("%proc.name", "%tolower(proc.name) %proc.aname[2] %evt.arg.flags"), "", "", "", ""),
        (RULE + "  source: okta", "6:11", "source", "warning", "system calls only"),
        (RULE + "  enabled: 1", "6:12", "type", "error", "enabled is not true or false"),
        (RULE + "  enabled: false", "6:12", "enabled", "warning", "on and off in policies"),
        (RULE + RULE, "6:3", "duplicate", "error", "defined twice, first at f.yaml:1:3"),
        (RULE.replace("proc.name = sh", "spawned"), "3:34", "undefined-macro", "warning", "the macro spawned"),
        (RULE.replace("= sh", "in shells"), "3:47", "undefined-list", "warning", "the list shells"),
        (RULE.replace("= sh", "in (my_shells)"), "3:48", "undefined-list", "warning", "the list my_shells"),
        (RULE.replace("= sh", 'in ("my_shells", bash)'), "", "", "", ""),
        (RULE.replace("= open", "in (open_by_handle_at)"), "", "", "", ""),
        ("- macro: a\n  condition: not a", "1:3", "circle", "error", "leads back to itself"),
        ("- macro: a\n  condition: or b.c exists\n  append: true", "", "", "", ""),
    ],
)  # fmt: skip
def test_every_mistake_is_found_where_it_stands(
    text: str, place: str, check: str, severity: str, says: str
) -> None:
    findings = [
        one for one in found(text)
        if not (check == "" and one.check in ("undefined-macro", "unknown-field"))
    ]  # fmt: skip
    if not place:
        assert findings == []
        return
    one = findings[0]
    assert (str(one.place), one.check, str(one.severity)) == (f"f.yaml:{place}", check, severity)
    assert says in one.message


@pytest.mark.parametrize(
    ("written", "place"),
    [
        (">\n    evt.type = open\n    and bogus = 1\n", "5:9"),
        ("|\n    evt.type = open\n    and bogus = 1\n", "5:9"),
        ("evt.type = open\n    and bogus = 1\n", "4:9"),
        ('"evt.type = open and \\"x\\" bogus"\n', "3:36"),
        ("'evt.type = ''open'' and bogus = 1'\n", "3:39"),
    ],
)
def test_a_place_in_a_condition_is_right_in_every_style_of_yaml(written: str, place: str) -> None:
    text = RULE.replace("evt.type = open and proc.name = sh\n", written)
    assert str(found(text)[0].place) == f"f.yaml:{place}"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("  append: true\n  override: {condition: append}", "exclude each other"),
        ("  override: {condition: prepend}", "append or replace"),
        (
            "  override: {priority: append, condition: append}\n  priority: error",
            "priority of a rule has no append",
        ),
        ("  override: {condition: append, output: replace}", "override names output"),
        ("  override: {condition: append}\n  output: x", "override does not say what becomes of output"),
    ],
)
def test_override_says_what_becomes_of_every_key(override: str, says: str) -> None:
    findings = found(f"{RULE}- rule: R\n  condition: and proc.pid > 1\n{override}\n")
    assert says in " ".join(one.message for one in findings)


def test_what_changes_another_wants_the_other_before_it() -> None:
    more = "- rule: R\n  condition: or proc.pid > 1\n  override: {condition: append}\n"
    assert found(RULE + more) == []
    assert found(more, Known(rules=frozenset({"R"}))) == []
    assert only(more).check == "undefined-rule"
    assert [one.check for one in found(more + RULE)] == ["order"]


@pytest.mark.parametrize(
    ("exception", "says"),
    [
        ("{fields: [proc.name]}", "with a name"),
        ("{name: e}", "it has no fields"),
        ("{name: e, fields: []}", "neither a name nor a list"),
        ("{name: e, fields: [proc.name, fd.name], comps: [=]}", "2 fields, and comps is not"),
        ("{name: e, fields: [proc.name], comps: [like]}", "like is no comparison"),
        ("{name: e, fields: proc.name, comps: =}", "with one field"),
        ("{name: e, fields: [proc.name], values: [a]}", "1 field, and 'a' is not"),
        ("{name: e, fields: [proc.name], value: [[a]]}", "has value; Falco ignores it"),
        ("{name: e, fields: [proc.name], values: a}", "values is not a list"),
        ("{name: e, fields: [proc.nam]}", "proc.nam is no field"),
    ],
)
def test_an_exception_fits_together(exception: str, says: str) -> None:
    one = only(f"{RULE}  exceptions:\n    - {exception}\n")
    assert says in one.message
    assert str(one.place) == "f.yaml:7:7"


def test_known_names_are_resolved_and_strict_makes_errors() -> None:
    text = RULE.replace("proc.name = sh", "spawned and proc.name in (the_shells)")
    assert found(text, Known(macros=frozenset({"spawned"}), lists=frozenset({"the_shells"}))) == []
    assert {one.severity for one in found(text, strict=True)} == {Severity.ERROR}


def test_a_macro_that_is_defined_later_is_named() -> None:
    assert only(RULE.replace("proc.name = sh", "m") + "- macro: m\n  condition: fd.num = 1\n").check == "order"


yaml_texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20).map(
    str.strip
)
names = yaml_texts.filter(bool)
definitions = st.one_of(
    st.builds(
        Definition, st.just("list"), names, st.fixed_dictionaries({"items": st.lists(names)}), st.booleans()
    ),
    st.builds(
        Definition,
        st.just("rule"),
        names,
        st.fixed_dictionaries(
            {"desc": names, "condition": st.just("a\nand b"), "output": names, "priority": st.just("error")},
            optional={"tags": st.lists(names, min_size=1, unique=True)},
        ),
    ),
)


@settings(max_examples=80, deadline=None)
@given(definitions)
def test_what_is_written_is_read_as_the_same_definition(definition: Definition) -> None:
    wanted = tidied(definition)
    lines = "".join(f"  {line}\n" if line else "\n" for line in yaml_text(wanted).splitlines())
    (item,) = check_files([RuleFile("f", f"-\n{lines}")]).items
    read = definition_of(item)
    assert isinstance(read, Definition)
    assert read.meaning() == wanted.meaning()


@settings(max_examples=80, deadline=None)
@given(st.one_of(scraps, st.lists(scraps, max_size=3).map(lambda lines: "- rule: " + "\n  ".join(lines))))
def test_any_file_is_checked_without_a_traceback(text: str) -> None:
    for one in found(text):
        assert one.place.line >= 1
    found(f"- macro: m\n  condition: {text!r}\n")


@settings(max_examples=40, deadline=None)
@given(expressions)
def test_a_condition_means_the_same_however_it_is_laid_out(tree: object) -> None:
    from fargate_guard.falco.tree import condition_text

    text = condition_text(tree)  # type: ignore[arg-type]
    one, other = (Definition("macro", "m", {"condition": each}) for each in (text, f"( {text}\n )"))
    assert one.meaning() == other.meaning()
