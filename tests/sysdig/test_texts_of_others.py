"""Names and scopes out of Sysdig neither command the terminal nor end a command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from fargate_guard.cli.main import app
from tests.sysdig_api.rules_routes import EDITOR

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sysdig_api.rules_routes import RuleStore
    from tests.sysdig_api.server import SecureApi

NASTY = "P\x1b]0;pwn\x07\u202e\u2028\x9b\nThe rule 'x' is seen by P."


@pytest.fixture(autouse=True)
def folder(api: SecureApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FGUARD_SYSDIG_TOKEN", EDITOR)
    monkeypatch.setenv("FGUARD_SYSDIG_URL", api.url)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "mine.yaml").write_text("- list: a\n  items: [x]\n")
    return tmp_path / "rules"


def add_policy(store: RuleStore, name: str) -> None:
    rules = [{"ruleName": name, "enabled": True}]
    more = {"id": 1, "type": "falco", "enabled": True, "severity": 1, "version": 1, "origin": "Secure UI"}
    store.policies.append({**more, "name": name, "rules": rules, "scope": f'container.name = "{name}"'})


def test_policies_spell_out_what_would_command_the_terminal(rule_store: RuleStore) -> None:
    add_policy(rule_store, NASTY)
    shown = CliRunner().invoke(app, ["policies", "--no-aws"]).stdout
    assert all(one.isprintable() or one == "\n" for one in shown)
    assert not any(line.startswith("The rule") for line in shown.splitlines())


def test_all_rules_of_a_policy_are_named_however_many(rule_store: RuleStore) -> None:
    add_policy(rule_store, "many")
    rule_store.policies[0]["rules"] = [{"ruleName": f"Rule number {n}", "enabled": True} for n in range(500)]
    assert "Rule number 499" in CliRunner().invoke(app, ["policies", "--no-aws", "--rules"]).stdout


def test_half_a_character_ends_no_command(rule_store: RuleStore, folder: Path) -> None:
    add_policy(rule_store, "half \ud800")
    for more in ((), ("--json",)):
        told = CliRunner().invoke(app, ["policies", "--no-aws", *more])
        assert (told.exit_code, "\\ud800" in told.stdout) == (0, True)
    assert json.loads(CliRunner().invoke(app, ["policies", "--no-aws", "--json"]).stdout)
    rule_store.add("list", {"name": "l\ud800", "items": {"items": ["a"]}, "append": False})
    for command in ("diff", "pull"):
        refused = CliRunner().invoke(app, ["rules", command])
        assert (refused.exit_code, "half a character" in refused.stderr) == (1, True)
    assert [one.name for one in folder.iterdir()] == ["mine.yaml"]


def test_rules_spell_out_names_and_pull_writes_them_with_escapes(rule_store: RuleStore, folder: Path) -> None:
    rule_store.add("list", {"name": NASTY, "items": {"items": [NASTY, "\u00e4"]}, "append": False})
    for command in ("diff", "pull"):
        shown = CliRunner().invoke(app, ["rules", command]).stdout
        assert all(one.isprintable() or one == "\n" for one in shown)
        assert not any(line.startswith("The rule") for line in shown.splitlines())
    pulled = (folder / "sysdig.yaml").read_text()
    assert "\u202e" not in pulled
    assert "\u00e4" in pulled
    assert CliRunner().invoke(app, ["rules", "push", "--yes"]).exit_code == 0
    assert CliRunner().invoke(app, ["rules", "diff"]).exit_code == 0
