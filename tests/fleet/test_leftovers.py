"""What a destroy left behind is found in every service, and each thing has its command."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fargate_guard.fleet.leftovers import find_leftovers
from tests.verify.stack_settings import NAME

if TYPE_CHECKING:
    from fargate_guard.fleet.leftovers import Leftover
    from tests.verify.deployed_stack import Stack


def left(stack: Stack) -> dict[str, Leftover]:
    return {leftover.resource: leftover for leftover in find_leftovers(stack.aws, NAME)}


def test_everything_that_was_built_is_found(deployed_sandbox: Stack) -> None:
    stack = deployed_sandbox
    found = left(stack)
    ec2 = [
        *(stack.vpc, *stack.public, *stack.private, stack.internet_gateway, stack.nat),
        *(stack.public_routes, stack.private_routes, *stack.endpoints),
        *(stack.load_balancer_group, stack.orchestrator_group, stack.web_group),
    ]
    for resource in ec2:
        assert any(arn.endswith(f"/{resource}") for arn in found), resource
    for arn in (
        *(stack.load_balancer, stack.target_group, stack.cluster, stack.orchestrator_service, stack.web_service),
        *(stack.orchestrator_definition, stack.web_definition),
        *(stack.orchestrator_role, stack.web_role, stack.secret),
    ):
        assert arn in found
    for group in ("orchestrator", "web/agent", "web"):
        assert any(arn.endswith(f":log-group:/fguard/training/{group}") for arn in found), group
    assert any(":elastic-ip/" in arn for arn in found)


def test_each_leftover_has_a_command_for_its_region(deployed_sandbox: Stack) -> None:
    found = left(deployed_sandbox)
    for leftover in found.values():
        assert leftover.remove_with.startswith("aws ")
        assert leftover.remove_with.endswith(" --region us-east-1")
        assert "get-resources" not in leftover.remove_with
    stack = deployed_sandbox
    assert found[stack.web_service].remove_with == (
        f"aws ecs delete-service --cluster fguard-training --service {stack.web_service} --force"
        " --region us-east-1"
    )
    assert "delete-nat-gateway" in next(one.remove_with for arn, one in found.items() if stack.nat in arn)


def test_what_another_deployment_built_is_none_of_ours(deployed_sandbox: Stack) -> None:
    assert find_leftovers(deployed_sandbox.aws, "train") == ()
    assert find_leftovers(deployed_sandbox.aws, "training2") == ()


def test_a_role_that_a_stack_left_is_found_without_the_tagging_api(deployed_sandbox: Stack) -> None:
    """https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html"""
    stack = deployed_sandbox
    asked = []
    for name, deployment in (("fguard-training-WebRole-1A2B3C4D5E6F", NAME), ("fguard-training-Other-1", "other")):
        made = stack.aws.call(
            "iam",
            "create_role",
            RoleName=name,
            AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}',
            Tags=[{"Key": "fguard:deployment", "Value": deployment}],
        )
        asked.append(made["Role"]["Arn"])
    found = left(stack)
    for name in ("fguard-training-WebRole-1A2B3C4D5E6F", "fguard-training-Other-1"):
        stack.aws.call("iam", "delete_role", RoleName=name)
    assert [arn in found for arn in asked] == [True, False]
    assert "iam delete-role" in found[asked[0]].remove_with


def test_networks_come_after_what_is_in_them(deployed_sandbox: Stack) -> None:
    stack = deployed_sandbox
    order = [arn.rpartition("/")[2] if ":ec2:" in arn else arn for arn in left(stack)]
    wanted = [stack.web_service, stack.load_balancer, stack.cluster, stack.nat, stack.web_group, stack.vpc]
    assert sorted(wanted, key=order.index) == wanted


def test_what_ecs_keeps_as_inactive_does_not_count(deployed_sandbox: Stack) -> None:
    stack = deployed_sandbox  # destroyed from here on
    for service in (stack.web_service, stack.orchestrator_service):
        stack.ecs.delete_service(cluster=stack.cluster, service=service, force=True)
    wait_until_stopped(stack)
    stack.ecs.delete_cluster(cluster=stack.cluster)
    for definition in (stack.web_definition, stack.orchestrator_definition):
        stack.ecs.deregister_task_definition(taskDefinition=definition)
    stack.ec2.delete_nat_gateway(NatGatewayId=stack.nat)
    found = left(stack)
    assert not [arn for arn in found if ":ecs:" in arn]
    assert not [arn for arn in found if stack.nat in arn]
    assert stack.load_balancer in found


def wait_until_stopped(stack: Stack) -> None:
    deadline = time.monotonic() + 20
    while stack.ecs.list_services(cluster=stack.cluster)["serviceArns"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
