"""``fguard instrument`` and ``fguard uninstrument``: inputs, outputs, exit codes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from fargate_guard.cli.main import run as run_command_line
from tests.cli.definitions import FLAGS, WEB, instrumented, variables

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.definitions import Run
    from tests.fguard_process import Fguard


# As a process.


@pytest.mark.parametrize("command", ["instrument", "uninstrument"])
def test_the_example_in_the_help_runs_as_it_stands(fguard: Fguard, command: str) -> None:
    example = fguard(command, "--help").stdout.partition("Example:\n")[2].partition("\n\n")[0]
    script = f'fguard() {{ "{sys.executable}" -m fargate_guard.cli.main "$@"; }}\n{example}\n'
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=fguard.folder,
        env=fguard.full_environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    original = (fguard.folder / "web.json").read_text()
    if command == "instrument":
        assert '"pidMode": "task"\n' in ran.stdout
        assert "instrumented.json: nothing to change" in ran.stderr
        assert ran.stdout.endswith(original)
    else:
        assert json.loads(ran.stdout)[0]["entryPoint"] == ["nginx"]


def test_the_process_prints_data_on_stdout_and_messages_on_stderr(fguard: Fguard) -> None:
    (fguard.folder / "web.json").write_text(json.dumps(WEB))
    ran = fguard("instrument", "web.json", *FLAGS)
    assert ran.exit_code == 0
    assert variables(instrumented(ran.stdout))["SYSDIG_ORCHESTRATOR"] == "orchestrator.internal"
    assert ran.stderr == "web.json: container web: instrumented\n"


def test_a_refusal_is_exit_4_with_file_path_and_fields_to_set(fguard: Fguard) -> None:
    (fguard.folder / "web.json").write_text('[{"name": "web", "image": "nginx"}]')
    ran = fguard("instrument", "web.json", *FLAGS, "--offline")
    assert ran.exit_code == 4
    assert ran.stdout == ""
    assert "where  web.json: $[0].image (nginx)" in ran.stderr
    assert "--entrypoint web=" in ran.stderr
    assert "entryPoint and command" in ran.stderr


# Inputs and outputs.


def test_standard_input_to_standard_output_and_back(run: Run, folder: Path) -> None:
    text = (folder / "web.json").read_text(encoding="utf-8")
    there = run("instrument", "-", *FLAGS, stdin=text)
    instrumented(there.stdout)
    assert "standard input: container web: instrumented" in there.stderr
    assert run("uninstrument", "-", stdin=there.stdout).stdout == text


def test_output_to_a_file(run: Run, folder: Path) -> None:
    ran = run("instrument", "web.json", *FLAGS, "-o", "out.json")
    assert (ran.exit_code, ran.stdout) == (0, "")
    instrumented((folder / "out.json").read_text(encoding="utf-8"))
    assert json.loads((folder / "web.json").read_text(encoding="utf-8")) == WEB


def test_several_files_to_a_folder(run: Run, folder: Path) -> None:
    (folder / "api.json").write_text(json.dumps(WEB["containerDefinitions"]))
    ran = run("instrument", "web.json", "api.json", *FLAGS, "--output-dir", "out/new")
    assert ran.exit_code == 0
    assert sorted(path.name for path in (folder / "out/new").iterdir()) == ["api.json", "web.json"]
    assert isinstance(json.loads((folder / "out/new/api.json").read_text()), list)


def test_in_place_keeps_the_mode_and_comes_back_byte_for_byte(run: Run, folder: Path) -> None:
    file = folder / "web.json"
    file.chmod(0o640)
    before = file.read_bytes()
    assert run("instrument", "web.json", *FLAGS, "--in-place").exit_code == 0
    instrumented(file.read_text(encoding="utf-8"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    written = file.stat().st_mtime_ns
    assert run("instrument", "web.json", *FLAGS, "--in-place").exit_code == 0
    assert file.stat().st_mtime_ns == written, "nothing to change, so nothing is written"
    assert run("uninstrument", "web.json", "--in-place").exit_code == 0
    assert file.read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["web.json"]


def test_in_place_writes_through_a_link(run: Run, folder: Path) -> None:
    (folder / "link.json").symlink_to("web.json")
    assert run("instrument", "link.json", *FLAGS, "--in-place").exit_code == 0
    assert (folder / "link.json").is_symlink()
    instrumented((folder / "web.json").read_text(encoding="utf-8"))


def test_output_writes_through_a_link(run: Run, folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "real/out.json").write_text("{}")
    for link, target in (("link.json", "real/out.json"), ("dangling.json", "real/new.json")):
        (folder / link).symlink_to(target)
        assert run("instrument", "web.json", *FLAGS, "-o", link).exit_code == 0
        assert (folder / link).is_symlink()
        instrumented((folder / target).read_text(encoding="utf-8"))


def test_output_to_a_pipe_is_written_to_and_the_pipe_stays(run: Run, folder: Path) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert run("instrument", "web.json", *FLAGS, "--output", "pipe").exit_code == 0
        instrumented(os.read(reader, 65_536).decode())
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(path.name for path in folder.iterdir()) == ["pipe", "web.json"]


def test_output_to_the_standard_output_that_is_a_file_leaves_what_it_holds(fguard: Fguard) -> None:
    (fguard.folder / "web.json").write_text(json.dumps(WEB))
    script = f'(echo first; "{sys.executable}" -m fargate_guard.cli.main "$@"; echo last) > out.txt'
    command = ["bash", "-c", script, "-", "instrument", "web.json", *FLAGS, "-o", "/dev/stdout"]
    subprocess.run(command, cwd=fguard.folder, env=fguard.full_environ(), check=True, capture_output=True)
    text = (fguard.folder / "out.txt").read_text()
    assert text.startswith("first\n{")
    assert text.endswith("last\n")
    instrumented(text.removeprefix("first\n").removesuffix("last\n"))


def test_one_bad_file_of_several_leaves_all_as_they_are_and_all_bad_ones_are_told(run: Run, folder: Path) -> None:
    (folder / "bad.json").write_text('[{"name": "web", "image": "nginx"}]')
    (folder / "worse.json").write_text("[1 2]")
    before = (folder / "web.json").read_bytes()
    ran = run("instrument", "web.json", "bad.json", "worse.json", *FLAGS, "--in-place")
    assert ran.exit_code == 64
    assert "bad.json: $[0].image" in ran.stderr
    assert "worse.json: line 1, column 4" in ran.stderr
    document = json.loads(run("instrument", "web.json", "bad.json", "worse.json", *FLAGS, "--json").stdout)
    assert [error["where"].partition(":")[0] for error in document["errors"]] == ["bad.json", "worse.json"]
    assert document["exit_code"] == 64
    assert (folder / "web.json").read_bytes() == before


def test_a_file_that_cannot_be_written_leaves_all_as_they_are(run: Run, folder: Path) -> None:
    before = (folder / "web.json").read_bytes()
    (folder / "out").write_text("a file where a folder should be")
    ran = run("instrument", "web.json", *FLAGS, "--output-dir", "out")
    assert ran.exit_code == 1
    assert "every file is as it was" in ran.stderr
    (folder / "blocked").mkdir()
    (folder / "blocked/web.json").mkdir()
    assert run("instrument", "web.json", *FLAGS, "--output-dir", "blocked").exit_code == 1
    assert (folder / "web.json").read_bytes() == before
    assert not list((folder / "blocked").glob(".*"))


def test_when_the_last_of_several_files_fails_the_first_gets_its_content_back(run: Run, folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out/api.json").write_text("old")
    (folder / "out/web.json").mkdir()
    (folder / "api.json").write_text(json.dumps(WEB))
    ran = run("instrument", "api.json", "web.json", *FLAGS, "--output-dir", "out")
    assert ran.exit_code == 1
    assert (folder / "out/api.json").read_text() == "old"
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["api.json", "web.json"]


def test_diff_shows_the_change_and_writes_nothing(run: Run, folder: Path) -> None:
    before = (folder / "web.json").read_bytes()
    ran = run("instrument", "web.json", *FLAGS, "--diff")
    assert ran.stdout.startswith("--- web.json\n+++ web.json (new)\n")
    assert '+        "/opt/draios/bin/instrument",' in ran.stdout
    assert (folder / "web.json").read_bytes() == before
    subprocess.run(["patch", "--dry-run", "-p0"], input=ran.stdout, text=True, check=True, capture_output=True)


def test_the_diff_of_one_line_is_indented(run: Run, folder: Path) -> None:
    (folder / "line.json").write_text(json.dumps(WEB))
    diff = run("instrument", "line.json", *FLAGS, "--diff").stdout
    assert '+  "pidMode": "task"' in diff.splitlines()
    assert max(map(len, diff.splitlines())) < 300
    assert diff.startswith("--- line.json\n+++ line.json (new)\n")


def test_a_container_to_leave_out_must_be_in_one_of_the_files(run: Run, folder: Path) -> None:
    (folder / "api.json").write_text('[{"name": "api", "image": "api:1"}, {"name": "x", "image": "x:1"}]')
    files = ("web.json", "api.json", *FLAGS, "--check")
    ran = run("instrument", *files, "--ignore-container", "api", "--ignore-container", "x")
    assert ran.exit_code == 2
    assert "api.json: container api: not instrumented (left out as asked)" in ran.stderr
    assert "web.json: container web: instrumented" in ran.stderr
    ran = run("instrument", *files, "--ignore-container", "api", "--ignore-container", "y")
    assert ran.exit_code == 4
    assert "there is no container y to leave out" in ran.stderr


def test_check_is_exit_2_when_something_would_change(run: Run, folder: Path) -> None:
    before = (folder / "web.json").read_bytes()
    ran = run("instrument", "web.json", *FLAGS, "--check")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert (folder / "web.json").read_bytes() == before
    run("instrument", "web.json", *FLAGS, "--in-place")
    assert run("instrument", "web.json", *FLAGS, "--check").exit_code == 0
    assert run("instrument", "web.json", "--orchestrator-host", "other", "--check").exit_code == 2
    assert run("uninstrument", "web.json", "--check").exit_code == 2


def test_json_is_one_document_with_definitions_and_outcomes(run: Run, folder: Path) -> None:
    (folder / "api.json").write_text(
        '[{"Name": "api", "Image": "a:1"}, {"Name": "x", "Image": "x", "EntryPoint": ["x"]}]'
    )
    ran = run("instrument", "web.json", "api.json", *FLAGS, "--ignore-container", "api", "--json")
    document = json.loads(ran.stdout)
    assert (document["schema"], document["exit_code"]) == ("fguard.instrument/v1", 0)
    web, api = document["definitions"]
    assert instrumented(json.dumps(web["definition"]))["pidMode"] == "task"
    assert (web["source"], web["shape"], web["changed"], web["output"]) == (
        "web.json",
        "task definition",
        True,
        None,
    )
    assert api["containers"][0] == {
        "name": "api",
        "path": "$[0]",
        "resource": None,
        "instrumented": False,
        "reason": "left out as asked",
    }
    assert "pidMode" in api["warnings"][0]["message"]
    refused = json.loads(run("instrument", "api.json", *FLAGS, "--json").stdout)
    assert refused["exit_code"] == 4
    assert refused["error"]["where"] == "api.json: $[0].Image (a:1)"


WRONG_USAGE = [
    (("web.json", "api.json"), "several task definitions do not fit on standard output"),
    (("web.json", "api.json", "-o", "x"), "--output takes one file"),
    (("web.json", "-o", "x", "--in-place"), "only one of --output, --output-dir and --in-place"),
    (("web.json", "--check", "--in-place"), "--check writes nothing"),
    (("web.json", "-o", "sub"), "--output is a folder"),
    (("pipe", "--in-place"), "this is a pipe or a device"),
    (("-", "--in-place"), "standard input has no name"),
    (("web.json", "web.json", "--in-place"), "web.json is given twice"),
    (("web.json", "sub/web.json", "--output-dir", "x"), "two files are called web.json"),
    (("missing.json",), "there is no such file"),
    (("no/such/web",), "there is no such file"),
    (("sub/*.yaml",), "no file fits this pattern"),
    (("empty",), "there is no file to look at in this folder"),
    (("web:3", "--in-place"), "this is no file but a task definition in ECS"),
    (("sub", "--for-registration", "--check", "-o", "x"), "--check writes nothing"),
    (("array.json", "--for-registration"), "this is an array of container definitions"),
    (("web.json", "--parameter", "Stage"), "give NAME=VALUE"),
    (("binary.json",), "not UTF-8 text"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG_USAGE, ids=[case[1] for case in WRONG_USAGE])
@pytest.mark.parametrize("command", ["instrument", "uninstrument"])
def test_wrong_usage_is_exit_64(
    run: Run, folder: Path, command: str, arguments: tuple[str, ...], message: str
) -> None:
    (folder / "sub").mkdir()
    (folder / "empty").mkdir()
    (folder / "array.json").write_text(json.dumps(WEB["containerDefinitions"]))
    for name in ("api.json", "sub/web.json"):
        (folder / name).write_text(json.dumps(WEB))
    os.mkfifo(folder / "pipe")
    (folder / "binary.json").write_bytes(b"\xff\xfe{}")
    ran = run(command, *arguments, *(FLAGS if command == "instrument" else ()))
    assert ran.exit_code == 64
    assert message in ran.stderr
    assert ran.stdout == ""


def test_no_task_definition_is_exit_64(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001
    assert run_command_line(["instrument"]) == 64
    assert "TASK_DEF" in capsys.readouterr().err


def test_a_name_cannot_command_the_terminal(run: Run, folder: Path) -> None:
    (folder / "web.json").write_text(json.dumps({**WEB, "x\x1b[2Jy": 1}))
    told = run("instrument", "web.json", *FLAGS).stderr
    assert "x\\x1b[2Jy" in told
    assert "\x1b" not in told
