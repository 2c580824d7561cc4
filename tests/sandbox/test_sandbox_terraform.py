"""The embedded AWS as the real Terraform and the real AWS provider see it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.sandbox import Fault, FaultKind, Sandbox
from fargate_guard.terraform.engine import find_engine
from fargate_guard.terraform.providers import find_provider_source
from tests.sandbox.sandbox_account import client
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE = Path(__file__).parent / "modules" / "service"
NOTHING_CHANGES, SOMETHING_CHANGES = 0, 2


@dataclass(frozen=True, slots=True)
class Root:
    """A root module and the Terraform that works on it."""

    folder: Path
    command: tuple[str, ...]
    environ: dict[str, str]

    def run(self, *arguments: str, expected: int = 0) -> str:
        ran = subprocess.run(
            [*self.command, *arguments, "-no-color"],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == expected, f"terraform {' '.join(arguments)}:\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def apply(self, *, balanced: bool, command: str) -> None:
        values = {"balanced": balanced, "command": [command]}
        (self.folder / "terraform.tfvars.json").write_text(json.dumps(values))
        self.run("apply", "-auto-approve", "-input=false")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(speed=2) as running:
        yield running


@pytest.fixture
def root(sandbox: Sandbox, tmp_path: Path) -> Root:
    folder = Path(shutil.copytree(MODULE, tmp_path / "root"))
    engine = find_engine(None, os.environ)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_"))}
    made = Root(folder, engine.command, {**inherited, **sandbox.environment()})
    source = find_provider_source(engine, os.environ, working_dir=folder)
    assert source.kind != "unavailable", "the AWS provider is neither in the registry nor in a mirror folder"
    mirror = [f"-plugin-dir={source.plugin_dir}"] if source.plugin_dir else []
    made.run("init", "-input=false", *mirror)
    return made


def test_a_service_applies_to_a_steady_state_rolls_back_and_leaves_nothing(sandbox: Sandbox, root: Root) -> None:
    ecs = client(sandbox, "ecs")
    root.apply(balanced=False, command="first")
    assert running_revisions(ecs) == {1}
    root.run("plan", "-detailed-exitcode", expected=NOTHING_CHANGES)

    sandbox.faults.add(Fault(FaultKind.CONTAINER_EXIT, family="service:2"))
    root.apply(balanced=False, command="second")
    wait_until(lambda: newest_deployment(ecs) == "ROLLBACK_SUCCESSFUL", "ECS has rolled back")
    wait_until(lambda: running_revisions(ecs) == {1}, "the first revision runs")
    root.run("plan", "-detailed-exitcode", expected=SOMETHING_CHANGES)

    root.run("destroy", "-auto-approve", "-input=false")
    assert_nothing_is_left(sandbox)


@pytest.mark.long
def test_a_service_behind_a_network_load_balancer_applies_without_drift_and_leaves_nothing(
    sandbox: Sandbox, root: Root
) -> None:
    root.apply(balanced=True, command="first")
    root.run("plan", "-detailed-exitcode", expected=NOTHING_CHANGES)
    elb = client(sandbox, "elbv2")
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]
    group = elb.describe_target_groups(LoadBalancerArn=balancer["LoadBalancerArn"])["TargetGroups"][0]
    health = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
    assert balancer["State"]["Code"] == "active"
    assert [target["TargetHealth"]["State"] for target in health] == ["healthy", "healthy"]
    root.run("destroy", "-auto-approve", "-input=false")
    assert_nothing_is_left(sandbox)


def newest_deployment(ecs: Any) -> str:
    listed = ecs.list_service_deployments(cluster="service", service="service")["serviceDeployments"]
    return str(listed[0]["status"])


def running_revisions(ecs: Any) -> set[int]:
    arns = ecs.list_tasks(cluster="service", serviceName="service")["taskArns"]
    tasks = ecs.describe_tasks(cluster="service", tasks=arns)["tasks"]
    return {int(task["taskDefinitionArn"].split(":")[-1]) for task in tasks if task["lastStatus"] == "RUNNING"}


def assert_nothing_is_left(sandbox: Sandbox) -> None:
    ec2 = client(sandbox, "ec2")
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    assert [vpc["IsDefault"] for vpc in ec2.describe_vpcs()["Vpcs"]] == [True]
    assert client(sandbox, "elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert client(sandbox, "secretsmanager").list_secrets()["SecretList"] == []
    ecs = client(sandbox, "ecs")
    assert ecs.list_task_definitions()["taskDefinitionArns"] == []
    assert ecs.describe_clusters(clusters=["service"])["clusters"][0]["status"] == "INACTIVE"
