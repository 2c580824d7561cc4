"""Where the embedded AWS listens, what it starts with, and who can reach it."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from fargate_guard.errors import UsageError
from fargate_guard.sandbox import NOTICE, Fault, FaultKind, Sandbox
from fargate_guard.sandbox.server import main as serve

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1", "localhost", "192.168.1.1"])
def test_any_address_but_127_0_0_1_is_refused(host: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"listens on 127\.0\.0\.1 only"):
        Sandbox.start(host=host)
    assert serve(["--host", host, "--state-file", str(tmp_path / "state")]) == 64
    assert list(tmp_path.iterdir()) == []


def test_it_listens_on_loopback_only() -> None:
    with Sandbox.start() as sandbox:
        assert sandbox.endpoint == f"http://127.0.0.1:{sandbox.port}"
        with socket.create_connection(("127.0.0.1", sandbox.port)):
            pass
        with pytest.raises(OSError, match=r".+"):
            socket.create_connection(("127.0.0.2", sandbox.port), timeout=5)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", sandbox.port))


def test_a_port_that_is_taken_is_told_and_another_attempt_succeeds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"cannot listen on port {port}"):
            Sandbox.start(port=port)
    with Sandbox.start(port=port) as sandbox:
        assert sandbox.port == port


def test_every_start_begins_with_an_empty_account() -> None:
    for _ in range(2):
        with Sandbox.start(region="eu-central-1") as sandbox:
            ecs = ecs_of(sandbox)
            assert ecs.list_clusters()["clusterArns"] == []
            ecs.create_cluster(clusterName="c")
            assert ":eu-central-1:" in ecs.list_clusters()["clusterArns"][0]


def test_faults_reach_the_tasks_of_a_later_sandbox_too() -> None:
    for name in ("first", "unused", "third"):
        with Sandbox.start(speed=100) as sandbox:
            if name == "unused":
                continue
            sandbox.faults.add(Fault(FaultKind.IMAGE_PULL, container=name))
            ecs = client_of(sandbox, "ecs")
            ecs.create_cluster(clusterName="default")
            client_of(sandbox, "application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")
            container = {"name": name, "image": "app", "memory": 64}
            ecs.register_task_definition(family="app", containerDefinitions=[container])
            (task,) = ecs.run_task(taskDefinition="app", launchType="FARGATE")["tasks"]
            ecs.get_waiter("tasks_stopped").wait(
                tasks=[task["taskArn"]], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )
            (stopped,) = ecs.describe_tasks(tasks=[task["taskArn"]])["tasks"]
            assert "CannotPullContainerError" in stopped["stoppedReason"]


def test_one_process_has_one_sandbox() -> None:
    with Sandbox.start(), pytest.raises(UsageError, match="already running in this process"):
        Sandbox.start()
    with Sandbox.start():
        pass


def test_the_environment_reaches_the_sandbox_and_works_nowhere_else() -> None:
    with Sandbox.start() as sandbox:
        environment = sandbox.environment()
        assert environment["AWS_ENDPOINT_URL"] == sandbox.endpoint
        assert not environment["AWS_ACCESS_KEY_ID"].startswith(("AKIA", "ASIA"))
        code = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
        ran = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert ran.stdout == "123456789012\n"


def test_a_profile_that_does_not_exist_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "there-is-no-such-profile")
    code = (
        "from fargate_guard.sandbox import Sandbox; import urllib.request as r\n"
        "with Sandbox.start() as s: print(r.urlopen(s.endpoint + '/_fguard/status').status)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout == "200\n", ran.stderr


@pytest.mark.parametrize("header", [("Origin", "https://example.com"), ("Host", "rebound.example.com")])
def test_web_pages_cannot_read_what_was_deployed(header: tuple[str, str]) -> None:
    with Sandbox.start() as sandbox:
        request = urllib.request.Request(f"{sandbox.endpoint}/_fguard/status", headers=dict([header]))
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        assert refused.value.code == 403
        with urllib.request.urlopen(sandbox.endpoint) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_proxy_is_not_asked_for_the_sandbox_and_its_other_exceptions_stay() -> None:
    with Sandbox.start() as sandbox:
        proxied = {"HTTP_PROXY": "http://127.0.0.1:1", "no_proxy": "intranet.example.com"}
        environment = proxied | sandbox.environment(proxied)
        assert environment["no_proxy"] == environment["NO_PROXY"] == "intranet.example.com,127.0.0.1"
        ran = subprocess.run(
            [sys.executable, "-c", "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.stdout == "123456789012\n", ran.stderr


def test_it_says_plainly_that_nothing_runs() -> None:
    assert "No container and no agent runs in it" in NOTICE
    assert "no detections" in NOTICE


def ecs_of(sandbox: Sandbox) -> Any:
    return client_of(sandbox, "ecs")


def client_of(sandbox: Sandbox, service: str) -> Any:
    environment = sandbox.environment()
    return boto3.client(
        service,
        endpoint_url=sandbox.endpoint,
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
