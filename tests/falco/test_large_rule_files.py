"""Checking takes time in proportion to the files, and finds the right places in them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from fargate_guard.falco.checking import check_files
from fargate_guard.falco.circles import in_circles
from fargate_guard.falco.reading import RuleFile

if TYPE_CHECKING:
    from fargate_guard.falco.findings import Finding

RULE = '- rule: R\n  desc: d\n  output: "%proc.name"\n  priority: notice\n  condition: '
MANY = 5000


def checked(text: str) -> list[Finding]:
    return check_files([RuleFile("f.yaml", text)]).findings


def chain(count: int, last: str) -> str:
    macros = [f"- macro: m{n}\n  condition: m{n + 1}\n" for n in range(count)]
    return "".join(macros) + f"- macro: m{count}\n  condition: {last}\n{RULE}m0\n"


@pytest.mark.parametrize(
    ("condition", "findings"),
    [
        (" or ".join(["proc.name = a"] * MANY), 0),
        (" or ".join(f"mac_{n}" for n in range(MANY)), MANY),
        (f"proc.name in ({', '.join(f'my_{n}' for n in range(MANY))})", MANY),
        (">\n    " + "\n    or ".join(["proc.nam = a"] * MANY), MANY),
        ('"' + " or ".join([r"proc.name = \x61\u00e4"] * MANY) + '"', 0),
    ],
    ids=["ors", "macros", "names", "unknown fields", "escapes"],
)
def test_a_large_condition_takes_no_minutes(condition: str, findings: int) -> None:
    begin, text = time.process_time(), RULE + condition + "\n"
    found = [one for one in checked(text) if one.check != "event-type"]
    assert len(found) == findings
    assert time.process_time() - begin < 5  # seconds; the square of it took minutes
    assert len({one.place for one in found}) == findings


def test_macros_that_use_each_other_a_thousand_deep_are_followed() -> None:
    found = {one.check for one in checked(chain(2000, "evt.type = open"))}
    assert found == {"order"}
    assert "event-type" in {one.check for one in checked(chain(2000, "proc.name = a"))}
    circle = [one for one in checked(chain(2000, "m0")) if one.check == "circle"]
    assert len(circle) == 2001


def test_only_what_leads_back_to_itself_is_in_a_circle() -> None:
    uses = {"a": ["b"], "b": ["c", "x"], "c": ["b"], "d": ["d"], "e": ["a", "d"], "f": ["nowhere"]}
    assert in_circles(uses) == {"b", "c", "d"}


def test_what_a_merge_brings_in_stands_at_its_item() -> None:
    found = checked("- &m\n  macro: m\n  condition: proc.nam = a\n- <<: *m\n  macro: n\n")
    assert [(one.check, str(one.place)) for one in found] == [
        ("unknown-field", "f.yaml:3:14"),
        ("unknown-field", "f.yaml:4:3"),
    ]


def test_a_place_behind_escapes_and_a_byte_order_mark_is_right() -> None:
    (one,) = checked('\ufeff- macro: m\n  condition: "proc.name\\x20= \\"\\u00e4\\" and\\tproc.nam = a"\n')
    assert (one.check, str(one.place)) == ("unknown-field", "f.yaml:2:46")
