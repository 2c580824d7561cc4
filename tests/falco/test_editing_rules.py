"""Whatever changes in a rule, only that is edited in its file."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from fargate_guard.falco.checking import check_files
from fargate_guard.falco.definitions import Definition, definition_of, tidied
from fargate_guard.falco.editing import edited
from fargate_guard.falco.reading import RuleFile

TEXTS = ("d", "it's: a # text", "long " * 40 + "x", "true", "ä 'q' \"dq\"", "two\nlines")
CONDITIONS = (
    "evt.type = open",
    'evt.type in (open, dup) or proc.name = "x: #y"',
    "evt.type = open\nand not proc.name = 'b'",
    " and ".join(["evt.type = dup"] * 20),
)
KEPT = ("# head", "# own", "enabled: true  # e", "warn_evttypes: false", "# end")


def written(key: str, text: str, style: str) -> str:
    folded = " ".join(text.split())
    block = "\n".join(f"    {line}" for line in text.split("\n"))
    return {
        "|": f"{key}: |  # c\n{block}",
        ">": f"{key}: >-\n    {folded}",
        "'": f"{key}: '{folded.replace(chr(39), chr(39) * 2)}'",
        '"': f"{key}: {json.dumps(folded)}  # q",
    }[style]


@st.composite
def items(draw: st.DrawFn) -> str:
    styles = st.sampled_from("|>'\"")
    keys = [
        written("desc", draw(st.sampled_from(TEXTS)), draw(styles)),
        written("condition", draw(st.sampled_from(CONDITIONS)), draw(styles)),
        'output: "%proc.name"',
        draw(st.sampled_from(["priority: NOTICE", "priority: error  # p"])),
        draw(st.sampled_from(["# own", "tags: [a, b]", "tags:\n    - a  # a\n    # own\n    - b"])),
        draw(st.sampled_from(["enabled: true  # e", "warn_evttypes: false"])),
    ]
    return "\n  ".join(draw(st.permutations(keys)))


NEW = st.fixed_dictionaries(
    {},
    optional={
        "desc": st.sampled_from(TEXTS),
        "condition": st.sampled_from(CONDITIONS),
        "priority": st.sampled_from(["error", "debug"]),
        "tags": st.lists(st.sampled_from(["a", "b", "true", "c d"]), unique=True),
    },
)


def definitions(text: str) -> dict[str, Definition]:
    found = map(definition_of, check_files([RuleFile("f", text)]).items)
    return {one.key: one for one in found if isinstance(one, Definition)}


@settings(max_examples=60, deadline=None)
@given(items(), items(), NEW, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\ufeff"]))
def test_what_is_edited_says_what_is_meant_and_the_rest_stays(
    one: str, other: str, new: dict[str, object], line_end: str, mark: str
) -> None:
    text = f"{mark}# head\n- rule: A\n  {one}\n- rule: B\n  {other}\n# end\n".replace("\n", line_end)
    before = definitions(text)
    wanted = tidied(Definition("rule", "A", {**before["rule A"].body, **new}))
    after = edited(RuleFile("f", text), {"rule A": wanted})
    read = definitions(after)
    assert read["rule A"].meaning() == wanted.meaning()
    behind = f"- rule: B{line_end}"
    assert after.partition(behind)[2] == text.partition(behind)[2]
    for words in KEPT:
        assert after.count(words) == text.count(words) or "tags" in new
    assert edited(RuleFile("f", text), before) == text
