"""Tasks that fail, as ECS reports them: by faults on request, and by what is missing in the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from fargate_guard.sandbox import Fault, FaultKind
from tests.sandbox.sandbox_account import client

if TYPE_CHECKING:
    from tests.sandbox.sandbox_account import Account, Json

HEALTH_CHECK = {"command": ["CMD-SHELL", "true"]}


def test_an_image_that_cannot_be_pulled_is_a_cannot_pull_container_error(account: Account) -> None:
    account.sandbox.faults.add(Fault(FaultKind.IMAGE_PULL, container="web"))
    task = failed_task(account)
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError: ")
    assert "example.com/web:1.0" in task["stoppedReason"]
    assert task["containers"][0]["reason"] == task["stoppedReason"]
    assert "startedAt" not in task
    assert "exitCode" not in task["containers"][0]


def test_an_essential_container_that_exits_takes_its_task_along(account: Account) -> None:
    account.sandbox.faults.add(Fault(FaultKind.CONTAINER_EXIT, container="w*", exit_code=137))
    task = failed_task(account)
    assert (task["stopCode"], task["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert task["containers"][0]["exitCode"] == 137
    assert account.log_lines(f"app/web/{task['taskArn'].split('/')[-1]}")[-1] == (
        "[fguard sandbox] container web exited with code 137 (simulated: no container runs here)"
    )


def test_failing_container_health_checks_replace_the_task(account: Account) -> None:
    account.sandbox.faults.add(Fault(FaultKind.CONTAINER_UNHEALTHY))
    task = failed_task(account, account.register(account.container(healthCheck=HEALTH_CHECK)))
    assert (task["stopCode"], task["stoppedReason"]) == (
        "ServiceSchedulerInitiated",
        "Task failed container health checks",
    )
    assert task["healthStatus"] == "UNHEALTHY"
    assert any("failed container health checks" in event for event in account.events())


def test_failing_target_health_checks_replace_the_task(account: Account) -> None:
    account.sandbox.faults.add(Fault(FaultKind.TARGET_UNHEALTHY))
    targets = account.balanced()
    arn = targets[0]["targetGroupArn"]
    states: set[str] = set()
    account.create_service(desiredCount=1, loadBalancers=targets)
    for _ in range(40):
        account.clock.advance(0.05)
        described = account.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        states |= {target["TargetHealth"]["State"] for target in described}
    assert {"initial", "unhealthy", "draining"} <= states
    account.clock.advance(5)
    stopped = account.tasks("STOPPED")[0]
    assert stopped["stoppedReason"] == f"Task failed ELB health checks in (target-group {arn})"


def test_full_subnets_are_told_in_an_event(account: Account) -> None:
    account.sandbox.faults.add(Fault(FaultKind.NO_ADDRESSES))
    task = failed_task(account)
    assert "InsufficientFreeAddressesInSubnet" in task["stoppedReason"]
    assert account.subnets[0] in task["stoppedReason"]
    assert any("was unable to place a task" in event for event in account.events())
    assert account.interfaces() == []


def test_a_subnet_that_really_is_full_has_no_address_either(account: Account) -> None:
    small = account.ec2.create_subnet(VpcId=account.vpc, CidrBlock="10.0.9.0/28")["Subnet"]["SubnetId"]
    network = {"awsvpcConfiguration": {"subnets": [small], "securityGroups": [account.group]}}
    account.create_service(desiredCount=12, networkConfiguration=network)
    account.clock.advance(5)
    assert account.service()["runningCount"] == 11
    assert any("was unable to place a task" in event for event in account.events())


def test_a_missing_log_group_stops_the_start(account: Account) -> None:
    account.logs.delete_log_group(logGroupName=account.log_group)
    task = failed_task(account)
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("ResourceInitializationError: failed to validate logger args")
    assert account.log_group in task["stoppedReason"]


@pytest.mark.parametrize("missing", ["secret", "value", "key", "parameter"])
def test_a_missing_secret_stops_the_start(account: Account, missing: str) -> None:
    reference = "arn:aws:secretsmanager:us-east-1:123456789012:secret:absent-AbCdEf"
    if missing == "value":
        manager = client(account.sandbox, "secretsmanager")
        reference = manager.create_secret(Name=account.name)["ARN"]
    if missing == "key":
        manager = client(account.sandbox, "secretsmanager")
        reference = manager.create_secret(Name=account.name, SecretString="{}")["ARN"] + ":absent::"
    if missing == "parameter":
        reference = "arn:aws:ssm:us-east-1:123456789012:parameter/absent"
    secrets = [{"name": "SYSDIG_ACCESS_KEY", "valueFrom": reference}]
    task = failed_task(account, account.register(account.container(secrets=secrets)))
    assert task["stoppedReason"].startswith(
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed"
    )
    found = {
        "secret": "can't find the specified secret.",
        "value": "can't find the specified secret value for staging label: AWSCURRENT",
        "key": "did not contain json key absent",
        "parameter": "invalid parameters",
    }
    assert found[missing] in task["stoppedReason"]


def test_secrets_and_parameters_that_exist_do_not(account: Account) -> None:
    manager, parameters = client(account.sandbox, "secretsmanager"), client(account.sandbox, "ssm")
    secret = manager.create_secret(Name=account.name, SecretString='{"key": "v"}')["ARN"]
    parameters.put_parameter(Name=f"/{account.name}", Value="v", Type="SecureString")
    secrets = [
        {"name": "WHOLE", "valueFrom": secret},
        {"name": "KEY", "valueFrom": f"{secret}:key::"},
        {"name": "PARAMETER", "valueFrom": f"arn:aws:ssm:us-east-1:123456789012:parameter/{account.name}"},
    ]
    account.stable_service(taskDefinition=account.register(account.container(secrets=secrets)))


def test_the_circuit_breaker_rolls_back_to_the_last_completed_deployment(account: Account) -> None:
    before = account.stable_service()
    survivors = {task["taskArn"] for task in account.tasks()}
    revision = account.register()
    account.sandbox.faults.add(Fault(FaultKind.CONTAINER_EXIT, family=revision.split("/")[-1]))
    account.update(taskDefinition=revision)
    statuses = set()
    for _ in range(200):
        account.clock.advance(0.05)
        statuses.add(account.service_deployment()["status"])
    assert statuses == {"IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL"}

    deployment = account.service_deployment()
    assert deployment["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    assert deployment["deploymentCircuitBreaker"]["failureCount"] >= 3
    assert deployment["rollback"]["serviceRevisionArn"] == deployment["sourceServiceRevisions"][0]["arn"]
    assert "circuit breaker" in deployment["statusReason"]

    service = account.service()
    assert service["taskDefinition"] == before["taskDefinition"]
    assert [d["rolloutState"] for d in service["deployments"]] == ["COMPLETED"]
    assert {task["taskArn"] for task in account.tasks()} == survivors
    reasons = {t["stoppedReason"] for t in account.tasks("STOPPED") if t["taskDefinitionArn"] == revision}
    assert "Essential container in task exited" in reasons
    events = account.events()
    assert any("deployment failed: tasks failed to start." in event for event in events)
    assert any("rolling back to deployment" in event for event in events)


def test_a_roll_back_restores_the_whole_service_revision(account: Account) -> None:
    before = account.stable_service()["networkConfiguration"]
    account.sandbox.faults.add(Fault(FaultKind.CONTAINER_EXIT))
    changed = account.update(networkConfiguration=account.network(public=True))
    assert changed["networkConfiguration"] != before
    account.sandbox.faults.clear()
    account.ecs.stop_service_deployment(serviceDeploymentArn=account.service_deployment()["serviceDeploymentArn"])
    account.clock.advance(5)
    assert account.service()["networkConfiguration"] == before


def test_services_stable_is_true_after_a_rollback_as_on_aws(account: Account) -> None:
    account.stable_service()
    revision = account.register()
    account.sandbox.faults.add(Fault(FaultKind.IMAGE_PULL, family=revision.split("/")[-1]))
    account.update(taskDefinition=revision)
    account.clock.advance(20)
    account.ecs.get_waiter("services_stable").wait(cluster=account.name, services=["web"])
    assert account.service()["taskDefinition"] != revision


def test_a_first_deployment_that_fails_has_nothing_to_roll_back_to(account: Account) -> None:
    account.sandbox.faults.add(Fault(FaultKind.IMAGE_PULL))
    account.create_service()
    account.clock.advance(20)
    assert account.service()["deployments"][0]["rolloutState"] == "FAILED"
    assert account.service_deployment()["status"] == "ROLLBACK_FAILED"
    assert account.tasks() == []


def test_without_a_circuit_breaker_ecs_keeps_trying_but_ever_more_slowly(account: Account) -> None:
    account.sandbox.faults.add(Fault(FaultKind.CONTAINER_EXIT))
    account.create_service(desiredCount=1, deploymentConfiguration={})
    account.clock.advance(60)
    first_minute = len(account.tasks("STOPPED"))
    account.clock.advance(600)
    assert account.service()["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert account.service()["deployments"][0]["failedTasks"] >= first_minute
    assert 3 < first_minute < 20
    assert len(account.tasks("STOPPED")) < first_minute + 15
    assert any("is unable to consistently start tasks successfully" in event for event in account.events())


def test_a_fault_that_ends_lets_the_service_recover(account: Account) -> None:
    account.sandbox.faults.add(Fault(FaultKind.CONTAINER_EXIT, count=2))
    account.stable_service(desiredCount=1)
    assert len(account.tasks("STOPPED")) == 2


def test_a_deployment_can_be_rolled_back_by_hand(account: Account) -> None:
    before = account.stable_service()
    account.update(taskDefinition=account.register())
    arn = account.service_deployment()["serviceDeploymentArn"]
    account.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    account.clock.advance(5)
    assert account.service_deployment()["status"] == "ROLLBACK_SUCCESSFUL"
    assert account.service()["taskDefinition"] == before["taskDefinition"]
    with pytest.raises(ClientError, match="ServiceDeploymentNotFoundException"):
        account.ecs.stop_service_deployment(serviceDeploymentArn=arn)


def test_faults_choose_by_service_family_and_container(account: Account) -> None:
    faults = account.sandbox.faults
    faults.add(Fault(FaultKind.IMAGE_PULL, service="other"))
    faults.add(Fault(FaultKind.IMAGE_PULL, family="other"))
    faults.add(Fault(FaultKind.IMAGE_PULL, container="other"))
    account.stable_service()
    faults.add(Fault(FaultKind.CONTAINER_EXIT, service="web", family=f"{account.name}:1", container="web"))
    account.clock.advance(1)
    assert account.tasks("STOPPED")


def failed_task(account: Account, task_definition: str | None = None) -> Json:
    """Run a service that fails; return one of its stopped tasks."""
    account.create_service(task_definition, desiredCount=1)
    account.clock.advance(20)
    return account.tasks("STOPPED")[0]
