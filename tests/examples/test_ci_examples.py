"""The CI jobs in ``examples/``: their own command lines, run by bash as the runners do it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

EXAMPLES = Path(__file__).parents[2] / "examples" / "ci"
BIN = Path(sys.executable).parent
WEB = {
    "family": "web",
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "512",
    "memory": "1024",
    "containerDefinitions": [{"name": "web", "image": "nginx:1.27", "entryPoint": ["/docker-entrypoint.sh"]}],
}
INSTALL = "pip install fargate-guard==0.1.0"


@dataclass(frozen=True)
class Job:
    """A CI job's own command lines; the one that installs fguard has been run."""

    lines: list[str]
    variables: dict[str, str]


def without_install(lines: list[str]) -> list[str]:
    assert lines[0] == INSTALL
    return lines[1:]


GITHUB_JOB = YAML(typ="safe").load(EXAMPLES / "github-actions.yaml")["jobs"]["instrumented"]
GITLAB_JOB = YAML(typ="safe").load(EXAMPLES / "gitlab-ci.yaml")["task-definitions-instrumented"]
GITHUB = Job(without_install([step["run"] for step in GITHUB_JOB["steps"] if "run" in step]), GITHUB_JOB["env"])
GITLAB = Job(without_install([*GITLAB_JOB["before_script"], *GITLAB_JOB["script"]]), GITLAB_JOB["variables"])
both = pytest.mark.parametrize("job", [GITHUB, GITLAB], ids=["github", "gitlab"])


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one task definition that is not instrumented."""
    (tmp_path / "ecs").mkdir()
    (tmp_path / "ecs" / "web.json").write_text(json.dumps(WEB, indent=2) + "\n")
    return tmp_path


def run(checkout: Path, line: str, job: Job) -> subprocess.CompletedProcess[str]:
    """Run one line as GitHub does: https://docs.github.com/actions/reference/workflow-syntax-for-github-actions."""
    personal = ("AWS_", "FGUARD_", "SYSDIG_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(personal)}
    own = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": str(checkout), **job.variables}
    return subprocess.run(
        ["bash", "-e", "-c", line], cwd=checkout, env=clean | own, capture_output=True, text=True, check=False
    )


def instrument(checkout: Path, job: Job) -> None:
    assert run(checkout, "fguard instrument ecs --in-place", job).returncode == 0


@both
def test_a_job_fails_with_the_diff_where_something_is_not_instrumented(checkout: Path, job: Job) -> None:
    *reports, check = job.lines
    for report in reports:
        ran = run(checkout, report, job)
        assert ran.returncode == 0, ran.stderr
    failed = run(checkout, check, job)
    assert failed.returncode == 2
    assert "+++ ecs/web.json" in failed.stdout
    assert "/opt/draios/bin/instrument" in failed.stdout


@both
def test_a_job_passes_where_everything_is_instrumented(checkout: Path, job: Job) -> None:
    instrument(checkout, job)
    for line in job.lines:
        ran = run(checkout, line, job)
        assert ran.returncode == 0, ran.stderr


@both
def test_a_report_does_not_hide_a_failure(checkout: Path, job: Job) -> None:
    (checkout / "ecs" / "web.json").write_text("{")
    failed = run(checkout, job.lines[0], job)
    assert failed.returncode != 0
    assert "ecs/web.json" in failed.stderr


def test_code_scanning_gets_the_place_of_what_is_not_instrumented(checkout: Path) -> None:
    (uploaded,) = [
        step["with"]["sarif_file"] for step in GITHUB_JOB["steps"] if "upload-sarif" in str(step.get("uses"))
    ]
    run(checkout, GITHUB.lines[0], GITHUB)
    sarif = json.loads((checkout / uploaded).read_text())
    assert sarif["version"] == "2.1.0"
    (analysis,) = sarif["runs"]
    assert analysis["tool"]["driver"]["name"] == "fargate-guard"
    (found,) = analysis["results"]
    place = found["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "ecs/web.json"
    assert place["region"]["startLine"] >= 1
    assert found["ruleId"] in {rule["id"] for rule in analysis["tool"]["driver"]["rules"]}
    instrument(checkout, GITHUB)
    run(checkout, GITHUB.lines[0], GITHUB)
    assert json.loads((checkout / uploaded).read_text())["runs"][0]["results"] == []


def test_the_json_report_names_what_would_change(checkout: Path) -> None:
    run(checkout, GITLAB.lines[0], GITLAB)
    (kept,) = GITLAB_JOB["artifacts"]["paths"]
    document = json.loads((checkout / kept).read_text())
    assert document["exit_code"] == 2
    assert [each["changed"] for each in document["definitions"]] == [True]
