"""``fguard rules`` against the stand-in: nothing is lost on either side, and nothing is said that is not so."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from fargate_guard.cli.main import app
from fargate_guard.errors import PreflightError
from fargate_guard.sysdig.errors import SysdigError
from fargate_guard.sysdig.rules import update
from fargate_guard.workflows import rules as work
from fargate_guard.workflows.rule_files import local_rules
from tests.sysdig.conftest import PatientClock, client_of
from tests.sysdig_api import interferences as wrong
from tests.sysdig_api.rules_routes import EDITOR, PATHS
from tests.sysdig_api.server import READER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    from typer.testing import Result

    from tests.fguard_process import Fguard
    from tests.sysdig_api.rules_routes import RuleStore
    from tests.sysdig_api.server import SecureApi

    Run: TypeAlias = Callable[..., Result]

MINE = """\
# My rules.
- list: shells   # all of them
  items: [bash, sh]

- macro: opened
  condition: evt.type in (open, openat)

# Why this rule exists.
- rule: Shell opens a file
  desc: A shell opened a file.
  condition: >
    opened and proc.name in (shells)
    and not trusted
  output: Opened (%fd.name by %proc.cmdline)
  priority: NOTICE
  tags: [fargate, shell]
  exceptions:
    - name: known
      fields: [proc.name, fd.name]
      comps: [=, startswith]
      values: [[bash, /tmp/]]
"""
LISTS_AND_MACROS = MINE.partition("# Why")[0]


@pytest.fixture
def run(api: SecureApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rule_store: RuleStore) -> Run:
    """Run ``fguard rules`` beside MINE; Sysdig has a macro of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FGUARD_SYSDIG_TOKEN", EDITOR)
    monkeypatch.setenv("FGUARD_SYSDIG_URL", api.url)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "mine.yaml").write_text(MINE)
    rule_store.add("macro", {"name": "trusted", "condition": {"condition": "x"}}, origin="Sysdig")
    return lambda *arguments: CliRunner().invoke(app, ["rules", *arguments])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rules" / "mine.yaml"


def pushed(run: Run) -> None:
    assert run("push", "--yes").exit_code == 0


def changes(api: SecureApi) -> list[str]:
    return [asked.method for asked in api.asked if asked.method != "GET"]


def stranger(store: RuleStore, name: str = "theirs", items: tuple[str, ...] = ("a",)) -> None:
    store.add("list", {"name": name, "items": {"items": list(items)}, "append": False})


def test_diff_is_exit_2_with_a_unified_diff_and_after_a_push_it_says_nothing(
    run: Run, rule_store: RuleStore, api: SecureApi
) -> None:
    before = run("diff")
    assert before.exit_code == 2
    assert "create list shells\n--- sysdig: list shells\n+++ rules: list shells\n" in before.stdout
    assert "+items: [bash, sh]\n" in before.stdout
    assert changes(api) == []
    pushed(run)
    assert (run("diff").exit_code, run("diff").stdout) == (0, "Sysdig has these rules already.\n")
    assert rule_store.named("rule", "Shell opens a file")["details"]["priority"] == "notice"
    assert rule_store.named("list", "shells")["items"] == {"items": ["bash", "sh"]}


def test_a_push_changes_only_what_differs_and_a_second_one_nothing(
    run: Run, file: Path, api: SecureApi, rule_store: RuleStore
) -> None:
    pushed(run)
    rule_store.named("rule", "Shell opens a file")["novel"] = "kept"
    file.write_text(MINE.replace("[bash, sh]", "[bash, sh, zsh]").replace("opened and proc", "opened   and proc"))
    api.forget()
    result = run("push", "--yes")
    assert result.stdout == "updated list shells\n"
    assert changes(api) == ["PUT"]
    assert rule_store.named("list", "shells")["version"] == 2
    api.forget()
    assert run("push", "--yes").stdout == "Sysdig has these rules already.\n"
    assert changes(api) == []


