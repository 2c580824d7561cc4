"""``docs/rules.md``: every command in it is run, and prints what it says there."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from fargate_guard.cli.main import app
from tests.sysdig_api.rules_routes import EDITOR

if TYPE_CHECKING:
    from tests.sysdig_api.rules_routes import RuleStore
    from tests.sysdig_api.server import SecureApi

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
POLICY = {"type": "falco", "severity": 1, "version": 1}


def shown(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def runs(block: str) -> list[tuple[list[str], str]]:
    parts = re.split(r"^\$ fguard (.*)\n", block, flags=re.MULTILINE)[1:]
    return [(shlex.split(line), says) for line, says in zip(parts[::2], parts[1::2], strict=True)]


@pytest.fixture
def beside_the_example(
    api: SecureApi, rule_store: RuleStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    rules = [{"ruleName": "Write below binary dir", "enabled": True}]
    off = {"ruleName": "Launch Ingress", "enabled": False}
    runtime = {"id": 1, "name": "Sysdig Runtime Threat Detection", "enabled": True, "templateId": 1}
    shop = {"id": 2, "name": "Shop", "enabled": False, "scope": 'kubernetes.cluster.name = "shop"'}
    rule_store.policies += [{**POLICY, **runtime, "rules": [*rules, off]}, {**POLICY, **shop, "rules": rules}]
    for name in ("Write below binary dir", "Launch Ingress"):
        rule_store.add("rule", {"name": name}, origin="Sysdig")
    monkeypatch.setenv("FGUARD_SYSDIG_TOKEN", EDITOR)
    monkeypatch.setenv("FGUARD_SYSDIG_URL", api.url)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "examples" / "rules", tmp_path / "rules")
    shutil.copytree(ROOT / "examples" / "rules", tmp_path / "examples" / "rules")
    return tmp_path


def test_every_command_prints_what_the_page_says(beside_the_example: Path) -> None:
    wrong = shown("yaml")[0]
    mended = wrong.replace("(bash, sh", "(bash, sh)").replace("warn\n", "warning\n")
    checks = iter((wrong, mended))
    seen = 0
    for arguments, says in [one for block in shown("console") for one in runs(block)]:
        if "shell.yaml" in arguments:
            (beside_the_example / "shell.yaml").write_text(next(checks))
        printed = CliRunner().invoke(app, arguments).stdout
        begin, cut, _ = says.partition("…\n")
        assert (printed[: len(begin)] if cut else printed) == (begin if cut else says)
        seen += 1
    assert seen == 7


def test_the_example_is_right_without_anything_else(beside_the_example: Path) -> None:
    result = CliRunner().invoke(app, ["rules", "check", "rules", "--strict"])
    assert (beside_the_example.is_dir(), result.exit_code) == (True, 0)


def test_every_check_is_in_the_table() -> None:
    rooms = ROOT / "src" / "fargate_guard" / "falco"
    code = "".join(file.read_text(encoding="utf-8") for file in rooms.glob("*check*.py"))
    code += (rooms / "reading.py").read_text(encoding="utf-8")
    used = set(re.findall(r'(?:error|warning)\(\s*[^"]*?"([a-z-]+)"', code)) | {
        "undefined-macro",
        "undefined-list",
    }
    assert {"condition", "exception", "yaml"} <= used
    assert {one for one in used if f"`{one}`" not in TEXT} == set()
