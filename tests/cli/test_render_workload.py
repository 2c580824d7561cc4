"""``fguard render --workload``: a first Terraform module, without a fguard.yaml."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.terraform_templates.rendered_modules import TerraformFolder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.definitions import Run

FLAGS = ("--workload", "web.yaml", "-o", "module", "--region", "us-east-1", "--sysdig-region", "us1")
WEB = """\
family: web
requiresCompatibilities: [FARGATE]
networkMode: awsvpc
cpu: "512"
memory: "1024"
containerDefinitions:
  - {name: web, image: "nginx:1.27", entryPoint: [/docker-entrypoint.sh]}
"""


@pytest.fixture(autouse=True)
def _web(folder: Path) -> None:
    (folder / "web.yaml").write_text(WEB)


def test_the_module_is_valid_terraform_and_has_a_configuration_to_go_on_with(run: Run, folder: Path) -> None:
    ran = run("render", *FLAGS)
    assert ran.exit_code == 0, ran.stderr
    values = json.loads((folder / "module/terraform.tfvars.json").read_text())
    (web, sidecar) = json.loads(values["workloads"]["web"]["task_definition"]["container_definitions"])
    assert web["entryPoint"] == ["/opt/draios/bin/instrument", "/docker-entrypoint.sh"]
    assert sidecar["name"] == "SysdigInstrumentation"
    terraform = TerraformFolder(folder / "module", {})
    terraform.init()
    terraform.driver.validate()
    rendered = (folder / "module/main.tf").read_bytes()
    again = run("render", "-c", "module/fguard.yaml", "-o", "module")
    assert again.exit_code == 0, again.stderr
    assert (folder / "module/main.tf").read_bytes() == rendered
    assert json.loads((folder / "module/terraform.tfvars.json").read_text()) == values


def test_a_configuration_that_is_there_is_kept(run: Run, folder: Path) -> None:
    assert run("render", *FLAGS).exit_code == 0
    (folder / "module/fguard.yaml").write_text("mine")
    ran = run("render", *FLAGS)
    assert ran.exit_code == 64
    assert "fguard render -c module/fguard.yaml" in ran.stderr
    assert (folder / "module/fguard.yaml").read_text() == "mine"


def test_a_workload_that_is_refused_leaves_nothing_behind(run: Run, folder: Path) -> None:
    (folder / "web.yaml").write_text(WEB.replace(", entryPoint: [/docker-entrypoint.sh]", ""))
    ran = run("render", *FLAGS)
    assert ran.exit_code == 4
    assert not (folder / "module").exists()


@pytest.mark.parametrize(
    ("without", "more", "message"),
    [
        ("--sysdig-region", (), "use one of: us1"),
        ("--region", (), "--region"),
        ("", ("--name", "Not A Name"), "--name is no name for a deployment"),
        ("", ("--config", "other.yaml"), "under workloads"),
        ("--workload", (), "go with --workload"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    run: Run, folder: Path, without: str, more: tuple[str, ...], message: str
) -> None:
    flags = list(FLAGS)
    if without:
        del flags[flags.index(without) : flags.index(without) + 2]
    ran = run("render", *flags, *more)
    assert ran.exit_code in (4, 64)
    assert message in ran.stderr
    assert not (folder / "module").exists()


@pytest.mark.parametrize(("file", "derived"), [("a.yaml", "a"), ("2048.yaml", "2048")])
def test_a_file_whose_name_is_none_for_a_deployment_asks_for_one(
    run: Run, folder: Path, file: str, derived: str
) -> None:
    (folder / file).write_text(WEB)
    ran = run("render", *FLAGS, "--workload", file)
    assert ran.exit_code == 64
    assert f"the file gives its deployment the name '{derived}'" in ran.stderr
    assert "add --name NAME" in ran.stderr
    assert "fguard.yaml" not in ran.stderr
    assert run("render", *FLAGS, "--workload", file, "--name", "shop").exit_code == 0


def test_the_sidecars_own_log_configuration_is_not_for_what_fguard_deploys(run: Run, folder: Path) -> None:
    assert run("render", *FLAGS).exit_code == 0
    config = folder / "module/fguard.yaml"
    text = config.read_text()
    assert "\nagent:\n" in text
    log = "  sidecar: {log_configuration: {logDriver: awsfirelens}}\n"
    config.write_text(text.replace("\nagent:\n", f"\nagent:\n{log}"))
    ran = run("render", "-c", "module/fguard.yaml", "-o", "module")
    assert ran.exit_code == 4
    assert "agent.sidecar.log_configuration is for `fguard instrument` only" in ran.stderr