def test_a_push_asks_and_without_a_terminal_refuses(run: Run, api: SecureApi) -> None:
    result = run("push")
    assert result.exit_code == 64
    assert "--yes" in result.stderr
    assert changes(api) == []


def test_what_the_check_refuses_is_not_pushed(run: Run, file: Path, api: SecureApi) -> None:
    file.write_text(MINE.replace("opened and", "opened andd"))
    result = run("push", "--yes")
    assert result.exit_code == 4
    assert "mine.yaml:12:12" in result.stderr
    assert changes(api) == []


def test_what_sysdig_cannot_keep_is_refused_with_the_place(run: Run, file: Path) -> None:
    file.write_text(MINE + "- rule: Shell opens a file\n  output: x\n  override: {output: replace}\n")
    result = run("push", "--yes")
    assert (result.exit_code, "cannot replace output" in result.stderr) == (4, True)
    assert "mine.yaml:24:13" in result.stderr


def test_appending_to_sysdigs_own_macro_makes_an_object_of_its_own(
    run: Run, file: Path, rule_store: RuleStore
) -> None:
    file.write_text("- macro: trusted\n  condition: or proc.name = vi\n  append: true\n")
    pushed(run)
    mine = [one for one in rule_store.objects["macro"].values() if one.get("append")]
    assert [one["condition"]["condition"] for one in mine] == ["or proc.name = vi"]
    assert run("diff").exit_code == 0


def test_a_change_made_in_sysdig_is_not_overwritten(run: Run, file: Path, rule_store: RuleStore) -> None:
    pushed(run)
    rule_store.edit("list", "shells", items={"items": ["fish"]})
    file.write_text(MINE.replace("[bash, sh]", "[zsh]"))
    refused = run("push", "--yes")
    assert refused.exit_code == 4
    assert "list shells" in refused.stderr
    assert rule_store.named("list", "shells")["items"] == {"items": ["fish"]}
    assert run("push", "--yes", "--force").exit_code == 0
    assert rule_store.named("list", "shells")["items"] == {"items": ["zsh"]}


def test_a_push_holds_to_the_diff_that_was_seen(run: Run, rule_store: RuleStore, api: SecureApi) -> None:
    digest = json.loads(run("diff", "--json").stdout)["digest"]
    stranger(rule_store, "shells")
    refused = run("push", "--yes", "--expect", digest)
    assert (refused.exit_code, "another one now" in refused.stderr) == (4, True)
    assert changes(api) == []


def test_what_changes_in_sysdig_behind_the_diff_is_noticed_before_anything_is_pushed(
    run: Run, api: SecureApi, rule_store: RuleStore, file: Path
) -> None:
    pushed(run)
    file.write_text(MINE.replace("[bash, sh]", "[zsh]"))
    client = client_of(api.url, PatientClock(), token=EDITOR)
    local = local_rules(file.parent, [file], work.known_to(client))
    seen = work.compare(local, work.remote_rules(client), {})
    (stored,) = (one.theirs.stored for one in seen.changes if one.theirs)
    rule_store.edit("list", "shells", items={"items": ["fish"]})
    with pytest.raises(PreflightError, match="nothing was pushed"):
        work.push(client, local, seen, prune=False)
    with pytest.raises(SysdigError) as refused:
        update(client, stored, {"items": {"items": ["zsh"]}})
    assert refused.value.status == 409
    assert rule_store.named("list", "shells")["items"] == {"items": ["fish"]}


def test_a_push_that_sysdig_refuses_half_way_says_what_was_pushed(
    run: Run, rule_store: RuleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rule_store.objects["rule"], 1, {"id": 1, "name": "Shell opens a file", "origin": "Sysdig"})
    rule_store.objects["rule"][1]["details"] = {"append": False}
    refused = run("push", "--yes")
    assert refused.exit_code == 1
    assert "create rule Shell opens a file" in refused.stderr
    assert "pushed before it: list shells, macro opened" in refused.stderr


