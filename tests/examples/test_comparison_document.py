"""What ``docs/instrumentation-compared.md`` claims is shown by tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "instrumentation-compared.md").read_text(encoding="utf-8")
SHORT = {"D": "taskdef/test_reference_defects.py", "T": "cloudformation/test_template_defects.py"}
NAMED = re.findall(r"`([\w/.]+)::(test_\w+)`", DOCUMENT)


def table_rows(title: str) -> list[list[str]]:
    """The cells of all rows below a heading, without the table's head."""
    section = DOCUMENT.partition(f"## {title}\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"
    ]
    return rows[2:]


def test_every_test_that_is_named_exists() -> None:
    assert len(NAMED) > 40
    for file, name in NAMED:
        source = (ROOT / "tests" / SHORT.get(file, file)).read_text(encoding="utf-8")
        assert f"def {name}(" in source, f"{file}::{name}"


def test_every_yes_of_fguard_names_what_shows_it() -> None:
    for title in ("What goes in and out", "What runs in a container", "Safety", "Choice and use"):
        for feature, fguard, *others in table_rows(title):
            assert len(others) == 9, feature
            assert not fguard.startswith("y") or "`" in fguard or "(" in fguard, feature


def test_every_defect_has_its_row_and_its_test() -> None:
    rows = table_rows("The reference's 22 defects")
    assert [row[0] for row in rows] == [str(number) for number in range(1, 23)]
    assert all(row[3] for row in rows)


def test_every_note_is_used_and_every_use_has_a_note() -> None:
    tables, _, notes = DOCUMENT.partition("## Notes and sources")
    assert set(re.findall(r"\[(\d+)\](?!\()", tables)) == set(re.findall(r"(?m)^(\d+)\. ", notes))
