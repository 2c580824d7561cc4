"""What tests do with the embedded AWS: plain boto3 over HTTP."""

from __future__ import annotations

import functools
import itertools
import json
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from fargate_guard.sandbox.environment import ACCESS_KEY_ID, SECRET_ACCESS_KEY

if TYPE_CHECKING:
    from fargate_guard.sandbox import Sandbox

Json = dict[str, Any]
NUMBERS = itertools.count(1)
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})


class ManualClock:
    """A clock that only moves when told."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def client(sandbox: Sandbox, service: str) -> Any:
    return _client(sandbox.endpoint, service)


@functools.cache
def _client(endpoint: str, service: str) -> Any:
    """Clients cost more than the calls that the tests make with them."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
        config=ONE_ATTEMPT,
    )


def control(sandbox: Sandbox, method: str, path: str, document: Any = None) -> Json:
    """Call the sandbox's own HTTP interface, as another process would."""
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(f"{sandbox.endpoint}/_fguard/{path}", body, method=method)
    with urllib.request.urlopen(request) as response:
        answer: Json = json.load(response)
    return answer


class Account:
    """A small account: VPC, two subnets in two zones, security group, cluster and log group."""

    def __init__(self, sandbox: Sandbox, clock: Any) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.name = f"test-{next(NUMBERS)}"
        self.ec2, self.ecs, self.logs = (client(sandbox, name) for name in ("ec2", "ecs", "logs"))
        self.elb = client(sandbox, "elbv2")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for n, zone in enumerate(("us-east-1a", "us-east-1b"))
        ]
        self.group = self.ec2.create_security_group(GroupName=self.name, Description="d", VpcId=self.vpc)[
            "GroupId"
        ]
        self.log_group = f"/{self.name}"
        self.logs.create_log_group(logGroupName=self.log_group)
        self.ecs.create_cluster(clusterName=self.name)

    def container(self, name: str = "web", **fields: Any) -> Json:
        options = {"awslogs-group": self.log_group, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "app"}
        return {
            "name": name,
            "image": f"example.com/{name}:1.0",
            "portMappings": [{"containerPort": 8080}],
            "logConfiguration": {"logDriver": "awslogs", "options": options},
            **fields,
        }

    def register(self, *containers: Json, **fields: Any) -> str:
        """Register a revision of this account's family; return its ARN."""
        request = {
            "family": self.name,
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "cpu": "256",
            "memory": "512",
            "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
            "containerDefinitions": list(containers) or [self.container()],
        }
        definition = self.ecs.register_task_definition(**{**request, **fields})
        return str(definition["taskDefinition"]["taskDefinitionArn"])

    def network(self, public: bool = False) -> Json:
        return {
            "awsvpcConfiguration": {
                "subnets": self.subnets,
                "securityGroups": [self.group],
                "assignPublicIp": "ENABLED" if public else "DISABLED",
            }
        }

    def target_group(self) -> str:
        """Make a network load balancer with a listener; return the ARN of its target group."""
        balancer = self.elb.create_load_balancer(
            Name=self.name, Type="network", Scheme="internal", Subnets=self.subnets, SecurityGroups=[self.group]
        )["LoadBalancers"][0]["LoadBalancerArn"]
        group = self.elb.create_target_group(
            Name=self.name, Protocol="TCP", Port=8080, VpcId=self.vpc, TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]
        self.elb.create_listener(
            LoadBalancerArn=balancer,
            Protocol="TCP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )
        return str(group)

    def balanced(self) -> list[Json]:
        """``loadBalancers`` for a service behind a new load balancer."""
        return [{"targetGroupArn": self.target_group(), "containerName": "web", "containerPort": 8080}]

    def create_service(self, task_definition: str | None = None, **fields: Any) -> Json:
        request = {
            "cluster": self.name,
            "serviceName": "web",
            "taskDefinition": task_definition or self.register(),
            "desiredCount": 2,
            "launchType": "FARGATE",
            "networkConfiguration": self.network(),
            "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        }
        service: Json = self.ecs.create_service(**{**request, **fields})["service"]
        return service

    def stable_service(self, **fields: Any) -> Json:
        """Create a service and let time pass until its deployment is complete."""
        self.create_service(**fields)
        self.clock.advance(10)
        service = self.service()
        assert service["deployments"][0]["rolloutState"] == "COMPLETED"
        return service

    def update(self, **fields: Any) -> Json:
        service: Json = self.ecs.update_service(cluster=self.name, service="web", **fields)["service"]
        return service

    def service(self) -> Json:
        service: Json = self.ecs.describe_services(cluster=self.name, services=["web"])["services"][0]
        return service

    def events(self) -> list[str]:
        """Messages of the service's events, oldest first."""
        return [event["message"] for event in reversed(self.service()["events"])]

    def tasks(self, status: str = "RUNNING", **filters: Any) -> list[Json]:
        arns = self.ecs.list_tasks(cluster=self.name, desiredStatus=status, **filters)["taskArns"]
        return list(self.ecs.describe_tasks(cluster=self.name, tasks=arns)["tasks"]) if arns else []

    def service_deployment(self) -> Json:
        """The newest service deployment, in full."""
        briefs = self.ecs.list_service_deployments(cluster=self.name, service="web")["serviceDeployments"]
        arns = [briefs[0]["serviceDeploymentArn"]]
        full: Json = self.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"][0]
        return full

    def interfaces(self) -> list[Json]:
        filters = [{"Name": "vpc-id", "Values": [self.vpc]}]
        return list(self.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"])

    def log_lines(self, stream: str) -> list[str]:
        events = self.logs.get_log_events(logGroupName=self.log_group, logStreamName=stream)["events"]
        return [event["message"] for event in events]
