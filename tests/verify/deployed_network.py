"""The network of what `fguard deploy` builds, built with plain boto3: VPC, security groups, load balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

from fargate_guard.deployment import DEPLOYMENT_TAG
from tests.verify.stack_settings import NAME, PORT, Json, tcp

if TYPE_CHECKING:
    from fargate_guard.sandbox import Sandbox


@dataclass(frozen=True)
class Account:
    """boto3 clients of the sandbox's account."""

    environ: dict[str, str]

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=self.environ["AWS_REGION"],
            endpoint_url=self.environ["AWS_ENDPOINT_URL"],
            aws_access_key_id=self.environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environ["AWS_SECRET_ACCESS_KEY"],
        )


class Network:
    """VPC, subnets, security groups and, for the orchestrator, the load balancer."""

    def __init__(self, sandbox: Sandbox, *, direct: bool) -> None:
        self.direct = direct
        self.account = Account(sandbox.environment())
        self.ec2, self.elbv2 = self.account.client("ec2"), self.account.client("elbv2")
        self.tags = {DEPLOYMENT_TAG: NAME, "fguard:managed-by": "fargate-guard"}
        self._network()
        self._security_groups()
        if not direct:
            self._load_balancer()

    def tag_list(self, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
        return [{key: name, value: content} for name, content in self.tags.items()]

    def _tagged(self, kind: str) -> list[Json]:
        return [{"ResourceType": kind, "Tags": self.tag_list()}]

    def _network(self) -> None:
        ec2 = self.ec2
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=self._tagged("vpc"))["Vpc"]["VpcId"]
        for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
            ec2.modify_vpc_attribute(VpcId=self.vpc, **{attribute: {"Value": True}})
        gateway = ec2.create_internet_gateway(TagSpecifications=self._tagged("internet-gateway"))
        self.internet_gateway = gateway["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.internet_gateway, VpcId=self.vpc)
        self.public = [self._subnet(index, zone) for index, zone in enumerate(("us-east-1a", "us-east-1b"))]
        self.private = [self._subnet(index + 8, zone) for index, zone in enumerate(("us-east-1a", "us-east-1b"))]
        address = ec2.allocate_address(Domain="vpc", TagSpecifications=self._tagged("elastic-ip"))
        nat = ec2.create_nat_gateway(
            SubnetId=self.public[0],
            AllocationId=address["AllocationId"],
            TagSpecifications=self._tagged("natgateway"),
        )
        self.nat = nat["NatGateway"]["NatGatewayId"]
        self.public_routes = self._route_table(self.public, GatewayId=self.internet_gateway)
        self.private_routes = self._route_table(self.private, NatGatewayId=self.nat)
        s3 = ec2.create_vpc_endpoint(
            VpcId=self.vpc,
            ServiceName="com.amazonaws.us-east-1.s3",
            VpcEndpointType="Gateway",
            RouteTableIds=[self.private_routes],
            TagSpecifications=self._tagged("vpc-endpoint"),
        )
        logs = ec2.create_vpc_endpoint(
            VpcId=self.vpc,
            ServiceName="com.amazonaws.us-east-1.logs",
            VpcEndpointType="Interface",
            SubnetIds=self.private,
            PrivateDnsEnabled=True,
            TagSpecifications=self._tagged("vpc-endpoint"),
        )
        self.endpoints = [s3["VpcEndpoint"]["VpcEndpointId"], logs["VpcEndpoint"]["VpcEndpointId"]]

    def _subnet(self, block: int, zone: str) -> str:
        made = self.ec2.create_subnet(
            VpcId=self.vpc,
            CidrBlock=f"10.0.{block * 16}.0/20",
            AvailabilityZone=zone,
            TagSpecifications=self._tagged("subnet"),
        )
        return str(made["Subnet"]["SubnetId"])

    def _route_table(self, subnets: list[str], **target: str) -> str:
        made = self.ec2.create_route_table(VpcId=self.vpc, TagSpecifications=self._tagged("route-table"))
        table = str(made["RouteTable"]["RouteTableId"])
        self.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **target)
        for subnet in subnets:
            self.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        return table

    def _security_groups(self) -> None:
        self.web_group = self._group("web")
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        self.ec2.authorize_security_group_egress(GroupId=self.web_group, IpPermissions=everything)
        if not self.direct:
            self._orchestrator_security_groups()

    def _orchestrator_security_groups(self) -> None:
        self.load_balancer_group = self._group("load_balancer")
        self.orchestrator_group = self._group("orchestrator")
        clients = [tcp(PORT, "10.0.128.0/20"), tcp(PORT, "10.0.144.0/20")]
        self.ec2.authorize_security_group_ingress(GroupId=self.load_balancer_group, IpPermissions=clients)
        self.ec2.authorize_security_group_egress(
            GroupId=self.load_balancer_group, IpPermissions=[tcp(PORT, self.orchestrator_group)]
        )
        self.ec2.authorize_security_group_ingress(
            GroupId=self.orchestrator_group, IpPermissions=[tcp(PORT, self.load_balancer_group)]
        )
        out = [tcp(443, "0.0.0.0/0"), tcp(6443, "0.0.0.0/0")]
        self.ec2.authorize_security_group_egress(GroupId=self.orchestrator_group, IpPermissions=out)

    def _group(self, name: str) -> str:
        made = self.ec2.create_security_group(
            GroupName=f"fguard_training_{name}",
            Description=name,
            VpcId=self.vpc,
            TagSpecifications=self._tagged("security-group"),
        )
        group = str(made["GroupId"])
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        self.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=everything)
        return group

    def _load_balancer(self) -> None:
        elbv2 = self.elbv2
        made = elbv2.create_load_balancer(
            Name="fguard-training",
            Type="network",
            Scheme="internal",
            Subnets=self.private,
            SecurityGroups=[self.load_balancer_group],
            Tags=self.tag_list(),
        )["LoadBalancers"][0]
        self.load_balancer, self.host = made["LoadBalancerArn"], made["DNSName"]
        self.target_group = elbv2.create_target_group(
            Name="fguard-training",
            Protocol="TCP",
            Port=PORT,
            VpcId=self.vpc,
            TargetType="ip",
            Tags=self.tag_list(),
        )["TargetGroups"][0]["TargetGroupArn"]
        self.listener = self.create_listener()

    def create_listener(self) -> str:
        made = self.elbv2.create_listener(
            LoadBalancerArn=self.load_balancer,
            Protocol="TCP",
            Port=PORT,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.target_group}],
            Tags=self.tag_list(),
        )
        return str(made["Listeners"][0]["ListenerArn"])

    def network_of(self, group: str, public_ip: str = "DISABLED") -> Json:
        return {
            "awsvpcConfiguration": {
                "subnets": self.private,
                "securityGroups": [group],
                "assignPublicIp": public_ip,
            }
        }
