"""What ``fguard status`` shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from fargate_guard.cli.status_view import status_text
from fargate_guard.deployment import DeploymentFolder
from fargate_guard.workflows.context import Context
from fargate_guard.workflows.status import Deployment, Resource, Status, read_status, watch

if TYPE_CHECKING:
    from tests.verify.deployed_stack import Stack


@pytest.fixture(scope="module")
def status(deployed_sandbox: Stack) -> Status:
    stack = deployed_sandbox
    context = Context(
        config=stack.config,
        config_file=Path("fguard.yaml"),
        folder=DeploymentFolder(Path("nowhere")),
        aws=stack.aws,
        environ={},
        observer=cast("Any", None),
    )
    deployment = Deployment(
        name="training",
        topology="orchestrator",
        agent_version="5.0.1",
        orchestrator_version="5.0.1",
        outputs=stack.outputs,
        resources=(
            Resource("module.network.aws_vpc.this", "aws_vpc", stack.vpc),
            Resource("module.network.aws_subnet.public[0]", "aws_subnet", stack.public[0]),
            Resource("module.network.aws_subnet.public[1]", "aws_subnet", stack.public[1]),
        ),
        drift=("module.orchestrator.aws_lb_listener.this is gone",),
    )
    return read_status(context, deployment)


def test_people_see_services_tasks_coverage_and_drift(status: Status, deployed_sandbox: Stack) -> None:
    text = status_text(status)
    assert "training in us-east-1, account 123456789012" in text
    assert f"  orchestrator  5.0.1, {deployed_sandbox.host}:6667" in text
    assert "  cluster       fguard-training (ACTIVE)" in text
    assert "  resources     3: 2 aws_subnet, 1 aws_vpc" in text
    [web] = [line for line in text.splitlines() if line.startswith("fguard_training_web ")]
    assert web.split() == ["fguard_training_web", "fguard_training_web:1", "5.0.1", "2/2", "2", "COMPLETED"]
    assert text.count(" yes") == 2
    assert "Coverage: 2 of 2 workload tasks are watched." in text
    assert text.splitlines()[-1] == "  module.orchestrator.aws_lb_listener.this is gone"


def test_an_unwatched_task_stands_out(status: Status) -> None:
    tasks = tuple(replace(task, watched=False) for task in status.coverage.tasks)
    text = status_text(replace(status, coverage=replace(status.coverage, tasks=tasks)))
    assert text.count(" NO") == 2
    assert "Coverage: 0 of 2 workload tasks are watched." in text


def test_no_drift_is_said_and_no_question_about_it_is_not(status: Status) -> None:
    assert "Drift: none" in status_text(replace(status, deployment=replace(status.deployment, drift=())))
    assert "Drift" not in status_text(replace(status, deployment=replace(status.deployment, drift=None)))


def test_programs_see_the_same(status: Status, deployed_sandbox: Stack) -> None:
    document = status.document()
    assert document["versions"] == {"agent": "5.0.1", "orchestrator": "5.0.1"}
    assert document["cluster"] == {"arn": deployed_sandbox.cluster, "status": "ACTIVE"}
    assert document["coverage"]["watched_tasks"] == 2
    assert document["drift"] == ["module.orchestrator.aws_lb_listener.this is gone"]
    assert [one["type"] for one in document["resources"]] == ["aws_vpc", "aws_subnet", "aws_subnet"]
    assert all(task["watched"] or task["orchestrator"] for task in document["coverage"]["tasks"])


def test_watching_looks_again_and_again(status: Status) -> None:
    naps: list[float] = []
    shown: list[Status] = []
    watch(lambda: status, shown.append, interval=5.0, sleep=naps.append, rounds=range(3))
    assert shown == [status] * 3
    assert naps == [5.0, 5.0]
