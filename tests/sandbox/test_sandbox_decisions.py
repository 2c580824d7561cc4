"""The scheduler's decisions: state in, transitions out; no time passes and nothing is there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fargate_guard.sandbox.scheduler import rollout
from fargate_guard.sandbox.scheduler.lifecycle import CLEAR, Change, Obstacles, Stop, next_step
from fargate_guard.sandbox.scheduler.model import (
    Container,
    Deployment,
    Service,
    TargetRegistration,
    Task,
    breaker_threshold,
)
from fargate_guard.sandbox.scheduler.pace import Pace

PACE = Pace()
TARGET = TargetRegistration("arn:tg", 80, "web")


def task(number: int = 1, **fields: Any) -> Task:
    web = Container("web", "image", "arn:c", essential=True, checks_health=False, finishes=False, definition={})
    return Task(
        id=str(number),
        arn=f"arn:task/{number}",
        cluster_arn="arn:cluster/c",
        cluster_name="c",
        task_definition_arn="arn:task-definition/web:1",
        task_definition={},
        containers=[web],
        created_at=float(number),
        launch_type="FARGATE",
        network=None,
        **fields,
    )


def running(number: int, deployment: str, **fields: Any) -> Task:
    return task(number, deployment_id=deployment, **{"last_status": "RUNNING", "healthy": True, **fields})


def deployment(name: str, **fields: Any) -> Deployment:
    return Deployment(
        id=name,
        task_definition_arn="arn:task-definition/web:1",
        revision_id=f"revision-{name}",
        settings={"launchType": "FARGATE"},
        created_at=0,
        updated_at=0,
        **{"desired_count": 2, **fields},
    )


def service(deployments: list[Deployment], *tasks: Task, **fields: Any) -> Service:
    configuration = {
        "maximumPercent": fields.pop("maximum", 200),
        "minimumHealthyPercent": fields.pop("minimum", 100),
        "deploymentCircuitBreaker": {"enable": True, "rollback": True},
    }
    return Service(
        name="web",
        arn="arn:service",
        cluster_arn="arn:cluster/c",
        cluster_name="c",
        settings={"deploymentConfiguration": configuration},
        created_at=0,
        task_definition_arn="arn:task-definition/web:1",
        tags=[],
        deployments=deployments,
        tasks={each.arn: each for each in tasks},
        **{"desired_count": 2, **fields},
    )


@pytest.mark.parametrize(
    ("status", "targets", "following"),
    [
        ("PROVISIONING", [], "PENDING"),
        ("PENDING", [], "RUNNING"),
        ("PENDING", [TARGET], "ACTIVATING"),
        ("ACTIVATING", [TARGET], "RUNNING"),
        ("DEACTIVATING", [TARGET], "STOPPING"),
        ("STOPPING", [], "DEPROVISIONING"),
        ("DEPROVISIONING", [], "STOPPED"),
    ],
)
def test_each_status_is_followed_by_the_next(
    status: str, targets: list[TargetRegistration], following: str
) -> None:
    step = next_step(task(last_status=status, targets=targets, status_since=100.0), CLEAR, PACE)
    assert step is not None
    assert (step.change, step.status) == (Change.STATUS, following)
    assert step.due > 100.0


@pytest.mark.parametrize(
    ("status", "targets", "following"),
    [
        ("PROVISIONING", [], "DEPROVISIONING"),
        ("PENDING", [TARGET], "DEPROVISIONING"),
        ("RUNNING", [], "STOPPING"),
        ("RUNNING", [TARGET], "DEACTIVATING"),
    ],
)
def test_a_task_told_to_stop_ends_from_where_it_is(
    status: str, targets: list[TargetRegistration], following: str
) -> None:
    step = next_step(task(last_status=status, desired_status="STOPPED", targets=targets), CLEAR, PACE)
    assert step is not None
    assert step.status == following


def test_a_stopped_task_and_a_healthy_one_rest() -> None:
    assert next_step(task(last_status="STOPPED"), CLEAR, PACE) is None
    assert next_step(running(1, "new"), CLEAR, PACE) is None


def test_secrets_and_log_groups_come_before_the_image() -> None:
    missing, pull = Stop("TaskFailedToStart", "no secret"), Stop("TaskFailedToStart", "no image")
    step = next_step(task(last_status="PENDING"), Obstacles(initialization=missing, pull=pull), PACE)
    assert step is not None
    assert step.stop == missing


def test_a_task_of_its_own_is_not_stopped_for_its_health() -> None:
    sick = running(1, "new", targets=[TARGET], target_state="unhealthy", service_name=None)
    assert next_step(sick, Obstacles(target_unhealthy=True), PACE) is None
    step = next_step(replace(sick, service_name="web"), Obstacles(target_unhealthy=True), PACE)
    assert step is not None
    assert step.change is Change.STOP


def test_the_grace_period_postpones_the_verdict_of_the_load_balancer() -> None:
    sick = running(1, "new", targets=[TARGET], target_state="unhealthy", service_name="web")
    soon = next_step(sick, Obstacles(target_unhealthy=True), PACE)
    late = next_step(replace(sick, health_grace=600), Obstacles(target_unhealthy=True), PACE)
    assert soon is not None
    assert late is not None
    assert late.due > soon.due


def test_speed_shortens_every_step() -> None:
    slow = next_step(task(), CLEAR, Pace(speed=1))
    fast = next_step(task(), CLEAR, Pace(speed=10))
    assert slow is not None
    assert fast is not None
    assert fast.due == pytest.approx(slow.due / 10)


def test_a_service_starts_what_is_missing() -> None:
    assert rollout.decide(service([deployment("new")]), 0) == [rollout.StartTasks("new", 2)]


def test_a_rolling_update_starts_as_many_as_the_maximum_allows_and_stops_none_too_early() -> None:
    old = [running(1, "old"), running(2, "old")]
    deployments = [deployment("new"), deployment("old", status="ACTIVE")]
    assert rollout.decide(service(deployments, *old, maximum=150), 0) == [rollout.StartTasks("new", 1)]
    new = running(3, "new", last_status="PENDING", healthy=False)
    assert rollout.decide(service(deployments, *old, new, maximum=150), 0) == []
    decisions = rollout.decide(service(deployments, *old, replace(new, healthy=True), maximum=150), 0)
    assert decisions == [rollout.StopTasks(("arn:task/1",))]


def test_a_minimum_of_zero_stops_before_it_starts() -> None:
    deployments = [deployment("new"), deployment("old", status="ACTIVE")]
    one = service(deployments, running(1, "old"), desired_count=1, minimum=0, maximum=100)
    assert rollout.decide(one, 0) == [rollout.StopTasks(("arn:task/1",))]


def test_old_tasks_that_are_not_healthy_go_first() -> None:
    deployments = [deployment("new"), deployment("old", status="ACTIVE")]
    tasks = [running(1, "new"), running(2, "new"), running(3, "old", healthy=False)]
    assert rollout.decide(service(deployments, *tasks), 0) == [rollout.StopTasks(("arn:task/3",))]


def test_a_deployment_completes_when_its_tasks_are_healthy_and_the_old_ones_are_gone() -> None:
    tasks = [running(1, "new"), running(2, "new")]
    old = running(3, "old", last_status="STOPPING", desired_status="STOPPED")
    both = [deployment("new"), deployment("old", status="ACTIVE")]
    assert rollout.decide(service(both, *tasks, old), 0) == []
    assert rollout.decide(service(both, *tasks), 0) == [rollout.RemoveDeployment("old")]
    assert rollout.decide(service(both[:1], *tasks), 0) == [rollout.CompleteDeployment("new")]


def test_a_service_waits_before_it_tries_again() -> None:
    waiting = service([deployment("new", retry_at=10.0)])
    assert rollout.decide(waiting, 9.9) == []
    assert rollout.decide(waiting, 10.0) == [rollout.StartTasks("new", 2)]


@pytest.mark.parametrize(
    ("desired", "threshold"), [(0, 3), (1, 3), (6, 3), (7, 4), (25, 13), (400, 200), (5000, 200)]
)
def test_the_breaker_s_threshold_is_half_the_desired_count_from_3_to_200(desired: int, threshold: int) -> None:
    assert breaker_threshold(desired) == threshold


def test_the_breaker_trips_at_its_threshold_and_names_what_to_go_back_to() -> None:
    broken = service([deployment("new", failure_count=2), deployment("old", status="ACTIVE")])
    broken.last_completed = broken.deployments[1]
    assert not any(isinstance(d, rollout.TripBreaker) for d in rollout.decide(broken, 0))
    broken.deployments[0].failure_count = 3
    assert rollout.decide(broken, 0) == [rollout.TripBreaker("new", "old")]
    broken.last_completed = None
    assert rollout.decide(broken, 0) == [rollout.TripBreaker("new", None)]


def test_a_failed_deployment_starts_nothing() -> None:
    assert rollout.decide(service([deployment("new", rollout_state="FAILED")]), 0) == []


def test_a_deleted_service_retires_when_its_last_task_is_gone() -> None:
    drained = service([deployment("new")], running(1, "new"), status="DRAINING", desired_count=0)
    assert rollout.decide(drained, 0) == [rollout.StopTasks(("arn:task/1",))]
    drained.tasks["arn:task/1"].desired_status = "STOPPED"
    assert rollout.decide(drained, 0) == []
    drained.tasks["arn:task/1"].last_status = "STOPPED"
    assert rollout.decide(drained, 0) == [rollout.Retire()]
