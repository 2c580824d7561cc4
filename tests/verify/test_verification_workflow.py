"""``verify`` waits for what ECS has not finished, and gives what lags behind a moment."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from fargate_guard.deployment import DeploymentFolder
from fargate_guard.errors import ExitCode
from fargate_guard.workflows.context import Context
from fargate_guard.workflows.deployed_module import NotDeployed
from fargate_guard.workflows.verification import deployed_outputs, verify_deployment
from tests.verify.breakage import silence
from tests.verify.stack_changes import hold_up_web, let_web_go, restore_services

if TYPE_CHECKING:
    from pathlib import Path

    from fargate_guard.stacks.events import StackEvent
    from fargate_guard.terraform.events import Event
    from tests.verify.deployed_stack import Stack


@dataclass
class Heard:
    """An observer that remembers."""

    lines: list[str] = field(default_factory=list)

    def step(self, title: str) -> None:
        self.lines.append(title)

    def note(self, text: str) -> None:
        self.lines.append(text)

    def warning(self, text: str) -> None:
        self.lines.append(text)

    def terraform(self, event: Event) -> None:
        self.lines.append(event.message)

    def stack(self, event: StackEvent) -> None:
        self.lines.append(event.status)

    def rollout(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def context(deployed_sandbox: Stack, tmp_path: Path) -> Context:
    return Context(
        config=deployed_sandbox.config,
        config_file=tmp_path / "fguard.yaml",
        folder=DeploymentFolder.of(tmp_path / "fguard.yaml", "training"),
        aws=deployed_sandbox.aws,
        environ=deployed_sandbox.sandbox.environment(),
        observer=Heard(),
    )


def heard(context: Context) -> list[str]:
    assert isinstance(context.observer, Heard)
    return context.observer.lines


def test_a_finished_deployment_is_looked_at_once(context: Context, deployed_sandbox: Stack) -> None:
    report = verify_deployment(context, deployed_sandbox.outputs, timeout=600, sleep=never)
    assert report.exit_code is ExitCode.DONE
    assert heard(context) == [
        "fguard_training_sysdig_orchestrator: SUCCESSFUL, 1 running, 0 pending, 1 desired",
        "fguard_training_web: SUCCESSFUL, 2 running, 0 pending, 2 desired",
    ]


def test_a_deployment_in_progress_is_waited_for_and_its_events_are_told(
    context: Context, deployed_sandbox: Stack
) -> None:
    stack = deployed_sandbox
    hold_up_web(stack)
    stack.ecs.update_service(cluster=stack.cluster, service="fguard_training_web", forceNewDeployment=True)

    def go_on(_: float) -> None:
        let_web_go(stack)
        time.sleep(0.05)

    report = verify_deployment(context, stack.outputs, timeout=600, sleep=go_on)
    restore_services(stack)
    assert [finding.check for finding in report.errors] == ["service.circuit-breaker"]
    assert any("has started 2 tasks" in line for line in heard(context))
    assert heard(context)[-1] == "fguard_training_web: SUCCESSFUL, 2 running, 0 pending, 2 desired"


def test_log_lines_that_come_late_are_waited_for(context: Context, deployed_sandbox: Stack) -> None:
    stack = deployed_sandbox
    silence(stack, "/fguard/training/web/agent")
    naps = []

    def agents_start(seconds: float) -> None:
        naps.append(seconds)
        restore_services(stack)
        stack.ecs.update_service(cluster=stack.cluster, service="fguard_training_web", forceNewDeployment=True)
        stack.settle()

    report = verify_deployment(context, stack.outputs, timeout=600, sleep=agents_start)
    assert report.exit_code is ExitCode.DONE
    assert len(naps) == 1
    assert "waiting for logs.sidecar" in heard(context)


def test_what_does_not_settle_within_a_minute_is_told(context: Context, deployed_sandbox: Stack) -> None:
    stack = deployed_sandbox
    silence(stack, "/fguard/training/web/agent")
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    report = verify_deployment(context, stack.outputs, timeout=600, clock=lambda: now[0], sleep=sleep)
    assert {finding.check for finding in report.errors} == {"logs.sidecar"}
    assert report.exit_code is ExitCode.VERIFICATION_FAILED
    assert 60 <= now[0] < 70


def test_timeout_zero_looks_once(context: Context, deployed_sandbox: Stack) -> None:
    stack = deployed_sandbox
    hold_up_web(stack)
    stack.ecs.update_service(cluster=stack.cluster, service="fguard_training_web", forceNewDeployment=True)
    report = verify_deployment(context, stack.outputs, timeout=0, sleep=never)
    let_web_go(stack)
    restore_services(stack)
    [late] = [rollout for rollout in report.document()["rollouts"] if rollout["rollout"] == "TIMED_OUT"]
    assert late["service"] == stack.web_service
    assert report.exit_code is ExitCode.VERIFICATION_FAILED


def test_without_a_deployment_there_is_nothing_to_verify(context: Context) -> None:
    with pytest.raises(NotDeployed, match="training is not deployed") as refused:
        deployed_outputs(context)
    assert "fguard deploy" in (refused.value.fix or "")
    assert not context.folder.path.exists()


def never(seconds: float) -> None:
    raise AssertionError(f"nothing is to be waited for, least of all {seconds} seconds")
