"""What became of a deployment: told from ECS's service deployments, for each way in which one can end."""

from __future__ import annotations

import copy
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.cli.report_view import report_text
from fargate_guard.errors import ExitCode
from fargate_guard.sandbox import Fault, FaultKind
from fargate_guard.verify.await_deployment import Progress, await_deployments, look
from fargate_guard.verify.facts.ecs import ServiceDeployment
from fargate_guard.verify.observe import observe
from fargate_guard.verify.report import run_checks
from fargate_guard.verify.rollout_verdict import Awaited, Rollout, judge
from tests.verify.stack_changes import hold_up_web, let_web_go, redeploy_web, restore_services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.verify.expected import Expected
    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.rollout_verdict import Verdict
    from tests.verify.deployed_stack import Stack

WEB = "fguard_training_web"


@pytest.fixture
def stack(deployed_sandbox: Stack) -> Iterator[Stack]:
    yield deployed_sandbox
    deployed_sandbox.sandbox.faults.clear()
    restore_services(deployed_sandbox)


def start(stack: Stack, **change: Any) -> Awaited:
    """Register a changed revision and begin to deploy it."""
    definition = copy.deepcopy(stack.web_json)
    definition["containerDefinitions"][0].update(change)
    arn = stack.register(definition)
    stack.ecs.update_service(cluster=stack.cluster, service=WEB, taskDefinition=arn)
    return Awaited(stack.cluster, stack.web_service, arn, 2)


def wait(stack: Stack, awaited: Awaited, **more: Any) -> Verdict:
    [verdict] = await_deployments(stack.aws, [awaited], **{"timeout": 20.0, **stack.fast, **more})
    return verdict


def test_a_completed_deployment_is_successful_and_its_events_were_told(stack: Stack) -> None:
    hold_up_web(stack)

    def go_on(_: float) -> None:
        let_web_go(stack)
        time.sleep(0.05)

    told: list[Progress] = []
    verdict = wait(stack, start(stack, image="web:2"), progress=told.append, sleep=go_on)
    assert told[0].rollout is Rollout.IN_PROGRESS
    assert verdict.successful
    assert (verdict.running_count, verdict.desired_count) == (2, 2)
    assert told[-1].rollout is Rollout.SUCCESSFUL
    events = [event for progress in told for event in progress.events]
    started = [event for event in events if "has started 2 tasks" in event]
    assert started
    assert len(started) == len(set(started))


def test_a_rolled_back_deployment_is_told_with_stop_reasons_and_last_log_lines(stack: Stack) -> None:
    crash = Fault(FaultKind.CONTAINER_EXIT, service=WEB, family=f"{WEB}:*", container="web", exit_code=3)
    awaited = start(stack, image="web:3")
    stack.sandbox.faults.add(replace(crash, family=awaited.task_definition_arn.rsplit("/", 1)[-1]))
    verdict = wait(stack, awaited)
    assert verdict.rollout is Rollout.ROLLED_BACK
    assert "circuit breaker" in verdict.reason
    assert verdict.running_task_definition_arn == stack.web_definition
    assert 1 <= len(verdict.failed_tasks) <= 3
    task = verdict.failed_tasks[0]
    assert task.reason == "Essential container in task exited"
    assert any(container.startswith("web: exit code 3") for container in task.containers)
    assert any(line.startswith("[web] ") for line in task.log_lines)


def test_verify_after_a_roll_back_is_exit_5_although_the_service_is_stable(stack: Stack) -> None:
    awaited = start(stack, image="web:4")
    family = awaited.task_definition_arn.rsplit("/", 1)[-1]
    stack.sandbox.faults.add(Fault(FaultKind.IMAGE_PULL, family=family, container="web"))
    verdict = wait(stack, awaited)
    assert verdict.failed_tasks[0].reason.startswith("CannotPullContainerError")

    expected = with_revision(stack.expected, awaited.task_definition_arn)
    report = run_checks(observe(stack.aws, expected))
    assert report.exit_code is ExitCode.ROLLED_BACK
    assert "service.deployment" in {finding.check for finding in report.failed}
    advice = [finding.fix or "" for finding in report.failed if finding.check == "task.revision"]
    assert len(advice) == 2
    assert not any("stop-task" in one for one in advice)
    [rolled_back] = [rollout for rollout in report.document()["rollouts"] if rollout["rollout"] == "ROLLED_BACK"]
    assert rolled_back["failed_tasks"][0]["reason"].startswith("CannotPullContainerError")


