"""An account in the embedded AWS: what is in it before a deployment, and plain boto3 to look at it."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3

from fargate_guard.sandbox.background import BackgroundSandbox
from fargate_guard.sandbox.environment import sandbox_environment
from tests.terraform_templates.rendered_modules import REGION, TerraformFolder
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fargate_guard.sandbox import Sandbox

TAG = "fguard:deployment"


@dataclass(frozen=True)
class Endpoint:
    """An embedded AWS in another process."""

    endpoint: str

    def environment(self) -> dict[str, str]:
        """What a process needs to talk to it."""
        return sandbox_environment(self.endpoint, REGION)


class Account:
    """The embedded AWS seen by a user."""

    def __init__(self, sandbox: Sandbox | Endpoint) -> None:
        self.sandbox = sandbox
        environ = sandbox.environment()
        self._session = boto3.Session(
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )

    def client(self, service: str) -> Any:
        """Plain boto3."""
        return self._session.client(service, endpoint_url=self.sandbox.endpoint)

    @cached_property
    def access_key_arn(self) -> str:
        """A secret with an access key."""
        arn: str = self.client("secretsmanager").create_secret(Name="key", SecretString="x")["ARN"]
        return arn

    def terraform(self, folder: Path) -> TerraformFolder:
        """Terraform against this account."""
        folder.mkdir(mode=0o700)
        return TerraformFolder(folder, self.sandbox.environment())

    def vpc(self, cidr: str = "10.9.0.0/16") -> str:
        """A VPC without anything in it."""
        vpc_id: str = self.client("ec2").create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
        return vpc_id

    def subnet(self, vpc_id: str, cidr: str, zone: str = "a") -> str:
        """A subnet that uses the VPC's main route table."""
        subnet = self.client("ec2").create_subnet(VpcId=vpc_id, CidrBlock=cidr, AvailabilityZone=f"{REGION}{zone}")
        subnet_id: str = subnet["Subnet"]["SubnetId"]
        return subnet_id

    def route_out(self, vpc_id: str, *subnet_ids: str) -> None:
        """Route subnets (none: the main route table) to a new internet gateway."""
        ec2 = self.client("ec2")
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
        if subnet_ids:
            table = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
        else:
            main = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "association.main", "Values": ["true"]}]
            table = ec2.describe_route_tables(Filters=main)["RouteTables"][0]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        for subnet_id in subnet_ids:
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnet_id)

    def route_over_nat(self, vpc_id: str, subnet_id: str) -> str:
        """Route a subnet to a NAT gateway of its own, and return the gateway's ID."""
        ec2 = self.client("ec2")
        gateway: str = ec2.create_nat_gateway(SubnetId=subnet_id, ConnectivityType="private")["NatGateway"][
            "NatGatewayId"
        ]
        table = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway)
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet_id)
        return gateway

    def wait_for(self, cluster: str, *services: str) -> None:
        """Wait until services are stable and their deployments completed."""
        ecs = self.client("ecs")
        ecs.get_waiter("services_stable").wait(
            cluster=cluster, services=list(services), WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )

        def completed() -> bool:
            described = ecs.describe_services(cluster=cluster, services=list(services))["services"]
            return all(service["deployments"][0]["rolloutState"] == "COMPLETED" for service in described)

        wait_until(completed, "the deployments are completed")

    def container(self, task_definition_arn: str, name: str) -> dict[str, Any]:
        """A container of a registered task definition, as ECS has it."""
        described = self.client("ecs").describe_task_definition(taskDefinition=task_definition_arn)
        containers = described["taskDefinition"]["containerDefinitions"]
        [container] = [container for container in containers if container["name"] == name]
        return dict(container)

    def statements(self, role_arn: str) -> list[dict[str, Any]]:
        """What a role may do."""
        iam, role = self.client("iam"), role_arn.rpartition("/")[2]
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
        return [
            statement
            for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]
            for statement in iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]["Statement"]
        ]

    def leftovers(self) -> list[str]:
        """What is still there of any deployment, except the revisions: ``fguard destroy`` deregisters them."""
        ec2, ecs = self.client("ec2"), self.client("ecs")
        tagged = [{"Name": "tag-key", "Values": [TAG]}]
        groups = self.client("logs").describe_log_groups(logGroupNamePrefix="/fguard/")["logGroups"]
        gone = {"deleted", "deleting"}
        return [
            *(vpc["VpcId"] for vpc in ec2.describe_vpcs(Filters=tagged)["Vpcs"]),
            *(group["GroupId"] for group in ec2.describe_security_groups(Filters=tagged)["SecurityGroups"]),
            *(address["AllocationId"] for address in ec2.describe_addresses(Filters=tagged)["Addresses"]),
            *(nat["State"] for nat in ec2.describe_nat_gateways()["NatGateways"] if nat["State"] not in gone),
            *(
                cluster["clusterName"]
                for cluster in ecs.describe_clusters(clusters=ecs.list_clusters()["clusterArns"])["clusters"]
                if cluster["clusterName"].startswith("fguard-") and cluster["status"] == "ACTIVE"
            ),
            *(
                balancer["LoadBalancerName"]
                for balancer in self.client("elbv2").describe_load_balancers()["LoadBalancers"]
                if balancer["LoadBalancerName"].startswith("fguard-")
            ),
            *(group["logGroupName"] for group in groups),
            *(
                role["RoleName"]
                for role in self.client("iam").list_roles()["Roles"]
                if role["RoleName"].startswith("fguard_")
            ),
        ]


@contextlib.contextmanager
def account_elsewhere(folder: Path) -> Iterator[Account]:
    """An account in an embedded AWS of its own, in another process: a process has one only."""
    background = BackgroundSandbox(folder / "state.json")
    started = background.start(os.environ, speed=20)
    try:
        yield Account(Endpoint(started.running.endpoint))
    finally:
        background.stop()
