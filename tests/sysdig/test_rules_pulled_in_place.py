"""A pull edits what changed in Sysdig, and nothing else of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from fargate_guard.cli.main import app
from tests.sysdig_api.rules_routes import EDITOR

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    from typer.testing import Result

    from tests.sysdig_api.rules_routes import RuleStore
    from tests.sysdig_api.server import SecureApi

    Run: TypeAlias = Callable[..., Result]

MINE = """\
- list: ports  # all of them
  items:
    - 80
    # of the proxy
    - '3128'   # squid

- rule: R
  # why this rule
  desc: 'A "quoted" text'   # said so
  condition: >  # cond comment
      evt.type = open
      and proc.name = a
  enabled: true
  output: "%proc.name"
  warn_evttypes: false
  priority: NOTICE   # by habit
  skip-if-unknown-filter: false
  tags: [a, b]  # both
- macro: m
  condition: |
    evt.type = open
    or evt.type = openat
"""
NAME = "R"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "mine.yaml").write_text(MINE)
    return tmp_path / "rules" / "mine.yaml"


@pytest.fixture
def run(api: SecureApi, monkeypatch: pytest.MonkeyPatch, file: Path) -> Run:
    monkeypatch.chdir(file.parent.parent)
    monkeypatch.setenv("FGUARD_SYSDIG_TOKEN", EDITOR)
    monkeypatch.setenv("FGUARD_SYSDIG_URL", api.url)
    return lambda *arguments: CliRunner().invoke(app, ["rules", *arguments])


def details(store: RuleStore, **changes: object) -> None:
    store.edit("rule", NAME, details={**store.named("rule", NAME)["details"], **changes})


def test_comments_and_keys_that_sysdig_does_not_keep_stay(run: Run, file: Path, rule_store: RuleStore) -> None:
    assert run("push", "--yes").exit_code == 0
    rule_store.edit("rule", NAME, description="Another text")
    rule_store.edit("list", "ports", items={"items": ["80", "443", "3128"]})
    assert run("pull").exit_code == 0
    items = MINE.replace("    - 80\n", "    - 80\n    - '443'\n")
    expected = items.replace("'A \"quoted\" text'", "'Another text'")
    assert file.read_text().replace('"443"', "'443'").splitlines() == expected.splitlines()
    assert run("diff").exit_code == 0


def test_a_block_stays_a_block(run: Run, file: Path, rule_store: RuleStore) -> None:
    assert run("push", "--yes").exit_code == 0
    details(rule_store, condition={"condition": "evt.type = open and proc.name = other"}, priority="error")
    rule_store.edit("macro", "m", condition={"condition": "evt.type = open\nor evt.type = openat2"})
    assert run("pull").exit_code == 0
    expected = (
        MINE.replace(
            "      evt.type = open\n      and proc.name = a\n", "      evt.type = open and proc.name = other\n"
        )
        .replace("NOTICE", "error")
        .replace("or evt.type = openat\n", "or evt.type = openat2\n")
    )
    assert file.read_text() == expected


def test_what_is_gone_or_new_there_goes_or_comes_as_a_key(run: Run, file: Path, rule_store: RuleStore) -> None:
    assert run("push", "--yes").exit_code == 0
    exception = {"name": "known", "fields": ["proc.name"], "comps": ["="], "values": [["x"]]}
    details(rule_store, exceptions=[exception])
    rule_store.edit("rule", NAME, tags=[])
    assert run("pull").exit_code == 0
    text = file.read_text()
    assert "tags:" not in text
    assert "name: known" in text
    for kept in ("# why this rule", "# cond comment", "enabled: true", "warn_evttypes: false", "# by habit"):
        assert kept in text
    assert run("diff").exit_code == 0


def test_an_addition_keeps_what_override_says(run: Run, file: Path, rule_store: RuleStore) -> None:
    file.write_text(MINE + "- rule: R\n  condition: or evt.type = dup  # too\n  override: {condition: append}\n")
    assert run("push", "--yes").exit_code == 0
    added = next(one for one in rule_store.objects["rule"].values() if one["details"].get("append"))
    added["details"]["condition"] = {"condition": "or evt.type = dup2"}
    added["details"]["exceptions"] = [{"name": "e", "fields": "proc.name", "comps": "in", "values": ["x"]}]
    added["version"] += 1
    assert run("pull").exit_code == 0
    assert "  condition: or evt.type = dup2  # too\n" in file.read_text()
    assert "exceptions: append" in file.read_text()
    assert run("diff").exit_code == 0


def test_what_cannot_be_edited_is_refused_with_words_and_written_anew_with_force(
    run: Run, file: Path, rule_store: RuleStore
) -> None:
    text = "- list: a\n  items: &all [x]  # why\n- list: b\n  items: *all\n"
    file.write_text(text)
    assert run("push", "--yes").exit_code == 0
    rule_store.edit("list", "b", items={"items": ["ed"]})
    refused = run("pull")
    assert (refused.exit_code, file.read_text()) == (1, text)
    for word in ("list b", "&all", "line 4", "--force", "comments"):
        assert word in refused.stderr
    assert run("pull", "--force").exit_code == 0
    assert "items: [ed]" in file.read_text()


def test_what_another_rule_takes_over_is_not_changed_with_it(run: Run, file: Path, rule_store: RuleStore) -> None:
    text = "- &m\n  macro: m\n  condition: >\n    evt.type = open\n- <<: *m\n  macro: n\n"
    file.write_text(text)
    assert run("push", "--yes").exit_code == 0
    rule_store.edit("macro", "m", condition={"condition": "evt.type = dup"})
    assert run("pull").exit_code == 0
    assert "evt.type = dup" in file.read_text()
    assert run("diff").exit_code == 0
