"""What starts tasks, and task sets, as resources of a stack."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.sandbox import Sandbox
from tests.sandbox.sandbox_account import ManualClock
from tests.sandbox_cloudformation.resource_stack import Aws, Case, Life, att, live, ref

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = Any
ROLE = "arn:aws:iam::123456789012:role/starts-tasks"
WEB = {
    "RequiresCompatibilities": ["FARGATE"],
    "NetworkMode": "awsvpc",
    "Cpu": "256",
    "Memory": "512",
    "ContainerDefinitions": [{"Name": "web", "Image": "nginx"}],
}


def template(*, new: bool) -> Json:
    """Everything, in two versions."""
    ecs = {"TaskDefinitionArn": "family", "LaunchType": "FARGATE", "TaskCount": 2 if new else 1}
    target = {"Arn": att("Cluster", "Arn"), "RoleArn": ROLE, "EcsParameters": ecs}
    targets = [{"Id": "second" if new else "first", **target}]
    rate = {"ScheduleExpression": "rate(2 days)" if new else "rate(1 day)"}
    where = {"Cluster": ref("Cluster"), "Service": ref("Service")}
    states = {"Only": {"Type": "Succeed", "Comment": "${Which}"}}
    vpc = {"AwsvpcConfiguration": {"Subnets": [ref("Subnet")]}}
    machine = {
        "RoleArn": ROLE,
        "Definition": {"StartAt": "Only", "States": states},
        "DefinitionSubstitutions": {"Which": "new" if new else "old"},
    }
    service = {"Cluster": ref("Cluster"), "DesiredCount": 4, "DeploymentController": {"Type": "EXTERNAL"}}
    task_set = {"TaskDefinition": ref("Web"), "LaunchType": "FARGATE", "NetworkConfiguration": vpc}
    share = {"Unit": "PERCENT", "Value": 50 if new else 100}
    resources = {
        "Cluster": ("AWS::ECS::Cluster", {}),
        "Vpc": ("AWS::EC2::VPC", {"CidrBlock": "10.0.0.0/16"}),
        "Subnet": ("AWS::EC2::Subnet", {"VpcId": ref("Vpc"), "CidrBlock": "10.0.0.0/24"}),
        "Web": ("AWS::ECS::TaskDefinition", WEB),
        "Service": ("AWS::ECS::Service", service),
        "Set": ("AWS::ECS::TaskSet", {**where, **task_set, "Scale": share}),
        "Primary": ("AWS::ECS::PrimaryTaskSet", {**where, "TaskSetId": att("Set", "Id")}),
        "Rule": ("AWS::Events::Rule", {**rate, "Targets": targets}),
        "Nightly": ("AWS::Scheduler::Schedule", {**rate, "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}),
        "Machine": ("AWS::StepFunctions::StateMachine", machine),
    }
    return {"Resources": {name: {"Type": kind, "Properties": given} for name, (kind, given) in resources.items()}}


def task_set(aws: Aws, physical_id: str) -> Json:
    cluster, service, id_ = physical_id.split("|")
    found = aws.ecs.describe_task_sets(cluster=cluster, service=service, taskSets=[id_])["taskSets"][0]
    return found["status"], found["computedDesiredCount"]


def rule(aws: Aws, name: str) -> Json:
    (target,) = aws.events.list_targets_by_rule(Rule=name)["Targets"]
    return aws.events.describe_rule(Name=name)["ScheduleExpression"], target["Id"]


def schedule(aws: Aws, name: str) -> Json:
    found = aws.scheduler.get_schedule(Name=name)
    return found["ScheduleExpression"], found["Target"]["EcsParameters"]["TaskCount"]


def machine(aws: Aws, arn: str) -> Json:
    found = aws.stepfunctions.describe_state_machine(stateMachineArn=arn)
    return json.loads(found["definition"])["States"]["Only"]["Comment"]


CASES = (
    Case("Set", task_set, before=("PRIMARY", 4), after=("PRIMARY", 2)),
    Case(
        "Rule",
        rule,
        before=("rate(1 day)", "first"),
        after=("rate(2 days)", "second"),
        tamper=lambda aws, name: aws.events.put_rule(Name=name, ScheduleExpression="rate(9 days)"),
        drifted="/ScheduleExpression",
    ),
    Case("Nightly", schedule, before=("rate(1 day)", 1), after=("rate(2 days)", 2)),
    Case(
        "Machine",
        machine,
        before="old",
        after="new",
        tamper=lambda aws, arn: aws.stepfunctions.update_state_machine(
            stateMachineArn=arn, definition='{"StartAt": "Only", "States": {"Only": {"Type": "Fail"}}}'
        ),
        drifted="/Definition",
    ),
)


@pytest.fixture(scope="module")
def life() -> Iterator[Life]:
    clock = ManualClock(time.time())
    with Sandbox.start(clock=clock, sleep=clock.advance) as sandbox:
        yield live(Aws(sandbox, clock), "starters", (template(new=False), template(new=True)), CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_resource_is_made_changed_watched_and_deleted(life: Life, case: Case) -> None:
    life.held(case)