def test_nothing_is_deleted_without_prune(run: Run, rule_store: RuleStore, file: Path) -> None:
    pushed(run)
    stranger(rule_store)
    file.write_text(LISTS_AND_MACROS)
    assert "Only in Sysdig, left alone: list theirs, rule Shell opens a file" in run("diff").stdout
    pushed(run)
    assert rule_store.names("rule") == {"Shell opens a file"}
    shown = run("diff", "--prune").stdout
    assert "delete rule Shell opens a file\n" in shown
    assert "Only in Sysdig, left alone: list theirs\n" in shown
    assert run("push", "--prune").exit_code == 64
    assert run("push", "--prune", "--yes").exit_code == 0
    assert (rule_store.names("rule"), rule_store.names("list")) == (set(), {"shells", "theirs"})
    assert rule_store.names("macro") == {"opened", "trusted"}


def test_prune_with_single_files_is_refused(run: Run) -> None:
    assert run("push", "rules/mine.yaml", "--prune", "--yes").exit_code == 64


def test_pull_then_diff_says_nothing_and_comments_stay(run: Run, file: Path, rule_store: RuleStore) -> None:
    pushed(run)
    stranger(rule_store, items=("a b", "true", "0", "ä", "it's: x"))
    rule_store.edit("list", "shells", items={"items": ["bash", "fish"]})
    pulled = run("pull")
    assert pulled.exit_code == 0
    assert file.read_text() == MINE.replace("[bash, sh]", "[bash, fish]")
    assert (file.parent / "sysdig.yaml").read_text().startswith("# Rules from Sysdig Secure")
    assert run("diff").exit_code == 0
    assert run("check", "--remote", "--strict").exit_code == 0
    assert run("pull").stdout == "Nothing is new in Sysdig.\n"


def test_everything_pulled_into_an_empty_folder_is_the_same_again(
    run: Run, file: Path, rule_store: RuleStore
) -> None:
    pushed(run)
    rule_store.edit("macro", "opened", condition={"condition": 'evt.type = open and\n  fd.name = "a  b"'})
    for one in file.parent.iterdir():
        one.unlink()
    file.parent.rmdir()
    assert run("pull").exit_code == 0
    assert run("diff").exit_code == 0
    assert run("check", "--remote", "--strict").exit_code == 0


def test_pull_does_not_overwrite_what_was_changed_here(run: Run, file: Path, rule_store: RuleStore) -> None:
    pushed(run)
    rule_store.edit("list", "shells", items={"items": ["fish"]})
    mine = MINE.replace("[bash, sh]", "[zsh]")
    file.write_text(mine)
    refused = run("pull")
    assert refused.exit_code == 4
    assert "list shells" in refused.stderr
    assert file.read_text() == mine
    assert run("pull", "--force").exit_code == 0
    assert "[fish]" in file.read_text()


def test_pull_tells_what_is_gone_on_either_side(run: Run, file: Path, rule_store: RuleStore) -> None:
    pushed(run)
    rule_store.objects["list"].clear()
    file.write_text(LISTS_AND_MACROS)
    pulled = run("pull")
    assert "list shells is not in Sysdig any more; the file keeps it" in pulled.stderr
    assert "rule Shell opens a file was deleted here and is in Sysdig still" in pulled.stderr
    assert file.read_text() == LISTS_AND_MACROS


def test_a_file_with_windows_line_ends_keeps_them(run: Run, file: Path, rule_store: RuleStore) -> None:
    file.write_bytes(MINE.replace("\n", "\r\n").encode())
    pushed(run)
    rule_store.edit("rule", "Shell opens a file", tags=["other"])
    assert run("pull").exit_code == 0
    assert b"tags: [other]\r\n" in file.read_bytes()
    assert run("diff").exit_code == 0


@pytest.mark.parametrize("answer", [[{"id": 1}], {"lists": []}, [3]])
def test_a_broken_list_of_names_is_said(run: Run, api: SecureApi, answer: Any) -> None:
    api.interfere(wrong.answering(wrong.json_answer(200, answer)), path="/api/secure", times=2)
    broken = run("diff")
    assert broken.exit_code == 1
    assert "Sysdig Secure's answer" in broken.stderr


