"""Numbers that are none, or too large or small, are refused before anything is read or started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fargate_guard.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

LIMITED = [("detect", "--timeout"), ("detect", "--interval"), ("verify", "--events")]
MAY_BE_NONE = [("deploy", "--timeout"), ("verify", "--timeout"), ("detect", "--lock-timeout")]
NONSENSE = ("nan", "inf", "-inf", "-1", "soon", "")


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        *((*option, value) for option in (*LIMITED, *MAY_BE_NONE) for value in NONSENSE),
        *((*option, value) for option in LIMITED for value in ("0", "1e99")),
    ],
)
def test_a_time_that_is_none_is_refused(
    command: str,
    option: str,
    value: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)  # there is no fguard.yaml: the number is looked at first
    assert run([command, f"{option}={value}"]) == 64
    said = capsys.readouterr()
    assert option in said.err
    assert "fguard.yaml" not in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("detect", "--timeout", "86400"),
        ("detect", "--interval", "0.1"),
        ("verify", "--events", "20160"),
        *((*option, "0") for option in MAY_BE_NONE),
    ],
)
def test_the_largest_and_the_smallest_are_taken(
    command: str,
    option: str,
    value: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    run([command, f"{option}={value}"])
    assert "fguard.yaml" in capsys.readouterr().err
