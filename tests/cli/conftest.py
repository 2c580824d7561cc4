"""``fguard`` in this process, in a folder with one task definition."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from fargate_guard.cli.main import app
from fargate_guard.sandbox import Sandbox
from tests.cli.definitions import WEB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

    from tests.cli.definitions import Run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with ``web.json``, away from the developer's own settings."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith(("FGUARD_", "AWS_"))]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("FGUARD_OFFLINE", "1")
    (tmp_path / "web.json").write_text(json.dumps(WEB, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:  # noqa: ARG001 - the commands run in the folder
    """Run a command line in this process."""

    def invoke(*arguments: str, stdin: str = "", environ: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(app, arguments, input=stdin.encode(), env=environ)

    return invoke


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """The embedded AWS."""
    with Sandbox.start() as running:
        yield running
