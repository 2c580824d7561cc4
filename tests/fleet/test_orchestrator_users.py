"""Who would go blind if the orchestrator went away."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest

from fargate_guard.fleet.orchestrator_users import find_orchestrator_users
from tests.verify.stack_settings import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.verify.deployed_stack import Stack


@pytest.fixture
def another_team(deployed_sandbox: Stack) -> Iterator[str]:
    """An instrumented service of another team, in a cluster of its own."""
    stack = deployed_sandbox
    cluster = stack.ecs.create_cluster(clusterName="another-team")["cluster"]["clusterArn"]
    definition = stack.ecs.register_task_definition(**{**copy.deepcopy(stack.web_json), "family": "another"})
    service = stack.ecs.create_service(
        cluster=cluster,
        serviceName="another",
        taskDefinition=definition["taskDefinition"]["taskDefinitionArn"],
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=stack.network_of(stack.web_group),
    )["service"]["serviceArn"]
    yield str(service)
    stack.ecs.delete_service(cluster=cluster, service="another", force=True)
    gone = stack.ecs.get_waiter("services_inactive")
    gone.wait(cluster=cluster, services=["another"], WaiterConfig={"Delay": 1})


def test_a_deployments_own_services_are_not_users(deployed_sandbox: Stack) -> None:
    stack = deployed_sandbox
    assert find_orchestrator_users(stack.aws, stack.host, deployment=NAME) == ()


def test_a_service_in_another_cluster_that_sends_to_the_orchestrator_is_found(
    deployed_sandbox: Stack, another_team: str
) -> None:
    stack = deployed_sandbox
    [user] = find_orchestrator_users(stack.aws, stack.host, deployment=NAME)
    assert user.service_arn == another_team
    assert user.cluster_arn.endswith(":cluster/another-team")


def test_a_service_that_sends_elsewhere_is_no_user(deployed_sandbox: Stack, another_team: str) -> None:
    assert another_team
    users = find_orchestrator_users(deployed_sandbox.aws, "another-nlb.example.com", deployment="another")
    assert users == ()


def test_the_name_is_compared_as_dns_does(deployed_sandbox: Stack, another_team: str) -> None:
    stack = deployed_sandbox
    [user] = find_orchestrator_users(stack.aws, f"{stack.host.upper()}.", deployment=NAME)
    assert user.service_arn == another_team


def test_a_task_outside_any_service_is_a_user_too(deployed_sandbox: Stack) -> None:
    stack = deployed_sandbox
    task = stack.ecs.run_task(
        cluster=stack.cluster,
        taskDefinition=stack.web_definition,
        launchType="FARGATE",
        networkConfiguration=stack.network_of(stack.web_group),
    )["tasks"][0]["taskArn"]
    users = find_orchestrator_users(stack.aws, stack.host, deployment=NAME)
    stack.ecs.stop_task(cluster=stack.cluster, task=task)
    assert [user.service_arn for user in users] == [task]