@pytest.mark.parametrize("answer", [{"id": "7", "name": "theirs"}, {"id": 7, "name": "theirs"}, [], {}])
def test_a_broken_object_is_said(run: Run, api: SecureApi, rule_store: RuleStore, answer: Any) -> None:
    stranger(rule_store)
    number = rule_store.named("list", "theirs")["id"]
    api.interfere(wrong.answering(wrong.json_answer(200, answer)), path=f"{PATHS['list']}/{number}")
    broken = run("diff")
    assert broken.exit_code == 1
    assert "Sysdig Secure" in broken.stderr


def test_defaults_that_sysdig_fills_in_are_no_difference(run: Run, file: Path, rule_store: RuleStore) -> None:
    file.write_text(MINE.replace("      comps: [=, startswith]\n", ""))
    pushed(run)
    (exception,) = rule_store.named("rule", "Shell opens a file")["details"]["exceptions"]
    exception["comps"] = ["=", "="]
    assert run("diff").exit_code == 0


def test_a_layout_that_cannot_be_edited_is_left_alone(run: Run, file: Path, rule_store: RuleStore) -> None:
    text = "- list: a\n  items: &all [x]\n- list: b\n  items: *all\n"
    file.write_text(text)
    pushed(run)
    rule_store.edit("list", "a", items={"items": ["y"]})
    refused = run("pull")
    assert (refused.exit_code, "nothing was written" in refused.stderr) == (1, True)
    assert file.read_text() == text


def test_a_reader_is_told_the_permission_that_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FGUARD_SYSDIG_TOKEN", READER)
    refused = run("push", "--yes")
    assert (refused.exit_code, "falco-rules.edit" in refused.stderr) == (1, True)


def test_remote_resolves_what_sysdig_delivers(run: Run) -> None:
    local, remote = (json.loads(run("check", "--json", *more).stdout) for more in ((), ("--remote",)))
    assert [one["check"] for one in local["findings"]] == ["undefined-macro"]
    assert remote["findings"] == []
    assert run("check", "--strict").exit_code == 3


def test_the_json_of_each_command_has_its_schema(run: Run) -> None:
    def schema(*arguments: str) -> Any:
        return json.loads(run(*arguments, "--json").stdout)["schema"]

    assert schema("check") == "fguard.rules.check/v1"
    assert schema("diff") == "fguard.rules.diff/v1"
    assert schema("push", "--yes") == "fguard.rules.push/v1"
    assert schema("pull") == "fguard.rules.pull/v1"


def test_without_rules_that_is_wrong_usage(run: Run, file: Path) -> None:
    file.unlink()
    assert run("check").exit_code == 64
    file.parent.rmdir()
    assert "fguard rules pull" in run("check").stderr
    assert run("check", "nowhere.yaml").exit_code == 64


def test_a_damaged_record_is_said(run: Run, file: Path) -> None:
    (file.parent / ".fguard-rules.json").write_text('{"schema": []')
    damaged = run("diff")
    assert (damaged.exit_code, "is damaged" in damaged.stderr) == (1, True)


@pytest.mark.parametrize(("answer", "code", "lists"), [(b"no\n", 1, set()), (b"yes\n", 0, {"shells"})])
@pytest.mark.usefixtures("run")
def test_on_a_terminal_a_push_shows_the_diff_and_asks(
    fguard: Fguard, rule_store: RuleStore, answer: bytes, code: int, lists: set[str]
) -> None:
    sysdig = {key: value for key, value in os.environ.items() if key.startswith("FGUARD_SYSDIG_")}
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*fguard.command, "rules", "push"],
        cwd=fguard.folder,
        env={**fguard.full_environ(), "TERM": "dumb", **sysdig},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        while b"to go on: " not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, answer)
        printed, _ = process.communicate(timeout=30)
    os.close(ours)
    assert b"+items: [bash, sh]" in shown
    assert process.returncode == code
    assert rule_store.names("list") == lists
    assert (b"Nothing was pushed." in printed) is (code == 1)