def test_a_good_deploy_of_what_failed_before_is_not_warned_about(stack: Stack) -> None:
    awaited = start(stack, image="web:9")
    stack.sandbox.faults.add(Fault(FaultKind.CONTAINER_EXIT, service=WEB, container="web", exit_code=3))
    wait(stack, awaited)
    stack.sandbox.faults.clear()
    stack.ecs.update_service(cluster=stack.cluster, service=WEB, taskDefinition=awaited.task_definition_arn)
    assert wait(stack, awaited).successful
    facts = observe(stack.aws, with_revision(stack.expected, awaited.task_definition_arn))
    assert any(task.failed for task in facts.stopped_tasks)
    assert run_checks(facts).failed == ()


def test_a_first_deployment_that_fails_has_nothing_to_go_back_to_and_is_exit_5_too(stack: Stack) -> None:
    arn = stack.register({**copy.deepcopy(stack.web_json), "family": "fguard_training_first"})
    stack.sandbox.faults.add(Fault(FaultKind.CONTAINER_EXIT, service="first", exit_code=1))
    service = stack.create_service("first", arn, stack.web_group, 1)
    verdict = wait(stack, Awaited(stack.cluster, service, arn))
    report = run_checks(observe(stack.aws, stack.expected, rollouts=[verdict]))
    stack.ecs.delete_service(cluster=stack.cluster, service="first", force=True)
    assert verdict.rollout is Rollout.ROLLBACK_FAILED
    assert verdict.failed_tasks
    assert report.exit_code is ExitCode.ROLLED_BACK
    assert f"ROLLBACK_FAILED {service}" in report_text(report)


def test_a_deployment_that_another_one_replaced_is_superseded(stack: Stack) -> None:
    ours = start(stack, image="web:5")
    redeploy_web(stack, stack.web_json)
    verdict = wait(stack, ours)
    assert verdict.rollout is Rollout.SUPERSEDED
    assert not verdict.successful


def test_a_service_without_tasks_proves_nothing(stack: Stack) -> None:
    stack.ecs.update_service(cluster=stack.cluster, service=WEB, desiredCount=0)
    awaited = Awaited(stack.cluster, stack.web_service, stack.web_definition, 2)
    assert wait(stack, awaited).rollout is Rollout.SCALED_TO_ZERO
    assert wait(stack, replace(awaited, desired_count=0)).rollout is Rollout.SUCCESSFUL


def test_a_quarter_of_an_hour_without_an_end_is_told_in_a_moment(stack: Stack) -> None:
    hold_up_web(stack)
    awaited = start(stack, image="web:6")
    time = FakeTime()
    [verdict] = await_deployments(stack.aws, [awaited], timeout=900, clock=time.clock, sleep=time.sleep)
    assert verdict.rollout is Rollout.TIMED_OUT
    assert "after 900 s" in verdict.reason
    assert 900 <= time.now < 920
    assert time.naps < 100


def test_a_service_that_is_gone_is_a_failure(stack: Stack) -> None:
    arn = stack.web_service.replace(WEB, "never-made")
    [verdict] = look(stack.aws, [Awaited(stack.cluster, arn, stack.web_definition)])
    assert verdict.rollout is Rollout.FAILED
    assert verdict.reason == "the service does not exist"


def test_throttling_is_waited_out(stack: Stack) -> None:
    stack.sandbox.faults.add(Fault(FaultKind.THROTTLING, aws_service="ecs"))
    assert wait(stack, start(stack, image="web:7")).successful


