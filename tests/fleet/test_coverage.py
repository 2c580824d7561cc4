"""Which running tasks are watched: what people write scripts for with other products."""

from __future__ import annotations

import copy
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.aws import ecs
from fargate_guard.fleet.coverage import cluster_coverage, coverage
from fargate_guard.verify.facts.ecs import Service, Task
from fargate_guard.verify.facts.task_definition import TaskDefinition
from tests.verify.stack_settings import WEB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.fleet.coverage import Coverage
    from tests.verify.deployed_stack import Stack


@pytest.fixture
def service_without_agent(deployed_sandbox: Stack) -> Iterator[str]:
    """A service of somebody else in the same cluster, not instrumented."""
    stack = deployed_sandbox
    arn = stack.register({**copy.deepcopy(WEB), "family": "bare", "executionRoleArn": stack.web_role})
    service = stack.create_service("bare", arn, stack.web_group, 1)
    running(stack, 4)
    yield service
    stack.ecs.delete_service(cluster=stack.cluster, service="bare", force=True)
    running(stack, 3)


def running(stack: Stack, count: int) -> list[dict[str, Any]]:
    """Wait until so many tasks run in the cluster."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        tasks = ecs.tasks(stack.aws, stack.cluster)
        if len([task for task in tasks if task["lastStatus"] == "RUNNING"]) == len(tasks) == count:
            return tasks
        time.sleep(0.05)
    raise AssertionError(f"there are not {count} running tasks")


def named(covered: Coverage, name: str) -> Any:
    return next(service for service in covered.services if service.service_name == name)


def test_instrumented_services_are_covered_task_by_task(deployed_sandbox: Stack) -> None:
    covered = cluster_coverage(deployed_sandbox.aws, deployed_sandbox.cluster)
    web = named(covered, "fguard_training_web")
    assert (web.instrumented, web.agent_version, web.watched_count, web.running_count) == (True, "5.0.1", 2, 2)
    assert web.task_definition == "fguard_training_web:1"
    assert (covered.watched, len(covered.workload_tasks), len(covered.tasks)) == (2, 2, 3)


def test_the_orchestrator_is_no_workload(deployed_sandbox: Stack) -> None:
    covered = cluster_coverage(deployed_sandbox.aws, deployed_sandbox.cluster)
    orchestrator = named(covered, "fguard_training_sysdig_orchestrator")
    assert orchestrator.is_orchestrator
    assert orchestrator.agent_version == "5.0.1"
    assert not orchestrator.instrumented


def test_a_service_without_agent_is_told(deployed_sandbox: Stack, service_without_agent: str) -> None:
    covered = cluster_coverage(deployed_sandbox.aws, deployed_sandbox.cluster)
    bare = named(covered, "bare")
    assert bare.service_arn == service_without_agent
    assert (bare.instrumented, bare.agent_version, bare.watched_count) == (False, None, 0)
    assert (covered.watched, len(covered.workload_tasks)) == (2, 3)
    document = covered.document()
    assert (document["watched_tasks"], document["workload_tasks"]) == (2, 3)


def test_a_task_outside_any_service_counts(deployed_sandbox: Stack) -> None:
    stack = deployed_sandbox
    network = stack.network_of(stack.web_group)
    started = stack.ecs.run_task(
        cluster=stack.cluster,
        taskDefinition=stack.web_definition,
        launchType="FARGATE",
        networkConfiguration=network,
    )
    running(stack, 4)
    covered = cluster_coverage(stack.aws, stack.cluster)
    alone = next(task for task in covered.tasks if task.service_name is None)
    stack.ecs.stop_task(cluster=stack.cluster, task=started["tasks"][0]["taskArn"])
    running(stack, 3)
    assert alone.watched
    assert not alone.outdated


def test_a_task_whose_sidecar_ended_is_instrumented_and_not_watched(deployed_sandbox: Stack) -> None:
    covered = changed_coverage(deployed_sandbox, sidecar_status="STOPPED")
    assert [task.watched for task in covered.workload_tasks] == [False, False]
    assert all(task.instrumented for task in covered.workload_tasks)


def test_a_task_of_an_older_revision_than_its_service_is_outdated(deployed_sandbox: Stack) -> None:
    covered = changed_coverage(deployed_sandbox, service_revision="fguard_training_web:9")
    assert [task.outdated for task in covered.workload_tasks] == [True, True]


def changed_coverage(
    stack: Stack, *, sidecar_status: str = "RUNNING", service_revision: str = "fguard_training_web:1"
) -> Coverage:
    """The coverage, had the sidecars another status or the service another revision."""
    described = ecs.services(stack.aws, stack.cluster, [stack.web_service])
    arn = stack.web_definition.rpartition("/")[0] + "/" + service_revision
    services = [replace(Service.of(service), task_definition_arn=arn) for service in described]
    tasks = []
    for task in map(Task.of, ecs.tasks(stack.aws, stack.cluster, service="fguard_training_web")):
        containers = tuple(
            replace(c, last_status=sidecar_status) if c.name == "SysdigInstrumentation" else c
            for c in task.containers
        )
        tasks.append(replace(task, containers=containers))
    definition = ecs.task_definition(stack.aws, stack.web_definition)
    assert definition is not None
    return coverage(stack.cluster, services, tasks, {stack.web_definition: TaskDefinition.of(definition)})
