"""What CloudFormation would take back, or leave behind: refused before anything is made, or told afterwards."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.config.load import parse_config
from fargate_guard.errors import ExitCode, PreflightError
from fargate_guard.sandbox import Fault, FaultKind
from fargate_guard.stacks.template import StackTemplate
from fargate_guard.workflows.stack_deploy import make_stack_plan
from fargate_guard.workflows.stack_operation import execute_stack, plan_stack
from fargate_guard.workflows.stack_repair import settled_stack
from tests.fguard_inside import FguardInside
from tests.stack_driver.stack_harness import CONFIG, OWNER, TAGS, log_groups

if TYPE_CHECKING:
    from pathlib import Path

    from fargate_guard.workflows.context import Context
    from tests.stack_driver.stack_harness import Stacks

STACK = "fguard-training"
OTHER_NETWORK = "network: {vpc_id: %s, subnet_ids: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]}\n"
DIRECT = "agent: {topology: direct, version: 6.2.1}\n"


def configured(stacks: Stacks, more: str) -> Context:
    environ = {**stacks.environ, "SYSDIG_ACCESS_KEY": "the-key"}
    return replace(stacks.context, config=parse_config(CONFIG + more), environ=environ)


def workload(stacks: Stacks, **options: str) -> str:
    """A workload whose container writes to ``/not/there``; returns its configuration."""
    folder: Path = stacks.context.config_file.parent
    container = {
        "name": "web",
        "image": "nginx:1.27",
        "entryPoint": ["/run"],
        "command": ["web"],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {"awslogs-group": "/not/there", "awslogs-region": "us-east-1", **options},
        },
    }
    definition = {
        "family": "web",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "512",
        "memory": "1024",
        "containerDefinitions": [container],
    }
    (folder / "web.json").write_text(json.dumps(definition))
    return "workloads: [{task_definition: web.json, service: {}}]\n"


def test_a_container_whose_log_group_is_missing_is_refused_by_the_plan(stacks: Stacks) -> None:
    more = workload(stacks)
    with pytest.raises(PreflightError) as refused:
        make_stack_plan(configured(stacks, more))
    assert refused.value.message == "the log group /not/there, which a container of web writes to, does not exist"
    assert "create_log_groups: true" in (refused.value.fix or "")
    assert stacks.status(STACK) is None
    logs = stacks.client("logs")
    logs.create_log_group(logGroupName="/not/there")
    assert make_stack_plan(configured(stacks, more)).creates
    logs.delete_log_group(logGroupName="/not/there")
    assert make_stack_plan(configured(stacks, more.replace("}]", ", create_log_groups: true}]"))).creates
    workload(stacks, **{"awslogs-create-group": "true"})
    assert make_stack_plan(configured(stacks, more)).creates


def test_a_missing_log_group_is_seen_in_pascal_case_too(stacks: Stacks) -> None:
    more = workload(stacks)
    file = stacks.context.config_file.parent / "web.json"
    names = re.compile(r'"([a-z])(\w*)":')  # and not awslogs-group, whose hyphen is no letter
    file.write_text(names.sub(lambda found: f'"{found[1].upper()}{found[2]}":', file.read_text()))
    with pytest.raises(PreflightError, match="the log group /not/there"):
        make_stack_plan(configured(stacks, more))


def test_a_service_of_what_cannot_run_on_fargate_is_refused_by_the_plan(stacks: Stacks) -> None:
    more = workload(stacks)
    file = stacks.context.config_file.parent / "web.json"
    definition = json.loads(file.read_text())
    for name in ("requiresCompatibilities", "networkMode", "cpu"):
        del definition[name]
    file.write_text(json.dumps(definition))
    with pytest.raises(PreflightError) as refused:
        make_stack_plan(configured(stacks, more))
    assert "has no networkMode, cpu, and its service is to run on Fargate" in refused.value.message
    assert stacks.status(STACK) is None


def test_without_the_permission_to_look_for_log_groups_the_plan_is_made(stacks: Stacks) -> None:
    more = workload(stacks)
    denied = Fault(FaultKind.API_ERROR, action="DescribeLogGroups", code="AccessDeniedException")
    stacks.sandbox.faults.add(denied)
    assert make_stack_plan(configured(stacks, more)).creates
    assert any("whether the log group /not/there exists is not known" in line for line in stacks.heard.lines)


def test_a_target_group_that_ecs_would_refuse_is_refused_by_the_plan(stacks: Stacks) -> None:
    ec2, elbv2 = stacks.client("ec2"), stacks.client("elbv2")
    elsewhere = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    made = elbv2.create_target_group(Name="theirs", Protocol="TCP", Port=80, TargetType="ip", VpcId=elsewhere)
    arn = made["TargetGroups"][0]["TargetGroupArn"]
    service = f"service: {{target_group: {{container_name: web, container_port: 80, arn: '{arn}'}}}}"
    more = workload(stacks, **{"awslogs-create-group": "true"}).replace("service: {}", service)
    more += OTHER_NETWORK % "vpc-0123456789abcdef0"
    with pytest.raises(PreflightError) as unused:
        make_stack_plan(configured(stacks, more))
    assert unused.value.message == f"no load balancer uses the target group {arn}"
    zones = [
        ec2.create_subnet(VpcId=elsewhere, CidrBlock=f"10.8.{index}.0/24", AvailabilityZone=f"us-east-1{zone}")
        for index, zone in enumerate("ab")
    ]
    subnets = [zone["Subnet"]["SubnetId"] for zone in zones]
    balancer = elbv2.create_load_balancer(Name="theirs", Type="network", Scheme="internal", Subnets=subnets)
    elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol="TCP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    with pytest.raises(PreflightError) as strange:
        make_stack_plan(configured(stacks, more))
    assert f"is in {elsewhere}, the workload in vpc-0123456789abcdef0" in strange.value.message


def network_stack(stacks: Stacks, parameters: dict[str, str], vpc: str) -> None:
    """The deployment's stack, as far as its network goes."""
    lines = ["Parameters:", *(f"  {name}: {{Type: String}}" for name in parameters), "Resources:"]
    lines += ["  Group: {Type: AWS::Logs::LogGroup}", f"Outputs: {{VpcId: {{Value: {vpc}}}}}", ""]
    stacks.deploy(STACK, StackTemplate("\n".join(lines), parameters, (), TAGS))


