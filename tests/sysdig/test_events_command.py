"""``fguard events`` as people and scripts use it."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import subprocess
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from fargate_guard.cli.main import app
from tests.fguard_process import Fguard
from tests.sysdig_api import interferences as wrong
from tests.sysdig_api.events_routes import EVENTS_PATH
from tests.sysdig_api.looks import has_looked
from tests.sysdig_api.made_events import TASK, fargate_event
from tests.sysdig_api.rules_routes import EDITOR
from tests.sysdig_api.server import READER, SecureApi
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typer.testing import Result

    from tests.sysdig_api.events_routes import EventStore

CONFIG = """\
name: training
sysdig:
  region: us1
  access_key: {{env: SYSDIG_ACCESS_KEY}}
  api:
    url: {url}
    token: {{file: token}}
"""
Json = dict[str, Any]


@pytest.fixture
def run(api: SecureApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run ``fguard events`` in a folder whose configuration leads to the stand-in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    (tmp_path / "fguard.yaml").write_text(CONFIG.format(url=api.url))
    (tmp_path / "token").write_text(f"{READER}\n")
    (tmp_path / "token").chmod(0o600)

    def invoke(*arguments: str, aws: bool = False) -> Result:
        options = arguments if aws else ("--no-aws", *arguments)
        return CliRunner().invoke(app, ["events", *options])

    return invoke


def ago(seconds: float) -> int:
    return time.time_ns() - int(seconds * 1e9)


def lines(result: Result) -> list[Json]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_pipe_gets_one_json_document_per_line_oldest_first(
    run: Callable[..., Result], store: EventStore
) -> None:
    store.publish([fargate_event(ago(60)), fargate_event(ago(3600), severity=7), fargate_event(ago(90000))])
    result = run()
    assert result.exit_code == 0
    older, newer = lines(result)
    assert (older["level"], newer["level"]) == ("info", "high")
    assert newer["task"]["arn"] == TASK
    assert newer["task"]["unknown"] == "ECS was not asked (--no-aws)"
    assert newer["raw"]["content"]["policyVersion"] == 3
    assert datetime.fromisoformat(newer["time"]).timestamp() == pytest.approx(newer["timestamp"] / 1e9, abs=1e-5)
    assert "2 events: 1 high, 1 info" in result.stderr


def test_json_is_one_document_with_what_was_asked(
    run: Callable[..., Result], store: EventStore, api: SecureApi
) -> None:
    store.publish([fargate_event(ago(60))])
    document = json.loads(run("--json", "--since", "2h").stdout)
    assert document["schema"] == "fguard.events/v1"
    assert document["sysdig"] == {"url": api.url, "region": None}
    assert document["to"] - document["from"] == 7200 * 10**9
    assert (document["count"], document["more"], document["fails"], document["exit_code"]) == (1, False, False, 0)
    assert document["events"][0]["rule"] == "Write below binary dir"


def test_nothing_found_prints_nothing(run: Callable[..., Result]) -> None:
    result = run()
    assert (result.exit_code, result.stdout) == (0, "")
    assert "0 events" in result.stderr


@pytest.mark.parametrize(
    ("level", "worst", "code"), [("high", 3, 3), ("high", 4, 0), ("medium", 5, 3), ("low", 7, 0), ("info", 7, 3)]
)
def test_fail_on_gives_ci_an_exit_code(
    run: Callable[..., Result], store: EventStore, level: str, worst: int, code: int
) -> None:
    store.publish([fargate_event(ago(60), severity=7), fargate_event(ago(70), severity=worst)])
    assert run("--fail-on", level).exit_code == code


def test_filters_leave_what_was_asked_for(run: Callable[..., Result], store: EventStore, api: SecureApi) -> None:
    other = TASK.replace("task/training/", "task/other/")
    store.publish(
        [
            fargate_event(ago(60), rule="Terminal shell", container="web"),
            fargate_event(ago(61), policy="Other policy", severity=6),
            fargate_event(ago(62), task_arn=other, cluster_arn="arn:aws:ecs:us-east-1:123456789012:cluster/other"),
            fargate_event(ago(63), task_arn=None),
        ]
    )
    counts = {
        ("--rule", "Terminal*"): 1,
        ("--rule", "Terminal shell", "--rule", "Write below binary dir"): 3,
        ("--policy", "Other policy"): 1,
        ("--severity", "high"): 2,
        ("--cluster", "training"): 2,
        ("--cluster", "train"): 0,
        ("--task", other): 1,
        ("--task", TASK.rpartition("/")[2]): 3,
        ("--container", "web"): 1,
        ("--container", "web", "--severity", "medium", "--cluster", "training"): 1,
        (): 3,
        ("--all-sources",): 4,
        ("--since", "50s"): 0,
    }
    assert {given: len(lines(run(*given))) for given in counts} == counts
    assert any("filter" in asked.parameters() for asked in api.asked)


def test_csv_is_one_line_per_event_and_no_cell_is_a_formula(run: Callable[..., Result], store: EventStore) -> None:
    nasty = ['=HYPERLINK("http://x")', "+1", "-1", "@x", "\t=1", " =1", "a\r\nb,c", "\x1b[2J\u202egnp", 'say "hi"']
    store.publish(fargate_event(ago(60 - number), output=text) for number, text in enumerate(nasty))
    result = run("--format", "csv")
    assert len(result.stdout.splitlines()) == 1 + len(nasty)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert rows[0]["output"] == '\'=HYPERLINK("http://x")'
    assert all(cell[:1] not in "=+-@\t\r" for row in rows for cell in row.values() if cell)
    assert rows[6]["output"] == "a\\r\\nb,c"
    assert rows[7]["output"] == "\\x1b[2J\\u202egnp"
    assert rows[8]["output"] == 'say "hi"'
    assert rows[0]["task_arn"] == TASK
    assert rows[0]["severity"] == "3"


@pytest.mark.parametrize("options", ["--format table", "--format jsonl", "--format csv", "--json"])
def test_no_text_of_an_event_commands_the_terminal(
    run: Callable[..., Result], store: EventStore, options: str
) -> None:
    evil = "\x1b]0;pwned\x07\x9b2J\u202e\u2028\r\nFAKE LINE\x00"
    store.publish([fargate_event(ago(60), output=evil, rule=evil, container=evil, policy=evil)])
    out = run(*options.split()).stdout
    assert not any(ord(one) < 32 and one != "\n" for one in out)
    assert not set(out) & {"\x7f", "\x9b", "\u202e", "\u2028"}
    assert not any(line.startswith("FAKE") for line in out.splitlines())


def test_a_table_says_unknown_plainly(run: Callable[..., Result], store: EventStore) -> None:
    store.publish([fargate_event(ago(60))])
    head, row, happened, task = run("--format", "table").stdout.splitlines()
    assert head.split()[:6] == ["TIME", "LEVEL", "RULE", "SERVICE", "REVISION", "TASK"]
    assert row.count("unknown") == 2
    assert "0123456789ab" in row
    assert happened.startswith("    File below a known binary directory")
    assert task == "    task unknown: ECS was not asked (--no-aws)"


def test_without_aws_credentials_events_are_shown_and_the_reason_told(
    run: Callable[..., Result], store: EventStore
) -> None:
    store.publish([fargate_event(ago(60))])
    result = run("--region", "us-east-1", aws=True)
    assert result.exit_code == 0
    assert "could not be asked" in lines(result)[0]["task"]["unknown"]
    assert "--no-aws" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--since", "soon"), 64, "--since 2h"),
        (("--since", "1h", "--until", "2h"), 64, "begin after they end"),
        (("--service", "web"), 64, "leave out --no-aws"),
        (("--follow", "--json"), 64, "--format jsonl"),
        (("--follow", "--limit", "5"), 64, "leave out --limit"),
        (("--severity", "severe"), 2, "severe"),
        (("--sysdig-region", "mars1"), 64, "us1"),
        (("--sysdig-url", "http://example.com"), 64, "https://"),
    ],
)
def test_what_makes_no_sense_is_refused(
    run: Callable[..., Result], arguments: tuple[str, ...], code: int, says: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == code
    assert says in result.stderr


def test_it_works_without_a_configuration_file(
    run: Callable[..., Result], store: EventStore, api: SecureApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fguard.yaml").unlink()
    store.publish([fargate_event(ago(60))])
    assert run().exit_code == 4
    monkeypatch.setenv("FGUARD_SYSDIG_URL", api.url)
    assert "FGUARD_SYSDIG_TOKEN" in run().stderr
    monkeypatch.setenv("SYSDIG_SECURE_TOKEN", READER)
    assert len(lines(run())) == 1


def test_a_filter_that_sysdig_refuses_is_applied_here(
    run: Callable[..., Result], store: EventStore, api: SecureApi
) -> None:
    store.publish([fargate_event(ago(60)), fargate_event(ago(61), severity=7)])
    api.interfere(wrong.answering(wrong.error_answer(400, "bad_request", "invalid filter")), path=EVENTS_PATH)
    result = run("--severity", "high")
    assert [line["level"] for line in lines(result)] == ["high"]
    assert "refuses the filter (HTTP 400 Bad Request: invalid filter)" in result.stderr
    assert not any("filter" in asked.parameters() for asked in api.asked[2:])


def test_a_wait_for_the_rate_limit_is_told(run: Callable[..., Result], api: SecureApi) -> None:
    api.interfere(wrong.too_many_requests(1))
    result = run()
    assert result.exit_code == 0
    assert "answers no more requests for now; asking again in 1 s" in result.stderr


def test_against_the_embedded_aws_it_says_that_no_event_comes_from_there(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")
    assert "no agent runs in it" in run().stderr


@pytest.fixture
def fguard(api: SecureApi, tmp_path: Path) -> Fguard:
    environ = {"FGUARD_SYSDIG_URL": api.url, "FGUARD_SYSDIG_TOKEN": READER, "PYTHONUNBUFFERED": "1"}
    return Fguard(tmp_path, environ)


def test_follow_prints_events_as_they_come_survives_trouble_and_ends_with_ctrl_c(
    fguard: Fguard, api: SecureApi, store: EventStore
) -> None:
    with fguard.start("events", "--follow", "--no-aws", "--interval", "0.1") as process:
        assert process.stdout is not None
        wait_until(lambda: has_looked(api), "the first look")
        for interference in (wrong.reset, wrong.failing(500), wrong.too_many_requests(0)):
            api.interfere(interference)
            event = fargate_event(time.time_ns())
            store.publish([event])
            assert json.loads(process.stdout.readline())["id"] == event["id"]
        process.send_signal(signal.SIGINT)
        try:
            stdout, stderr = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 130
    assert stdout == ""
    assert "Traceback" not in stderr
    assert READER not in stderr


def test_a_token_that_is_renewed_in_its_file_is_taken(
    run: Callable[..., Result], api: SecureApi, store: EventStore, tmp_path: Path
) -> None:
    store.publish([fargate_event(ago(60))])

    def renew(handler: Any, _: object) -> None:
        (tmp_path / "token").write_text(f"{EDITOR}\n")
        handler.say(wrong.error_answer(401, "unauthorized", "Expired."))

    api.interfere(renew, path=EVENTS_PATH)
    assert len(lines(run())) == 1
    used = [asked.headers["Authorization"].removeprefix("Bearer ") for asked in api.asked]
    assert (used[0], used[-1]) == (READER, EDITOR)
    api.interfere(wrong.answering(wrong.error_answer(401, "unauthorized", "Expired.")), times=9)
    assert run().exit_code == 4


def test_follow_with_fail_on_ends_with_the_first_such_event(
    fguard: Fguard, api: SecureApi, store: EventStore
) -> None:
    with fguard.start(
        *("events", "--follow", "--no-aws", "--interval", "0.1", "--fail-on", "medium", "--format", "csv")
    ) as process:
        wait_until(lambda: has_looked(api), "the first look")
        store.publish([fargate_event(time.time_ns(), severity=7)])
        store.publish([fargate_event(time.time_ns() + 1000, severity=5)])
        stdout, _ = process.communicate(timeout=120)
    assert process.returncode == 3
    assert [line.split(",")[1] for line in stdout.splitlines()][-1] == "medium"


def test_a_reader_that_goes_away_ends_following_without_a_word(
    fguard: Fguard, api: SecureApi, store: EventStore
) -> None:
    with fguard.start("events", "--follow", "--no-aws", "--interval", "0.1") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        wait_until(lambda: has_looked(api), "the first look")
        process.stdout.close()
        store.publish([fargate_event(time.time_ns())])
        told = process.stderr.read()
        assert process.wait(timeout=120) == 141
    assert told.splitlines() == [f"following {api.url.removeprefix('http://')}; Ctrl-C ends it"]


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)


def test_a_terminal_gets_a_table_that_fits(fguard: Fguard, store: EventStore, terminal: tuple[int, int]) -> None:
    store.publish([fargate_event(ago(60), output="x" * 500)])
    ours, theirs = terminal
    environ = {**fguard.full_environ(), "COLUMNS": "100"}
    command = [*fguard.command, "events", "--no-aws"]
    with subprocess.Popen(
        command, cwd=fguard.folder, env=environ, stdout=theirs, stderr=subprocess.PIPE
    ) as process:
        os.close(theirs)
        shown = b""
        while b"task unknown" not in shown and (chunk := os.read(ours, 4096)):
            shown += chunk
        process.communicate(timeout=120)
    rows = shown.decode().replace("\r", "").splitlines()
    assert rows[0].startswith("TIME")
    assert all(len(row) <= 100 for row in rows)


@pytest.mark.parametrize(
    "arguments",
    [
        *(("--since", "0001-01-01"), ("--since", "100000w"), ("--since", ""), ("--follow", "--until", "")),
        *(("--follow", "--interval", "nan"), ("--follow", "--interval", "inf")),
        ("--follow", "--since", "1m", "--until", "5m"),
    ],
)
def test_times_that_make_no_sense_are_refused_before_anything_is_asked(
    run: Callable[..., Result], api: SecureApi, arguments: tuple[str, ...]
) -> None:
    result = run(*arguments)
    assert result.exit_code in (2, 64), result.stderr  # 2: click's own, which the process turns into 64
    assert api.asked == []


def test_an_end_in_the_far_future_is_now(run: Callable[..., Result], api: SecureApi, store: EventStore) -> None:
    store.publish([fargate_event(ago(60))])
    assert len(lines(run("--since", "1h", "--until", "9999-12-31"))) == 1
    assert sum("from" in asked.parameters() for asked in api.asked) <= 2


def test_half_a_character_in_an_event_does_not_break_the_document(
    run: Callable[..., Result], store: EventStore
) -> None:
    event = fargate_event(ago(60))
    event["content"]["output"] = "\ud800\x1b[2J"
    store.publish([event])
    result = run("--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["events"][0]["output"] == "\ud800\x1b[2J"
