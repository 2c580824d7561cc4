"""The pre-commit hook in ``examples/``, run by pre-commit itself on a commit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "pre-commit" / ".pre-commit-config.yaml"
BIN = Path(sys.executable).parent
WEB = {
    "family": "web",
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "512",
    "memory": "1024",
    "containerDefinitions": [{"name": "web", "image": "nginx:1.27", "entryPoint": ["/docker-entrypoint.sh"]}],
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the hook installed and a task definition that is not instrumented."""
    folder = tmp_path / "repository"
    (folder / "ecs").mkdir(parents=True)
    shutil.copy(EXAMPLE, folder)
    (folder / "ecs" / "web.json").write_text(json.dumps(WEB, indent=2) + "\n")
    (folder / "package.json").write_text("{}\n")
    run(folder, "git", "init", "--quiet")
    assert run(folder, str(BIN / "pre-commit"), "install").returncode == 0
    run(folder, "git", "add", ".")
    return folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    personal = ("AWS_", "FGUARD_", "GIT_", "PRE_COMMIT")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(personal)}
    own = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder.parent)}
    return subprocess.run(command, cwd=folder, env=clean | own, capture_output=True, text=True, check=False)


def commit(folder: Path) -> subprocess.CompletedProcess[str]:
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    return run(folder, "git", *author, "commit", "--message", "A change")


def test_a_commit_without_instrumentation_is_refused_with_the_diff(repository: Path) -> None:
    refused = commit(repository)
    assert refused.returncode != 0
    assert "exit code: 2" in refused.stderr
    assert "+++ ecs/web.json" in refused.stderr
    assert "/opt/draios/bin/instrument" in refused.stderr
    assert "package.json" not in refused.stderr


def test_an_instrumented_task_definition_is_committed(repository: Path) -> None:
    host = "orchestrator.internal"
    assert (
        run(repository, "fguard", "instrument", "ecs", "--in-place", "--orchestrator-host", host).returncode == 0
    )
    run(repository, "git", "add", ".")
    committed = commit(repository)
    assert committed.returncode == 0, committed.stderr
    assert "ECS task definitions are instrumented" in committed.stderr


def test_a_file_that_is_no_task_definition_is_refused_with_the_reason(repository: Path) -> None:
    (repository / "ecs" / "broken.json").write_text('{"family": "web",}')
    run(repository, "git", "add", ".")
    refused = commit(repository)
    assert refused.returncode != 0
    assert "broken.json" in refused.stderr
    assert "line 1" in refused.stderr
