"""What others made or changed in Sysdig is not overwritten or deleted without ``--force``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from fargate_guard.cli.main import app
from fargate_guard.sysdig.errors import BrokenAnswer
from fargate_guard.sysdig.rules import create
from tests.sysdig_api.interferences import saying
from tests.sysdig_api.rules_routes import EDITOR

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    from typer.testing import Result

    from fargate_guard.sysdig.client import SecureClient
    from tests.sysdig_api.rules_routes import RuleStore
    from tests.sysdig_api.server import SecureApi

    Run: TypeAlias = Callable[..., Result]

MINE = "- list: shells\n  items: [bash, sh]\n- list: editors\n  items: [vi]\n"
RECORD = ".fguard-rules.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "mine.yaml").write_text(MINE)
    return tmp_path / "rules"


@pytest.fixture
def run(api: SecureApi, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Run:
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("FGUARD_SYSDIG_TOKEN", EDITOR)
    monkeypatch.setenv("FGUARD_SYSDIG_URL", api.url)
    return lambda *arguments: CliRunner().invoke(app, ["rules", *arguments])


def items(store: RuleStore, name: str = "shells") -> list[str]:
    found: list[str] = store.named("list", name)["items"]["items"]
    return found


def add(store: RuleStore, name: str, *values: str) -> None:
    store.add("list", {"name": name, "items": {"items": list(values)}, "append": False})


def refused(result: Result, *words: str) -> None:
    assert result.exit_code == 4
    for word in words:
        assert word in result.stderr


def test_what_somebody_made_under_the_same_name_is_not_overwritten(run: Run, rule_store: RuleStore) -> None:
    add(rule_store, "shells", "fish")
    refused(run("push", "--yes"), "list shells", "never pushed or pulled from here")
    (new, theirs) = sorted(json.loads(run("diff", "--json").stdout)["changes"], key=lambda one: one["action"])
    assert new.keys() == {"action", "object", "version", "conflict", "made_here", "diff"}
    assert (new["action"], new["conflict"]) == ("create", None)
    assert (theirs["action"], theirs["conflict"][:17]) == ("update", "in Sysdig already")
    assert (items(rule_store), rule_store.names("list")) == (["fish"], {"shells"})
    assert run("push", "--yes", "--force").exit_code == 0
    assert items(rule_store) == ["bash", "sh"]


def test_without_the_record_a_change_in_sysdig_is_not_overwritten(
    run: Run, rule_store: RuleStore, folder: Path
) -> None:
    assert run("push", "--yes").exit_code == 0
    rule_store.edit("list", "shells", items={"items": ["fish"]})
    (folder / RECORD).unlink()
    refused(run("push", "--yes"), "list shells")
    assert items(rule_store) == ["fish"]


def test_what_was_deleted_and_made_anew_there_is_noticed_although_its_version_is_the_same(
    run: Run, rule_store: RuleStore, folder: Path
) -> None:
    assert run("push", "--yes").exit_code == 0
    rule_store.objects["list"].clear()
    add(rule_store, "shells", "fish")
    (folder / "mine.yaml").write_text(MINE.replace("sh]", "zsh]"))
    refused(run("push", "--yes"), "list shells", "changed in Sysdig")
    assert items(rule_store) == ["fish"]


def test_what_was_deleted_there_is_not_made_again_before_a_pull_told_so(run: Run, rule_store: RuleStore) -> None:
    assert run("push", "--yes").exit_code == 0
    del rule_store.objects["list"][rule_store.named("list", "editors")["id"]]
    refused(run("push", "--yes"), "list editors", "deleted in Sysdig since")
    assert rule_store.names("list") == {"shells"}
    assert "list editors is not in Sysdig any more" in run("pull").stderr
    assert run("push", "--yes").stdout == "created list editors\n"


def test_every_sysdig_has_a_record_of_its_own(
    run: Run, rule_store: RuleStore, api: SecureApi, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    assert run("push", "--yes").exit_code == 0
    monkeypatch.setenv("FGUARD_SYSDIG_URL", api.url.replace("127.0.0.1", "localhost"))
    assert run("push", "--yes").exit_code == 0
    assert len(json.loads((folder / RECORD).read_text())["sysdigs"]) == 2
    rule_store.edit("list", "shells", items={"items": ["fish"]})
    monkeypatch.setenv("FGUARD_SYSDIG_URL", api.url)
    refused(run("push", "--yes"), "changed in Sysdig since")
    (folder / "mine.yaml").write_text(MINE.replace("[vi]", "[ed]"))
    rule_store.edit("list", "shells", items={"items": ["bash", "sh"]})
    assert run("push", "--yes").exit_code == 0
    assert items(rule_store, "editors") == ["ed"]


def test_a_record_of_another_version_is_neither_read_nor_written(run: Run, folder: Path) -> None:
    assert run("push", "--yes").exit_code == 0
    newer = (folder / RECORD).read_text().replace("record/v1", "record/v9")
    (folder / RECORD).write_text(newer)
    for command in (("push", "--yes"), ("diff",), ("pull",)):
        told = run(*command)
        assert (told.exit_code, "of another version of fguard" in told.stderr) == (1, True)
    assert (folder / RECORD).read_text() == newer


def test_a_file_that_is_a_link_stays_one(run: Run, rule_store: RuleStore, folder: Path) -> None:
    assert run("push", "--yes").exit_code == 0
    shared = (folder / "mine.yaml").rename(folder.parent / "shared.yaml")
    (folder / "mine.yaml").symlink_to(shared)
    rule_store.edit("list", "shells", items={"items": ["fish"]})
    assert run("pull").exit_code == 0
    assert (folder / "mine.yaml").readlink() == shared
    assert "[fish]" in shared.read_text()


def test_prune_leaves_what_was_not_pushed_from_here(run: Run, rule_store: RuleStore, folder: Path) -> None:
    assert run("push", "--yes").exit_code == 0
    add(rule_store, "pulled", "a")
    assert run("pull").exit_code == 0
    add(rule_store, "theirs", "a")
    (folder / "sysdig.yaml").unlink()
    (folder / "mine.yaml").write_text("- list: shells\n  items: [bash, sh]\n")
    refused(run("push", "--prune", "--yes"), "list pulled", "never pushed from here")
    assert rule_store.names("list") == {"shells", "editors", "pulled", "theirs"}
    del rule_store.objects["list"][rule_store.named("list", "pulled")["id"]]
    assert run("push", "--prune", "--yes").stdout == "deleted list editors\n"
    assert rule_store.names("list") == {"shells", "theirs"}


def test_prune_deletes_nothing_when_the_files_are_empty(run: Run, rule_store: RuleStore, folder: Path) -> None:
    assert run("push", "--yes").exit_code == 0
    (folder / "mine.yaml").write_text("# nothing left\n")
    refused(run("push", "--prune", "--yes"), "no rules at all", "list editors, list shells")
    assert rule_store.names("list") == {"shells", "editors"}
    assert run("push", "--prune", "--yes", "--force").exit_code == 0
    assert rule_store.names("list") == set()


def test_what_prune_would_delete_is_named_in_the_question(run: Run, folder: Path) -> None:
    assert run("push", "--yes").exit_code == 0
    (folder / "mine.yaml").write_text("- list: shells\n  items: [bash, sh]\n")
    asked = run("push", "--prune")
    assert asked.exit_code == 64
    assert "and delete list editors?" in asked.stderr


def test_who_changed_one_rule_here_and_another_there_pulls_and_pushes(
    run: Run, rule_store: RuleStore, folder: Path
) -> None:
    file = folder / "mine.yaml"
    file.write_text("- list: mine\n  items: [a]\n- list: theirs\n  items: [a]\n")
    assert run("push", "--yes").exit_code == 0
    rule_store.edit("list", "theirs", items={"items": ["a", "there"]})
    file.write_text(file.read_text().replace("mine\n  items: [a]", "mine\n  items: [a, here]"))
    assert run("push", "--yes").exit_code == 4
    pulled = run("pull")
    assert pulled.exit_code == 0
    assert "list mine was changed here and stays: fguard rules push" in pulled.stderr
    assert file.read_text() == "- list: mine\n  items: [a, here]\n- list: theirs\n  items: [a, there]\n"
    assert json.loads(run("pull", "--json").stdout)["changed_here"] == ["list mine"]
    assert run("push", "--yes").exit_code == 0
    assert rule_store.named("list", "mine")["items"] == {"items": ["a", "here"]}
    assert run("diff").exit_code == 0


@pytest.mark.parametrize(
    "answer", [b'{"name": "shells", "version": 1}', b'{"id": 1}', b'{"id": "1", "name": "shells"}', b"[]", b""]
)
def test_what_sysdig_answers_without_an_id_or_a_name_is_said_to_be_broken(
    api: SecureApi, client: SecureClient, answer: bytes
) -> None:
    api.interfere(saying(answer))
    with pytest.raises(BrokenAnswer, match="a list without id, name or version"):
        create(client, "list", {"name": "shells"})
