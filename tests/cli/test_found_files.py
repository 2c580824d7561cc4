"""A folder with files that cannot be read: a broken task definition fails, everything else is passed over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.definitions import FLAGS, WEB

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.definitions import Run

TEXT = json.dumps(WEB)
BROKEN = {
    "a key twice": TEXT.replace('"networkMode": "awsvpc"', '"networkMode": "awsvpc", "networkMode": "awsvpc"'),
    "another encoding": TEXT + "\udcff",
    "no containers": '{"family": "web", "containerDefinitions": []}',
    "cut off": TEXT[:200],
    "cut off YAML": "family: web\ncontainerDefinitions:\n  - name: web\n    image: [\n",
    "a typing error": TEXT.replace("containerDefinitions", "containerDefinition"),
    "a typing error beyond recognition": TEXT.replace("containerDefinitions", "things"),
    "a typing error in a template": "Ressources:\n  Web:\n    Type: AWS::ECS::TaskDefinition\n",
    "an array of task definitions": f"[{TEXT}]",
    "an array of containers, cut off": '[{"name": "web", "image": "web:1"}',
    "a template that is yet to be rendered": "containerDefinitions:\n  - name: {{ name }}\n    {{ more }}\n",
}
SOMETHING_ELSE = {
    "numbers": "[1, 2]",
    "an array": '[{"name": "web"}]',
    "settings": '{"family": "none", "image": "web"}',
    "a tree of the CDK": '{"version": "tree-0.1", "tree": {"containerDefinitions": [], "executionRoleArn": ""}}',
    "two pods": "apiVersion: v1\nkind: Pod\nimage: a\n---\napiVersion: v1\nkind: Pod\nimage: b\n",
    "Compose with its own tags": "services:\n  web:\n    image: !reset web\n",
    "a CI job": "job:\n  image: web\n  script: !reference [.other, script]\n",
    "a stack without tasks": "Resources:\n  Cluster: {Type: 'AWS::ECS::Cluster'}\n",
    "for EC2": TEXT.replace("FARGATE", "EC2"),
    "for EC2, where the image says what runs": TEXT.replace("FARGATE", "EC2").replace("entryPoint", "links"),
}


@pytest.fixture
def ecs(run: Run, folder: Path) -> Path:
    """A folder whose only task definition is instrumented."""
    (folder / "ecs").mkdir()
    assert run("instrument", "web.json", *FLAGS, "--output-dir", "ecs").exit_code == 0
    return folder / "ecs"


@pytest.mark.parametrize("what", BROKEN)
def test_a_check_is_not_green_over_a_broken_task_definition(run: Run, ecs: Path, what: str) -> None:
    (ecs / "broken.json").write_bytes(BROKEN[what].encode("utf-8", "surrogateescape"))
    ran = run("instrument", "ecs", *FLAGS, "--check", "--quiet")
    assert ran.exit_code == 64
    assert "where  ecs/broken.json" in ran.stderr
    told = json.loads(run("instrument", "ecs", *FLAGS, "--check", "--json").stdout)
    assert [error["where"].partition(":")[0] for error in told["errors"]] == ["ecs/broken.json"]
    sarif = json.loads(run("instrument", "ecs", *FLAGS, "--check", "--format", "sarif").stdout)
    assert [result["level"] for result in sarif["runs"][0]["results"]] == ["error"]
    assert run("explain", "ecs").exit_code == 64


@pytest.mark.parametrize("what", SOMETHING_ELSE)
def test_what_is_something_else_is_passed_over_and_listed(run: Run, ecs: Path, what: str) -> None:
    (ecs / "other.yaml").write_text(SOMETHING_ELSE[what])
    ran = run("instrument", "ecs", *FLAGS, "--check", "--json")
    assert ran.exit_code == 0, ran.stderr
    (skipped,) = json.loads(ran.stdout)["skipped"]
    assert skipped["source"] == "ecs/other.yaml"
    assert skipped["reason"]


def test_a_definition_for_ec2_that_is_named_is_refused(run: Run, ecs: Path) -> None:
    (ecs / "ec2.json").write_text(SOMETHING_ELSE["for EC2"])
    assert run("instrument", "ecs/ec2.json", *FLAGS, "--check").exit_code == 4


def test_a_broken_file_without_a_sign_of_a_task_definition_is_a_warning_and_strict_refuses_it(
    run: Run, ecs: Path
) -> None:
    (ecs / "notes.yaml").write_text("notes: [\n")
    ran = run("instrument", "ecs", *FLAGS, "--check", "--quiet")
    assert ran.exit_code == 0
    assert "warning: ecs/notes.yaml: skipped: not YAML" in ran.stderr
    strict = run("instrument", "ecs", *FLAGS, "--check", "--strict")
    assert strict.exit_code == 64
    assert "where  ecs/notes.yaml: line " in strict.stderr