@pytest.fixture
def vpc(stacks: Stacks) -> Any:
    """A VPC; the deployment's stack is deleted afterwards."""
    yield stacks.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    client = stacks.client("cloudformation")
    client.update_termination_protection(StackName=STACK, EnableTerminationProtection=False)
    client.delete_stack(StackName=STACK)
    client.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 0.05})


def refusal(stacks: Stacks, more: str) -> PreflightError:
    with pytest.raises(PreflightError) as refused:
        make_stack_plan(configured(stacks, more))
    assert refused.value.message == f"the stack {STACK} cannot move to another VPC"
    assert refused.value.exit_code is ExitCode.PREFLIGHT_REFUSED
    assert "another `name`" in (refused.value.fix or "")
    assert stacks.pending_change_sets(STACK) == []
    return refused.value


def test_a_live_deployment_does_not_move_from_the_vpc_that_it_made(stacks: Stacks, vpc: str) -> None:
    network_stack(stacks, {"VpcCidr": "10.0.0.0/16", "LoadBalancerName": "training"}, vpc)
    told = refusal(stacks, "network: {cidr: 10.9.0.0/16}\n")
    assert told.where == "fguard.yaml: network.cidr"
    assert "10.0.0.0/16, and 10.9.0.0/16 is wanted" in (told.why or "")
    assert refusal(stacks, OTHER_NETWORK % "vpc-0123456789abcdef0").where == "fguard.yaml: network.vpc_id"
    assert "would delete it" in (refusal(stacks, OTHER_NETWORK % vpc).why or "")
    assert make_stack_plan(configured(stacks, "")).changes  # its own network fits


def test_nor_from_the_one_that_it_was_given(stacks: Stacks, vpc: str) -> None:
    network_stack(stacks, {"VpcId": vpc, "LoadBalancerName": "training"}, vpc)
    assert "a new one is wanted" in (refusal(stacks, "").why or "")
    assert make_stack_plan(configured(stacks, DIRECT)).changes  # without a load balancer nothing is in its way


def left_behind(stacks: Stacks, name: str) -> tuple[str, ...]:
    """Take a log group out of a stack that cannot be deleted."""
    stacks.deploy(name, log_groups(name, "One", "Two"))
    stacks.fail("delete", "Two", "It is in use.")
    return execute_stack(stacks.context, plan_stack(stacks.context, name, log_groups(name, "One"), owner=OWNER))


def test_what_an_update_cannot_delete_is_named(stacks: Stacks) -> None:
    left = left_behind(stacks, "remains")
    assert stacks.status("remains") == "UPDATE_COMPLETE"
    assert left == ("Two (AWS::Logs::LogGroup) /remains/Two: It is in use.",)
    (warning,) = (line for line in stacks.heard.lines if line.startswith("warning"))
    assert "could not delete what the update took out of the stack" in warning
    assert left[0] in warning


def test_nothing_is_said_to_be_left_where_everything_went(stacks: Stacks) -> None:
    stacks.deploy("clean", log_groups("clean", "One", "Two"))
    plan = plan_stack(stacks.context, "clean", log_groups("clean", "One"), owner=OWNER)
    assert execute_stack(stacks.context, plan) == ()
    assert settled_stack(stacks.context, "clean", OWNER) is not None
    assert not [line for line in stacks.heard.lines if line.startswith("warning")]


def test_a_deployment_that_leaves_something_behind_ends_in_exit_3(stacks: Stacks) -> None:
    folder = stacks.context.config_file.parent
    fguard = FguardInside(folder, {**stacks.environ, "SYSDIG_ACCESS_KEY": "the-key"})
    workload(stacks, **{"awslogs-create-group": "true"})
    text = (folder / "web.json").read_text()
    (folder / "other.json").write_text(text.replace('"family": "web"', '"family": "other"'))
    one, other = "{task_definition: web.json}", "{task_definition: other.json}"
    stacks.context.config_file.write_text(f"{CONFIG}{DIRECT}workloads: [{one}, {other}]\n")
    first = fguard("deploy", "--method", "cloudformation", "--yes")
    assert first.exit_code == 0, first.stdout
    stacks.context.config_file.write_text(f"{CONFIG}{DIRECT}workloads: [{one}]\n")
    stacks.fail("delete", "WorkloadOtherAgentLogGroup", "It is in use.")
    second = fguard("deploy", "--yes", "--json")
    (left,) = second.document["left_behind"]
    assert second.exit_code == ExitCode.VERIFICATION_FAILED
    assert left.startswith("WorkloadOtherAgentLogGroup (AWS::Logs::LogGroup) ")
    assert left in second.stderr
    stacks.sandbox.faults.clear()
    gone = fguard("destroy", "--yes", "--json")
    assert gone.exit_code == ExitCode.VERIFICATION_FAILED  # it is still there, and named with the command
    named = [one["resource"].rpartition(":")[2] for one in gone.document["leftovers"]]
    assert left.split()[2].rstrip(":") in named