class FakeTime:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.naps = 0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        self.naps += 1


def with_revision(expected: Expected, arn: str) -> Expected:
    """What is expected after a deploy of another revision of the workload."""
    return replace(
        expected,
        components=tuple(
            replace(component, task_definition_arn=arn) if component.service_name == WEB else component
            for component in expected.components
        ),
    )


# The judgement alone

NOW = datetime(2026, 11, 23, tzinfo=UTC)
OURS, OTHER = "arn:td/web:2", "arn:td/web:1"


def deployment(status: str, task_definition: str = OURS, reason: str = "") -> ServiceDeployment:
    return ServiceDeployment("arn:sd", status, reason, NOW, task_definition, "")


@pytest.mark.parametrize(
    ("newest_first", "rollout"),
    [
        (["SUCCESSFUL"], Rollout.SUCCESSFUL),
        (["PENDING"], Rollout.IN_PROGRESS),
        (["IN_PROGRESS"], Rollout.IN_PROGRESS),
        (["STOP_REQUESTED"], Rollout.IN_PROGRESS),
        (["ROLLBACK_REQUESTED"], Rollout.IN_PROGRESS),
        (["ROLLBACK_IN_PROGRESS"], Rollout.IN_PROGRESS),
        (["ROLLBACK_SUCCESSFUL"], Rollout.ROLLED_BACK),
        (["ROLLBACK_FAILED"], Rollout.ROLLBACK_FAILED),
        (["STOPPED"], Rollout.FAILED),
        (["IN_PROGRESS", "ROLLBACK_SUCCESSFUL"], Rollout.IN_PROGRESS),
    ],
)
def test_every_status_of_a_service_deployment_has_a_meaning(
    newest_first: list[str], rollout: Rollout, healthy_facts: Facts
) -> None:
    service = replace(service_of(healthy_facts), task_definition_arn=OURS)
    verdict = judge(awaited(), service, [deployment(status) for status in newest_first])
    assert verdict.rollout is rollout
    assert verdict.reason


def test_a_later_deployment_of_something_else_supersedes_ours(healthy_facts: Facts) -> None:
    service = replace(service_of(healthy_facts), task_definition_arn=OTHER)
    verdict = judge(awaited(), service, [deployment("IN_PROGRESS", OTHER), deployment("SUCCESSFUL")])
    assert verdict.rollout is Rollout.SUPERSEDED


def test_a_later_deployment_that_was_rolled_back_to_ours_is_none_of_our_business(healthy_facts: Facts) -> None:
    service = replace(service_of(healthy_facts), task_definition_arn=OURS)
    verdict = judge(awaited(), service, [deployment("ROLLBACK_SUCCESSFUL", OTHER), deployment("SUCCESSFUL")])
    assert verdict.rollout is Rollout.SUCCESSFUL


def test_a_deployment_that_ecs_has_not_listed_yet_is_waited_for(healthy_facts: Facts) -> None:
    service = replace(service_of(healthy_facts), task_definition_arn=OURS, rollout_state="IN_PROGRESS")
    assert judge(awaited(), service, [deployment("SUCCESSFUL", OTHER)]).rollout is Rollout.IN_PROGRESS


@pytest.mark.parametrize(
    ("state", "rollout"),
    [("COMPLETED", Rollout.SUCCESSFUL), ("IN_PROGRESS", Rollout.IN_PROGRESS), ("FAILED", Rollout.FAILED)],
)
def test_after_ninety_days_the_primary_deployment_decides(
    state: str, rollout: Rollout, healthy_facts: Facts
) -> None:
    service = replace(service_of(healthy_facts), task_definition_arn=OURS, rollout_state=state)
    assert judge(awaited(), service, []).rollout is rollout
    assert judge(awaited(OTHER), service, []).rollout is Rollout.SUPERSEDED


def awaited(task_definition: str = OURS) -> Awaited:
    return Awaited("arn:cluster", "arn:service/web", task_definition)


def service_of(facts: Facts) -> Any:
    return next(iter(facts.services.values()))
