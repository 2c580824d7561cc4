"""A VPC, a cluster and load balancers that are in the account before anything is deployed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.terraform_templates.rendered_modules import config

if TYPE_CHECKING:
    from fargate_guard.config import Config
    from tests.terraform_templates.account import Account

EXTRA_CONF = 'a: "${b}"\nc: \'%{d}\' # "é" \\\n'
AGENT_TAGS = {"team": 'pay"${x}', "env": "prod:blue"}


@dataclass
class Surroundings:
    """What is in the account before."""

    vpc_id: str
    subnet_ids: list[str]
    subnet_without_a_way_out: str
    load_balancer_arn: str
    load_balancer_security_group_id: str
    kms_key_arn: str
    target_group_arn: str

    @classmethod
    def build(cls, account: Account) -> Surroundings:
        vpc_id = account.vpc()
        subnet_ids = [account.subnet(vpc_id, "10.9.1.0/24", "a"), account.subnet(vpc_id, "10.9.2.0/24", "b")]
        account.route_out(vpc_id, subnet_ids[0])
        account.route_out(account.vpc("10.8.0.0/16"))
        table = account.client("ec2").describe_route_tables(
            Filters=[{"Name": "association.subnet-id", "Values": [subnet_ids[0]]}]
        )["RouteTables"][0]["RouteTableId"]
        account.client("ec2").associate_route_table(RouteTableId=table, SubnetId=subnet_ids[1])
        elbv2 = account.client("elbv2")
        group = account.client("ec2").create_security_group(GroupName="web", Description="web", VpcId=vpc_id)
        balancer = elbv2.create_load_balancer(
            Name="mine", Subnets=subnet_ids, SecurityGroups=[group["GroupId"]], Scheme="internal"
        )["LoadBalancers"][0]
        target_group = elbv2.create_target_group(
            Name="mine", Protocol="HTTP", Port=80, VpcId=vpc_id, TargetType="ip"
        )["TargetGroups"][0]
        elbv2.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Port=8080,
            Protocol="HTTP",
            DefaultActions=[{"Type": "forward", "TargetGroupArn": target_group["TargetGroupArn"]}],
        )
        account.client("ecs").create_cluster(clusterName="mine")
        account.client("ssm").put_parameter(Name="/proxy/password", Value="x", Type="SecureString")
        key = account.client("kms").create_key()["KeyMetadata"]
        return cls(
            vpc_id,
            subnet_ids,
            account.subnet(vpc_id, "10.9.3.0/24", "b"),
            balancer["LoadBalancerArn"],
            group["GroupId"],
            key["Arn"],
            target_group["TargetGroupArn"],
        )

    def names(self, account: Account) -> dict[str, str]:
        """Names for the identifiers."""
        subnets = dict(zip(self.subnet_ids, ("<first subnet>", "<second subnet>"), strict=True))
        return subnets | {
            account.access_key_arn: "<access key>",
            self.vpc_id: "<vpc>",
            self.load_balancer_arn: "<load balancer>",
            self.load_balancer_security_group_id: "<load balancer's group>",
            self.kms_key_arn: "<key>",
            self.target_group_arn: "<target group>",
        }

    def network(self, **changes: Any) -> dict[str, Any]:
        return {"vpc_id": self.vpc_id, "subnet_ids": self.subnet_ids, "assign_public_ip": True} | changes

    def settings(self, access_key_arn: str) -> Config:
        """A configuration with everything."""
        target_group = {"container_name": "web", "container_port": 80}
        listener = {"load_balancer_arn": self.load_balancer_arn, "port": 80}
        return config(
            name="everything",
            network=self.network(),
            cluster={"name": "mine"},
            logs={"retention_days": 7, "kms_key_arn": self.kms_key_arn},
            agent={"image_pull_secret_arn": access_key_arn},
            sysdig={
                "collector": {"host": "collector.example.com", "port": 6666},
                "access_key": {"secret_arn": access_key_arn},
            },
            orchestrator={
                "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/sysdig/orchestrator:5.0.1",
                "port": 7000,
                "cpu": 1024,
                "memory": 2048,
                "cpu_architecture": "ARM64",
                "desired_count": 2,
                "log_level": "debug",
                "tags": AGENT_TAGS,
                "extra_conf": EXTRA_CONF,
                "check_collector_certificate": False,
                "load_balancer_name": "agents",
                "client_cidr_blocks": ["10.200.0.0/16"],
                "client_security_group_ids": [self.load_balancer_security_group_id],
                "collector_ca_certificate": {"file": "collector.pem"},
                "proxy": {
                    "host": "proxy.example.com",
                    "port": 3128,
                    "user": "agent",
                    "password_arn": "arn:aws:ssm:us-east-1:123456789012:parameter/proxy/password",
                    "ssl": True,
                    "ca_certificate": {"file": "proxy.pem"},
                },
                "autoscaling": {
                    "target_metric": "ECSServiceAverageCPUUtilization",
                    "target_value": 60.5,
                    "max_capacity": 4,
                },
            },
            workloads=[
                {
                    "name": "new",
                    "task_definition": "n",
                    "service": {"target_group": target_group | {"listener": listener}},
                },
                {
                    "name": "old",
                    "task_definition": "o",
                    "service": {"target_group": target_group | {"arn": self.target_group_arn}},
                },
            ],
        )


def what_was_there(account: Account, surroundings: Surroundings) -> list[Any]:
    ec2 = account.client("ec2")
    of_vpc = [{"Name": "vpc-id", "Values": [surroundings.vpc_id]}]
    clusters = account.client("ecs").describe_clusters(clusters=["mine"], include=["TAGS", "SETTINGS"])
    return [
        ec2.describe_vpcs(Filters=of_vpc)["Vpcs"],
        ec2.describe_subnets(Filters=of_vpc)["Subnets"],
        ec2.describe_route_tables(Filters=of_vpc)["RouteTables"],
        ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"],
        account.client("elbv2").describe_listeners(LoadBalancerArn=surroundings.load_balancer_arn)["Listeners"],
        clusters["clusters"][0],
    ]
