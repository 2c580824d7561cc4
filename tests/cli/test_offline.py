"""``--offline`` opens no socket at all: it works with what is here, and refuses the rest with what to give."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.definitions import WEB

if TYPE_CHECKING:
    from pathlib import Path

WATCHED = """
import sys

def watch(event, arguments):
    if event.startswith("socket.") or event == "subprocess.Popen":
        print("NOT OFFLINE:", event, *arguments[1:], file=sys.stderr, flush=True)

sys.addaudithook(watch)
from fargate_guard.cli.process import main
sys.argv[0] = "fguard"
main()
"""
"""``fguard``, which tells of every socket and of every process that is started."""

HOST = ("--orchestrator-host", "orchestrator.internal")
ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:registry-AbCdEf"
CONFIG: dict[str, Any] = {
    "name": "training",
    "aws": {"region": "us-east-1"},
    "agent": {"topology": "orchestrator", "version": "5.0.1"},
    "sysdig": {"region": "us1", "access_key": {"env": "SYSDIG_ACCESS_KEY"}},
}


@dataclass(frozen=True)
class Offline:
    """A folder in which ``fguard … --offline`` is run, with credentials that would do for AWS."""

    path: Path

    def write(self, name: str, value: Any) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value))

    def __call__(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FGUARD_", "AWS_"))}
        ran = subprocess.run(
            [sys.executable, "-c", WATCHED, *arguments, "--offline"],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.path,
            env={
                **kept,
                "HOME": str(self.path),
                "XDG_CACHE_HOME": str(self.path / "cache"),
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": "us-east-1",
            },
        )
        assert "NOT OFFLINE" not in ran.stderr
        assert "Traceback" not in ran.stderr
        return ran


@pytest.fixture
def offline(tmp_path: Path) -> Offline:
    found = Offline(tmp_path)
    found.write("web.json", WEB)
    return found


def with_image(image: str, **fields: Any) -> dict[str, Any]:
    return {**WEB, "containerDefinitions": [{"name": "web", "image": image, **fields}]}


def test_what_is_all_here_is_done(offline: Offline) -> None:
    ran = offline("instrument", "web.json", *HOST)
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["containerDefinitions"][0]["entryPoint"][0] == "/opt/draios/bin/instrument"
    asked = json.dumps({"container_definitions": json.dumps(WEB["containerDefinitions"])})
    assert offline("instrument", "--format", "terraform-external", *HOST, stdin=asked).returncode == 0


@pytest.mark.parametrize(
    "definition",
    [
        with_image("nginx:1.27"),
        with_image(ECR),
        with_image("registry.example.com/x:1", repositoryCredentials={"credentialsParameter": SECRET}),
    ],
)
def test_an_image_that_is_not_known_is_refused_with_the_answers_to_give(
    offline: Offline, definition: dict[str, Any]
) -> None:
    offline.write("image.json", definition)
    ran = offline("instrument", "image.json", *HOST)
    assert ran.returncode == 4
    assert "--offline opens no connection" in ran.stderr
    assert "--entrypoint web=" in ran.stderr
    told = offline("images", "image.json")
    assert "--offline opens no connection" in told.stdout + told.stderr


@pytest.mark.parametrize("command", [("instrument", *HOST), ("images",)])
def test_a_task_definition_in_ecs_is_refused_with_the_way_to_save_it(
    offline: Offline, command: tuple[str, ...]
) -> None:
    ran = offline(command[0], "web:7", *command[1:])
    assert ran.returncode == 64
    assert "aws ecs describe-task-definition" in ran.stderr


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({}, "a CloudFormation stack"),
        ({"state": {"s3": {"bucket": "state", "key": "fguard.tfstate"}}}, "Terraform's state in S3"),
    ],
)
def test_the_orchestrator_of_a_deployment_that_only_aws_knows_is_refused_with_the_flag(
    offline: Offline, more: dict[str, Any], place: str
) -> None:
    offline.write("fguard.yaml", {**CONFIG, **more})
    if not more:
        stack = "arn:aws:cloudformation:us-east-1:123456789012:stack/fguard-training/1"
        offline.write(".fguard/training/stack.json", {"stack_id": stack})
    ran = offline("instrument", "web.json")
    assert ran.returncode == 64
    assert f"is in {place}, and with --offline AWS is not asked" in " ".join(ran.stderr.split())
    assert "--orchestrator-host HOST" in ran.stderr
    assert offline("instrument", "web.json", *HOST).returncode == 0


def test_a_key_that_deploy_may_have_stored_is_refused_with_the_flag(offline: Offline) -> None:
    offline.write("fguard.yaml", {**CONFIG, "agent": {"topology": "direct", "version": "6.2.1"}})
    ran = offline("instrument", "web.json")
    assert ran.returncode == 64
    assert "--access-key-arn ARN" in ran.stderr
    assert "with --offline AWS is not asked" in " ".join(ran.stderr.split())
    given = ("--access-key-arn", SECRET, "--execution-role-supplied")
    assert offline("instrument", "web.json", *given).returncode == 0


def test_terraforms_state_on_this_machine_is_read(offline: Offline) -> None:
    offline.write("fguard.yaml", CONFIG)
    ran = offline("instrument", "web.json")
    assert ran.returncode == 64
    assert "--orchestrator-host" in ran.stderr
    outputs = {"orchestrator": {"value": {"host": "nlb.internal", "port": 6667}}}
    offline.write(".fguard/training/terraform/terraform.tfstate", {"version": 4, "outputs": outputs})
    sidecar = json.loads(offline("instrument", "web.json").stdout)["containerDefinitions"][-1]
    assert {"name": "SYSDIG_ORCHESTRATOR", "value": "nlb.internal"} in sidecar["environment"]
