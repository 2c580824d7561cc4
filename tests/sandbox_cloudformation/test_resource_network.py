"""Networks that stacks make, as EC2 shows them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.sandbox import Sandbox
from tests.sandbox.sandbox_account import ManualClock
from tests.sandbox_cloudformation.resource_stack import GONE, Aws, Case, Life, att, live, ref

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = Any
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}


def template(*, new: bool) -> Json:
    port = 6668 if new else 6667
    resources = {
        "Vpc": ("VPC", {"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": "false" if new else "true"}),
        "Subnet": (
            "Subnet",
            {"VpcId": ref("Vpc"), "CidrBlock": "10.0.1.0/24", **({} if new else {"MapPublicIpOnLaunch": True})},
        ),
        "Gateway": ("InternetGateway", {"Tags": [{"Key": "Name", "Value": "new" if new else "old"}]}),
        "Attachment": ("VPCGatewayAttachment", {"VpcId": ref("Vpc"), "InternetGatewayId": ref("Gateway")}),
        "Address": ("EIP", {"Domain": "vpc"}),
        "Nat": ("NatGateway", {"AllocationId": att("Address", "AllocationId"), "SubnetId": ref("Subnet")}),
        "Table": ("RouteTable", {"VpcId": ref("Vpc")}),
        "Route": (
            "Route",
            {
                "RouteTableId": ref("Table"),
                "DestinationCidrBlock": "0.0.0.0/0",
                **({"NatGatewayId": ref("Nat")} if new else {"GatewayId": ref("Gateway")}),
            },
        ),
        "Association": ("SubnetRouteTableAssociation", {"SubnetId": ref("Subnet"), "RouteTableId": ref("Table")}),
        "Group": (
            "SecurityGroup",
            {
                "GroupDescription": "orchestrator",
                "VpcId": ref("Vpc"),
                "SecurityGroupIngress": [
                    {"IpProtocol": "tcp", "FromPort": port, "ToPort": str(port), "CidrIp": "10.0.0.0/16"}
                ],
                "SecurityGroupEgress": [
                    {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "CidrIp": "10.0.0.2/32"}
                ],
            },
        ),
        "Peer": ("SecurityGroup", {"GroupDescription": "workload", "VpcId": ref("Vpc")}),
        "In": (
            "SecurityGroupIngress",
            {
                "GroupId": ref("Peer"),
                "IpProtocol": "tcp",
                "FromPort": 80,
                "ToPort": 80,
                "SourceSecurityGroupId": att("Group", "GroupId"),
                "Description": "new" if new else "old",
            },
        ),
        "Out": (
            "SecurityGroupEgress",
            {"GroupId": ref("Peer"), "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIpv6": "::/0"},
        ),
        "Endpoint": (
            "VPCEndpoint",
            {
                "VpcId": ref("Vpc"),
                "ServiceName": "com.amazonaws.us-east-1.ecr.api",
                "VpcEndpointType": "Interface",
                "SubnetIds": [ref("Subnet")],
                "SecurityGroupIds": [ref("Peer" if new else "Group")],
                "PrivateDnsEnabled": True,
                "PolicyDocument": POLICY,
            },
        ),
    }
    dependent = {"Nat": "Attachment", "Route": "Attachment"}
    return {
        "Resources": {
            name: {
                "Type": f"AWS::EC2::{kind}",
                "Properties": properties,
                **({"DependsOn": dependent[name]} if name in dependent else {}),
            }
            for name, (kind, properties) in resources.items()
        },
        "Outputs": {"DefaultGroup": {"Value": att("Vpc", "DefaultSecurityGroup")}},
    }


def rules_of(aws: Aws, group: str) -> Json:
    wanted = [{"Name": "group-id", "Values": [group]}]
    rules = aws.ec2.describe_security_group_rules(Filters=wanted)["SecurityGroupRules"]
    return sorted((r["IsEgress"], r["IpProtocol"], r.get("FromPort")) for r in rules) or GONE


def rule(aws: Aws, rule_id: str) -> Json:
    found = aws.ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"][0]
    return (found["FromPort"], found.get("Description"), "ReferencedGroupInfo" in found)


def routes(aws: Aws, table: str) -> list[str]:
    found = aws.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    return [
        next(key for key in each if key.endswith("GatewayId"))
        for each in found
        if each["DestinationCidrBlock"] == "0.0.0.0/0"
    ]


def nat(aws: Aws, gateway: str) -> str:
    found = aws.ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]
    return GONE if found["State"] == "deleted" else str(found["State"])


CASES = (
    Case(
        "Vpc",
        lambda aws, i: aws.ec2.describe_vpc_attribute(VpcId=i, Attribute="enableDnsHostnames")[
            "EnableDnsHostnames"
        ]["Value"],
        before=True,
        after=False,
        tamper=lambda aws, i: aws.ec2.modify_vpc_attribute(VpcId=i, EnableDnsHostnames={"Value": True}),
        drifted="/EnableDnsHostnames",
    ),
    Case(
        "Subnet",
        lambda aws, i: aws.ec2.describe_subnets(SubnetIds=[i])["Subnets"][0]["MapPublicIpOnLaunch"],
        before=True,
        after=False,
    ),
    Case(
        "Gateway",
        lambda aws, i: next(
            tag["Value"]
            for tag in aws.ec2.describe_internet_gateways(InternetGatewayIds=[i])["InternetGateways"][0]["Tags"]
            if tag["Key"] == "Name"
        ),
        before="old",
        after="new",
    ),
    Case(
        "Address", lambda aws, i: aws.ec2.describe_addresses(PublicIps=[i])["Addresses"][0]["Domain"], before="vpc"
    ),
    Case("Nat", nat, before="available"),
    Case("Table", routes, before=["GatewayId"], after=["NatGatewayId"]),
    Case(
        "Group",
        rules_of,
        before=[(False, "tcp", 6667), (True, "udp", 53)],
        after=[(False, "tcp", 6668), (True, "udp", 53)],
        tamper=lambda aws, i: aws.ec2.authorize_security_group_ingress(
            GroupId=i,
            IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
            ],
        ),
        drifted="/SecurityGroupIngress",
    ),
    Case("In", rule, before=(80, "old", True), after=(80, "new", True)),
    Case("Out", rule, before=(6667, None, False), after=(6668, None, False)),
    Case(
        "Endpoint",
        lambda aws, i: [
            group["GroupName"].split("-")[1]
            for group in aws.ec2.describe_vpc_endpoints(VpcEndpointIds=[i])["VpcEndpoints"][0]["Groups"]
        ],
        before=["Group"],
        after=["Peer"],
    ),
)


@pytest.fixture(scope="module")
def life() -> Iterator[Life]:
    clock = ManualClock(time.time())
    with Sandbox.start(clock=clock, sleep=clock.advance) as sandbox:
        yield live(Aws(sandbox, clock), "net", (template(new=False), template(new=True)), CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_network_resource_is_made_changed_watched_and_deleted(life: Life, case: Case) -> None:
    life.held(case)


def test_only_a_rule_whose_port_changed_was_replaced(life: Life) -> None:
    replaced = {name for name, before in life.physical.items() if life.physical_after[name] != before}
    assert replaced == {"Out"}


def test_the_default_security_group_is_an_attribute_of_the_vpc(life: Life) -> None:
    assert life.outputs["DefaultGroup"].startswith("sg-")
