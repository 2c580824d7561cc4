"""Options that contradict themselves, fit nothing, or are no values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.definitions import FLAGS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.definitions import Run

TEMPLATE = """\
Parameters:
  Stage: {Type: String, AllowedValues: [test, prod]}
Resources:
  Shop:
    Type: AWS::ECS::TaskDefinition
    Properties:
      RequiresCompatibilities: [FARGATE]
      NetworkMode: awsvpc
      ContainerDefinitions:
        - {Name: shop, Image: "shop:1", EntryPoint: [/shop], DockerLabels: {team: shop}}
"""


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--workload-env", "A=1", "--workload-env", "A=2"), "--workload-env has two values for A"),
        (("--extra-conf", ": bad: yaml: ["), "the agent's extra configuration is not YAML"),
        (("--extra-conf", "just words"), "the agent's extra configuration is not a YAML object"),
        (("--image-timeout", "inf"), "--image-timeout"),
        (("--image-timeout", "nan"), "--image-timeout"),
        (("--image-timeout", "0"), "--image-timeout"),
        (("--sidecar-memory", "128", "--sidecar-memory-reservation", "256"), "less than its reservation"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(run: Run, flags: tuple[str, ...], message: str) -> None:
    ran = run("instrument", "web.json", *FLAGS, *flags)
    assert ran.exit_code == 64
    assert message in ran.stderr
    assert "fix " in ran.stderr


def test_an_access_key_is_never_taken_for_its_arn(run: Run) -> None:
    ran = run("instrument", "web.json", *FLAGS, "--access-key-arn", "hunter2")
    assert ran.exit_code == 4
    assert "hunter2" not in ran.stderr


def test_what_strict_refuses_has_a_fix(run: Run) -> None:
    ran = run("instrument", "web.json", *FLAGS, "--strict", "--ignore-container", "none*")
    assert ran.exit_code == 4
    assert "  fix " in ran.stderr


def test_a_label_that_fits_nothing_is_a_warning(run: Run, folder: Path) -> None:
    (folder / "stack.yaml").write_text(TEMPLATE)
    files = ("web.json", "stack.yaml", *FLAGS, "--check")
    for fits in ("team", "team=shop"):
        assert "warning" not in run("instrument", *files, "--ignore-label", fits).stderr
    ran = run("instrument", *files, "--ignore-label", "team=till")
    assert ran.exit_code == 2
    assert "no container has the Docker label team=till" in ran.stderr
    assert run("instrument", *files, "--ignore-label", "team=till", "--strict").exit_code == 4


def test_a_parameter_that_no_template_has_is_refused_with_the_nearest(run: Run, folder: Path) -> None:
    (folder / "stack.yaml").write_text(TEMPLATE)
    ran = run("instrument", "stack.yaml", *FLAGS, "--parameter", "Stag=prod")
    assert ran.exit_code == 4
    assert "no template has the parameter Stag" in ran.stderr
    assert "did you mean Stage?" in ran.stderr
    fine = run(
        "instrument", "stack.yaml", *FLAGS, "--parameter", "AWS::Region=eu-west-1", "--parameter", "Stage=prod"
    )
    assert fine.exit_code == 0
    assert "warning" not in fine.stderr


def test_a_value_that_a_parameter_does_not_allow_is_a_warning(run: Run, folder: Path) -> None:
    (folder / "stack.yaml").write_text(TEMPLATE)
    ran = run("instrument", "stack.yaml", *FLAGS, "--parameter", "Stage=live")
    assert ran.exit_code == 0
    assert "$.Parameters.Stage.AllowedValues: the template does not allow live" in ran.stderr
    assert run("instrument", "stack.yaml", *FLAGS, "--parameter", "Stage=live", "--strict").exit_code == 4
