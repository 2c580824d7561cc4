"""The promises of reading and editing YAML, for whatever a file may hold and however it is written.

The quick profile runs with ``make test``; ``make test-long`` runs more than 10,000 cases.
"""

from __future__ import annotations

import io
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString, SingleQuotedScalarString

from fargate_guard.formats.yaml_source import edited_yaml, read_yaml
from fargate_guard.taskdef import NotATaskDefinitionError, TaskDefinitionError

if TYPE_CHECKING:
    import random

    from fargate_guard.taskdef import Json

quick = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
long = settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))

TRICKY = [
    *("", "yes", "no", "on", "y", "null", "~", "true", "1", "1.0", "0777", "0x1F", "1e3", "1_000", "22:22", "-"),
    *("=", "<<", "2012-10-17", "a: b", "a:b", "a #b", "#a", "*a", "&a", "!a", "%a", "@a", "`a", "- a", "? a"),
    *("[a", "{a", "a,b", "a]", "daemon off;", "arn:aws:iam::123456789012:role/x", "nginx:1.27", " a", "a "),
    *("a\nb", "a\n", "\t", "\\", '"', "'", "é", "🙂", "\x07", "\u2028", "\x85", "\ufeff", "a:", "---", "..."),
    *(".inf", "0o7", "+1", "01", "-g", "${X}", "a  b"),
]  # fmt: skip
texts = st.sampled_from(TRICKY) | st.text(max_size=6)
keys = st.sampled_from(["image", "command", "yes", "1", "a b", "é", "Ref", "Fn::Sub"]) | texts
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=14
)
documents = st.dictionaries(keys, values, min_size=1, max_size=5) | st.lists(values, min_size=1, max_size=4)


def styled(value: Json, rnd: random.Random, *, flow: bool = False) -> object:
    """The value with a random style for every part of it."""
    flow = flow or rnd.random() < 0.15
    if isinstance(value, dict):
        mapping = CommentedMap((key, styled(item, rnd, flow=flow)) for key, item in value.items())
        if flow:
            mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, list):
        sequence = CommentedSeq(styled(item, rnd, flow=flow) for item in value)
        if flow:
            sequence.fa.set_flow_style()
        return sequence
    if isinstance(value, str) and value.isascii() and value.isprintable():
        return rnd.choice([str, SingleQuotedScalarString, DoubleQuotedScalarString])(value)
    if isinstance(value, str) and value.replace("\n", "").isalpha() and not flow and value.isascii():
        return rnd.choice([str, LiteralScalarString])(value)
    return value


def written(value: Json, rnd: random.Random) -> str:
    """A YAML text of a value, laid out at random, with comments and blank lines."""
    yaml = YAML()
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    yaml.width = rnd.choice([20, 80, 4096])
    sequence, offset = rnd.choice([(2, 0), (4, 2), (6, 4), (5, 2)])
    yaml.indent(mapping=rnd.choice([2, 4]), sequence=sequence, offset=offset)
    out = io.StringIO()
    yaml.dump(styled(value, rnd), out)
    text = out.getvalue()
    for _ in range(rnd.randrange(4)):
        text = _with_comment(text, value, rnd)
    if rnd.random() < 0.2:
        text = "\ufeff" + text
    if rnd.random() < 0.2:
        text = text.removesuffix("\n")
    return text.replace("\n", "\r\n") if rnd.random() < 0.2 else text


def _with_comment(text: str, value: Json, rnd: random.Random) -> str:
    lines = text.split("\n")
    at = rnd.randrange(len(lines))
    if rnd.random() < 0.5 and lines[at]:
        lines[at] += "   # comment, with: [things"
    else:
        lines.insert(at, rnd.choice(["", "# c", "      # deep", "   "]))
    changed = "\n".join(lines)
    try:
        return changed if read_yaml(changed) == value else text
    except NotATaskDefinitionError:
        return text


def places(value: Json) -> list[Json]:
    """Every collection in a value."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return ([value] if isinstance(value, (dict, list)) else []) + [p for item in inner for p in places(item)]


def grown(value: Json, rnd: random.Random, new: list[Json]) -> Json:
    """The value with things inserted, as instrumentation inserts them."""
    value = deepcopy(value)
    entered: set[int] = set()
    extended: set[int] = set()
    for number, item in enumerate(new):
        place = _somewhere(value, rnd, entered, extended)
        if isinstance(place, list):
            # What is already in the list could not be told from what is added.
            added: list[Json] = [
                f"new item {number}",
                [number, item],
                {"name": f"new item {number}", "value": item},
            ]
            place.insert(rnd.choice([0, len(place)]), deepcopy(rnd.choice(added)))
        elif isinstance(place, dict):
            before = list(place.items())
            before.insert(rnd.choice([0, len(before)]), (f"new key {number}", deepcopy(item)))
            place.clear()
            place.update(before)
    return value


def _somewhere(value: Json, rnd: random.Random, entered: set[int], extended: set[int]) -> Json:
    """A collection; a list gets new items or has changed items, since items without a name look alike then."""
    while True:
        inner = [p for p in (value.values() if isinstance(value, dict) else value) if isinstance(p, (dict, list))]
        closed = isinstance(value, list) and id(value) in extended
        must_go_on = isinstance(value, list) and id(value) in entered
        if closed or not inner or (not must_go_on and rnd.random() < 0.4):
            extended.add(id(value))
            return value
        entered.add(id(value))
        value = rnd.choice(inner)


def changed(value: Json, rnd: random.Random, new: list[Json]) -> Json:
    """The value with parts removed, replaced and added."""
    value = grown(value, rnd, new)
    for item in new:
        place = rnd.choice(places(value))
        if isinstance(place, dict) and place:
            key = rnd.choice(list(place))
            if rnd.random() < 0.5:
                del place[key]
            else:
                place[key] = deepcopy(item)
        elif isinstance(place, list) and place:
            index = rnd.randrange(len(place))
            if rnd.random() < 0.5:
                del place[index]
            else:
                place[index] = deepcopy(item)
    return value


def check(value: Json, new: list[Json], rnd: random.Random) -> None:
    text = written(value, rnd)
    assume(_parsed(text) == value)  # ruamel.yaml's writer loses some control characters
    assert read_yaml(text) == value
    assert edited_yaml(text, value, deepcopy(value)) == text

    with_more = grown(value, rnd, new)
    edited = _edited(text, value, with_more)
    assert read_yaml(edited) == with_more
    assert edited_yaml(edited, with_more, value) == text

    other = changed(value, rnd, new)
    assume(other)
    assert read_yaml(_edited(text, value, other)) == other


def _parsed(text: str) -> Json:
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        return None


def _edited(text: str, old: Json, new: Json) -> str:
    try:
        return edited_yaml(text, old, new)
    except TaskDefinitionError as error:
        # A block text at the very end, without a line end, would get one: that is refused.
        assert "line end at its end" in (error.fix or "")  # noqa: PT017
        assume(text.endswith("\n"))
        raise


randoms = st.randoms(use_true_random=False)
news = st.lists(values, min_size=1, max_size=3)


@quick
@given(value=documents, new=news, rnd=randoms)
def test_whatever_was_read_is_edited_exactly_and_back_again(
    value: Json, new: list[Json], rnd: random.Random
) -> None:
    check(value, new, rnd)


@pytest.mark.long
@pytest.mark.timeout(3000)
@long
@given(value=documents, new=news, rnd=randoms)
def test_whatever_was_read_is_edited_exactly_and_back_again_10_000_times(
    value: Json, new: list[Json], rnd: random.Random
) -> None:
    check(value, new, rnd)
