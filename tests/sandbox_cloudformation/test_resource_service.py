"""Services behind load balancers that stacks make, as ECS and Elastic Load Balancing show them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.sandbox import Sandbox
from fargate_guard.sandbox.faults import Fault, FaultKind
from tests.sandbox.sandbox_account import ManualClock
from tests.sandbox_cloudformation.resource_stack import (
    GONE,
    Aws,
    Case,
    Life,
    att,
    deploy,
    failures,
    live,
    physical_ids,
    ref,
    settle,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = Any
DELAY = "deregistration_delay.timeout_seconds"


def network() -> Json:
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": ref("Vpc"), "CidrBlock": "10.0.1.0/24"}},
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupDescription": "service", "VpcId": ref("Vpc")},
        },
    }


def container(new: bool) -> Json:
    return {
        "Name": "orchestrator",
        "Image": f"example.com/orchestrator:{2 if new else 1}",
        "PortMappings": [{"ContainerPort": "6667"}],
        "Environment": [{"Name": "PORT", "Value": 6667}],
        "LinuxParameters": {"Capabilities": {"Add": ["SYS_PTRACE"]}},
        "LogConfiguration": {
            "LogDriver": "awslogs",
            "Options": {
                "awslogs-group": ref("Logs"),
                "awslogs-region": ref("AWS::Region"),
                "awslogs-stream-prefix": "orchestrator",
            },
        },
    }


def service(new: bool) -> Json:
    return {
        "Cluster": ref("Cluster"),
        "TaskDefinition": ref("Definition"),
        "DesiredCount": 2 if new else 1,
        "LaunchType": "FARGATE",
        "PlatformVersion": "1.4.0",
        "EnableExecuteCommand": not new,
        "PropagateTags": "SERVICE",
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "Subnets": [ref("Subnet")],
                "SecurityGroups": [ref("Group")],
                "AssignPublicIp": "DISABLED",
            }
        },
        "LoadBalancers": [
            {"TargetGroupArn": ref("Targets"), "ContainerName": "orchestrator", "ContainerPort": 6667}
        ],
        "DeploymentConfiguration": {
            "MinimumHealthyPercent": "100",
            "MaximumPercent": 200,
            "DeploymentCircuitBreaker": {"Enable": True, "Rollback": "true"},
        },
    }


def template(*, new: bool) -> Json:
    resources = {
        "Logs": ("Logs::LogGroup", {"RetentionInDays": 30 if new else "7"}),
        "Role": (
            "IAM::Role",
            {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
            },
        ),
        "Cluster": (
            "ECS::Cluster",
            {"ClusterSettings": [{"Name": "containerInsights", "Value": "enabled" if new else "disabled"}]},
        ),
        "Providers": (
            "ECS::ClusterCapacityProviderAssociations",
            {
                "Cluster": ref("Cluster"),
                "CapacityProviders": ["FARGATE", "FARGATE_SPOT"] if new else ["FARGATE"],
                "DefaultCapacityProviderStrategy": [{"CapacityProvider": "FARGATE", "Weight": 1}],
            },
        ),
        "Definition": (
            "ECS::TaskDefinition",
            {
                "Family": "orchestrator",
                "Cpu": 256,
                "Memory": "512",
                "NetworkMode": "awsvpc",
                "PidMode": "task",
                "RequiresCompatibilities": ["FARGATE"],
                "ExecutionRoleArn": att("Role", "Arn"),
                "RuntimePlatform": {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"},
                "ContainerDefinitions": [container(new)],
                "Tags": [{"Key": "fguard:kind", "Value": "orchestrator"}],
            },
        ),
        "Balancer": (
            "ElasticLoadBalancingV2::LoadBalancer",
            {
                "Type": "network",
                "Scheme": "internal",
                "Subnets": [ref("Subnet")],
                "SecurityGroups": [ref("Group")],
                "LoadBalancerAttributes": [
                    {"Key": "load_balancing.cross_zone.enabled", "Value": "false" if new else "true"}
                ],
            },
        ),
        "Targets": (
            "ElasticLoadBalancingV2::TargetGroup",
            {
                "Protocol": "TCP",
                "Port": 6667,
                "VpcId": ref("Vpc"),
                "TargetType": "ip",
                "HealthCheckIntervalSeconds": 20 if new else 10,
                "TargetGroupAttributes": [{"Key": DELAY, "Value": "5"}],
            },
        ),
        "Listener": (
            "ElasticLoadBalancingV2::Listener",
            {
                "LoadBalancerArn": ref("Balancer"),
                "Protocol": "TCP",
                "Port": 6668 if new else "6667",
                "DefaultActions": [{"Type": "forward", "TargetGroupArn": ref("Targets")}],
            },
        ),
        "Service": ("ECS::Service", service(new)),
        "Scalable": (
            "ApplicationAutoScaling::ScalableTarget",
            {
                "ServiceNamespace": "ecs",
                "ScalableDimension": "ecs:service:DesiredCount",
                "ResourceId": {"Fn::Sub": "service/${Cluster}/${Service.Name}"},
                "MinCapacity": 1,
                "MaxCapacity": 4 if new else 3,
            },
        ),
        "Scaling": (
            "ApplicationAutoScaling::ScalingPolicy",
            {
                "PolicyName": "cpu",
                "PolicyType": "TargetTrackingScaling",
                "ScalingTargetId": ref("Scalable"),
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": 70 if new else 60,
                    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
                },
            },
        ),
    }
    made = {name: {"Type": f"AWS::{kind}", "Properties": each} for name, (kind, each) in resources.items()}
    made["Service"]["DependsOn"] = ["Listener", "Providers"]
    made["Balancer"]["DependsOn"] = ["Subnet"]
    return {"Resources": {**network(), **made}, "Outputs": {"Host": {"Value": att("Balancer", "DNSName")}}}


def attribute(answer: Json, key: str) -> str:
    return next(str(each["Value"]) for each in answer["Attributes"] if each["Key"] == key)


def definition(aws: Aws, arn: str) -> Json:
    found = aws.ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    task = found["taskDefinition"]
    if task["status"] == "INACTIVE":
        return GONE
    kept = ("cpu", "memory", "networkMode", "pidMode", "runtimePlatform", "requiresCompatibilities")
    web = task["containerDefinitions"][0]
    tags = {tag["key"] for tag in found["tags"]}
    return {
        **{key: task[key] for key in kept},
        "image": web["image"],
        "added": web["linuxParameters"]["capabilities"]["add"],
        "tags": {"fguard:kind", "team", "aws:cloudformation:stack-name"} <= tags,
    }


def task(image: int) -> Json:
    return {
        "cpu": "256",
        "memory": "512",
        "networkMode": "awsvpc",
        "pidMode": "task",
        "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        "requiresCompatibilities": ["FARGATE"],
        "image": f"example.com/orchestrator:{image}",
        "added": ["SYS_PTRACE"],
        "tags": True,
    }


def running(aws: Aws, arn: str) -> Json:
    found = aws.ecs.describe_services(cluster=arn.split("/")[1], services=[arn])["services"][0]
    if found["status"] == "INACTIVE":
        return GONE
    breaker = found["deploymentConfiguration"]["deploymentCircuitBreaker"]
    return {
        **{key: found[key] for key in ("runningCount", "launchType", "platformVersion", "propagateTags")},
        "exec": found["enableExecuteCommand"],
        "targets": len(found["loadBalancers"]),
        "breaker": (breaker["enable"], breaker["rollback"]),
        "rollout": found["deployments"][0]["rolloutState"],
    }


def steady(count: int, execute: bool) -> Json:
    return {
        "runningCount": count,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "propagateTags": "SERVICE",
        "exec": execute,
        "targets": 1,
        "breaker": (True, True),
        "rollout": "COMPLETED",
    }


def cluster(aws: Aws, name: str) -> Json:
    found = aws.ecs.describe_clusters(clusters=[name], include=["SETTINGS"])["clusters"][0]
    return GONE if found["status"] == "INACTIVE" else found["settings"][0]["value"]


CASES = (
    Case(
        "Logs",
        lambda aws, i: aws.logs.describe_log_groups(logGroupNamePrefix=i)["logGroups"][0]["retentionInDays"],
        before=7,
        after=30,
        tamper=lambda aws, i: aws.logs.put_retention_policy(logGroupName=i, retentionInDays=1),
        drifted="/RetentionInDays",
    ),
    Case("Cluster", cluster, before="disabled", after="enabled"),
    Case(
        "Providers",
        lambda aws, i: aws.ecs.describe_clusters(clusters=[i])["clusters"][0]["capacityProviders"] or GONE,
        before=["FARGATE"],
        after=["FARGATE", "FARGATE_SPOT"],
    ),
    Case("Definition", definition, before=task(1), after=task(2)),
    Case(
        "Balancer",
        lambda aws, i: attribute(
            aws.elbv2.describe_load_balancer_attributes(LoadBalancerArn=i), "load_balancing.cross_zone.enabled"
        ),
        before="true",
        after="false",
    ),
    Case(
        "Targets",
        lambda aws, i: (
            aws.elbv2.describe_target_groups(TargetGroupArns=[i])["TargetGroups"][0]["HealthCheckIntervalSeconds"],
            attribute(aws.elbv2.describe_target_group_attributes(TargetGroupArn=i), DELAY),
        ),
        before=(10, "5"),
        after=(20, "5"),
    ),
    Case(
        "Listener",
        lambda aws, i: [
            aws.elbv2.describe_listeners(ListenerArns=[i])["Listeners"][0][key] for key in ("Protocol", "Port")
        ],
        before=["TCP", 6667],
        after=["TCP", 6668],
        tamper=lambda aws, i: aws.elbv2.modify_listener(ListenerArn=i, Port=9),
        drifted="/Port",
    ),
    Case(
        "Service",
        running,
        before=steady(1, execute=True),
        after=steady(2, execute=False),
        tamper=lambda aws, i: aws.ecs.update_service(
            cluster=i.split("/")[1], service=i, enableExecuteCommand=True
        ),
        drifted="/EnableExecuteCommand",
    ),
    Case(
        "Scalable",
        lambda aws, _: aws.application_autoscaling.describe_scalable_targets(ServiceNamespace="ecs")[
            "ScalableTargets"
        ][0]["MaxCapacity"],
        before=3,
        after=4,
    ),
    Case(
        "Scaling",
        lambda aws, _: aws.application_autoscaling.describe_scaling_policies(ServiceNamespace="ecs")[
            "ScalingPolicies"
        ][0]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"],
        before=60,
        after=70,
    ),
)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    clock = ManualClock(time.time())
    with Sandbox.start(clock=clock, sleep=clock.advance) as sandbox:
        yield Aws(sandbox, clock)


@pytest.fixture(scope="module")
def life(aws: Aws) -> Life:
    return live(aws, "svc", (template(new=False), template(new=True)), CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_resource_is_made_changed_watched_and_deleted(life: Life, case: Case) -> None:
    life.held(case)


def test_only_the_task_definition_was_replaced(life: Life) -> None:
    replaced = {name for name, before in life.physical.items() if life.physical_after[name] != before}
    assert replaced == {"Definition"}


def test_the_load_balancer_has_the_name_of_a_network_load_balancer(life: Life) -> None:
    assert life.outputs["Host"].endswith(".elb.us-east-1.amazonaws.com")


def test_a_service_whose_tasks_end_rolls_the_stack_back(aws: Aws) -> None:
    deploy(aws, "breaks", template(new=False))
    before = physical_ids(aws, "breaks")
    revision = int(before["Definition"].rsplit(":", 1)[1])
    aws.sandbox.faults.add(Fault(FaultKind.CONTAINER_EXIT, family=f"orchestrator:{revision + 1}"))
    broken = template(new=True)
    aws.cloudformation.update_stack(
        StackName="breaks", TemplateBody=json.dumps(broken), Capabilities=["CAPABILITY_IAM"]
    )
    stack = settle(aws, "breaks")
    aws.sandbox.faults.clear()
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE", failures(aws, "breaks")
    assert "ECS Deployment Circuit Breaker was triggered" in failures(aws, "breaks")[0]
    assert physical_ids(aws, "breaks")["Definition"] == before["Definition"]
    assert running(aws, before["Service"]) == steady(1, execute=True)


def test_a_service_that_never_gets_steady_fails_in_the_end(aws: Aws) -> None:
    document = template(new=False)
    del document["Resources"]["Service"]["Properties"]["DeploymentConfiguration"]
    aws.sandbox.faults.add(Fault(FaultKind.CONTAINER_EXIT, service="never-*"))
    stack = aws.cloudformation.create_stack(
        StackName="never", TemplateBody=json.dumps(document), Capabilities=["CAPABILITY_IAM"]
    )["StackId"]
    aws.cloudformation.describe_stacks(StackName="never")
    for _ in range(3):
        aws.clock.advance(100)
        aws.cloudformation.describe_stacks(StackName="never")
    assert settle(aws, stack)["StackStatus"] == "ROLLBACK_COMPLETE"
    aws.sandbox.faults.clear()
    assert 'Service: Resource handler returned message: "Exceeded attempts to wait"' in failures(aws, stack)[0]
