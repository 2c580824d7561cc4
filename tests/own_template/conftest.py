"""The embedded AWS, and a folder with ``fguard.yaml`` and the templates of the example."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from fargate_guard.sandbox import Sandbox
from tests.fguard_inside import FguardInside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fguard_process import Ran

EXAMPLE = Path(__file__).parents[2] / "examples" / "cloudformation"
HOST = "orchestrator.internal"


@dataclass
class Desk:
    """What a user has: a folder, fguard, and an account to look into."""

    fguard: FguardInside
    sandbox: Sandbox
    subnet: str
    calls: dict[str, set[str]] = field(default_factory=dict)
    """What each command called."""
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """Plain boto3."""
        environ = self.sandbox.environment()
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                region_name=environ["AWS_REGION"],
                endpoint_url=environ["AWS_ENDPOINT_URL"],
                aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
            )
        return self._clients[service]

    def write(self, name: str, text: str) -> Path:
        """Write a file of the user's."""
        path = self.fguard.folder / name
        path.write_text(text)
        return path

    def deploy(self, template: str, *more: str) -> Ran:
        """Deploy without being asked."""
        return self.ran("deploy", "--template", template, "--yes", *more)

    def ran(self, command: str, *more: str) -> Ran:
        """Run a command, and note what it calls."""
        self.sandbox.take_calls()
        ran = self.fguard(command, *more)
        self.calls.setdefault(command, set()).update(self.sandbox.take_calls())
        return ran

    def stack(self, name: str) -> Any:
        """DescribeStacks; None where there is none."""
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        return next((one for one in stacks if one["StackName"] == name), None)

    def resources(self, name: str) -> dict[str, str]:
        """Physical by logical ID."""
        found = self.client("cloudformation").list_stack_resources(StackName=name)["StackResourceSummaries"]
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}

    def resources_so_far(self, name: str) -> list[str]:
        """Logical IDs of what CloudFormation has begun, in a stack that may not be there yet."""
        if self.stack(name) is None:
            return []
        found = self.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
        return [one["LogicalResourceId"] for one in found]

    def containers(self, arn: str) -> dict[str, list[str]]:
        """What each container of a task definition starts with."""
        found = self.client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]
        return {one["name"]: one.get("entryPoint", []) for one in found["containerDefinitions"]}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(speed=60) as running:
        yield running


@pytest.fixture(scope="module")
def desk(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    for file in EXAMPLE.iterdir():
        shutil.copy(file, folder)
    environ = {
        **sandbox.environment(),
        "SYSDIG_ACCESS_KEY": "not-needed-here",
        "FGUARD_ORCHESTRATOR_HOST": HOST,
        "FGUARD_OFFLINE": "1",
    }
    made = Desk(FguardInside(folder, environ), sandbox, "")
    ec2 = made.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    made.subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    return made
