"""EC2 look-ups by filter, so that a missing resource is an absent row and not an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.aws.parallel import each

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fargate_guard.aws.session import Aws

Json = dict[str, Any]


KINDS = {
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "subnet": "subnet",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
"""The word in a resource's ARN, by the beginning of its id."""
GONE = {"deleted", "deleting"}


def vpc(aws: Aws, vpc_id: str) -> Json | None:
    """Describe a VPC, with its DNS attributes under ``EnableDnsSupport`` and ``EnableDnsHostnames``.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcAttribute.html
    """
    found: list[Json] = _where(aws, "describe_vpcs", "Vpcs", "vpc-id", [vpc_id])
    if not found:
        return None
    dns = {
        f"{attribute[0].upper()}{attribute[1:]}": aws.call(
            "ec2", "describe_vpc_attribute", about=vpc_id, VpcId=vpc_id, Attribute=attribute
        )[f"{attribute[0].upper()}{attribute[1:]}"]["Value"]
        for attribute in ("enableDnsSupport", "enableDnsHostnames")
    }
    return {**found[0], **dns}


def subnets(aws: Aws, subnet_ids: Iterable[str]) -> list[Json]:
    """Describe the subnets that exist."""
    return _where(aws, "describe_subnets", "Subnets", "subnet-id", subnet_ids)


def route_tables(aws: Aws, vpc_id: str) -> list[Json]:
    """Describe a VPC's route tables."""
    return _where(aws, "describe_route_tables", "RouteTables", "vpc-id", [vpc_id])


def nat_gateways(aws: Aws, nat_gateway_ids: Iterable[str]) -> list[Json]:
    """Describe the NAT gateways that exist; deleted ones stay for an hour as ``deleted``."""
    return _where(aws, "describe_nat_gateways", "NatGateways", "nat-gateway-id", nat_gateway_ids)


def vpc_endpoints(aws: Aws, vpc_id: str) -> list[Json]:
    """Describe a VPC's endpoints."""
    return _where(aws, "describe_vpc_endpoints", "VpcEndpoints", "vpc-id", [vpc_id])


def security_groups(aws: Aws, group_ids: Iterable[str]) -> list[Json]:
    """Describe the security groups that exist."""
    return _where(aws, "describe_security_groups", "SecurityGroups", "group-id", group_ids)


def existing(aws: Aws, resource_ids: Iterable[str]) -> set[str]:
    """Return those that exist; tags outlive deleted resources for a while. Of a kind not in ``KINDS``: all."""
    by_kind: dict[str, list[str]] = {}
    for resource in resource_ids:
        by_kind.setdefault(resource.partition("-")[0], []).append(resource)
    found = each(lambda kind: _existing_of(aws, kind, by_kind[kind]), by_kind)
    return {resource for resources in found for resource in resources}


_DESCRIBED_BY = {
    "eipalloc": ("describe_addresses", "Addresses", "allocation-id", "AllocationId"),
    "eni": ("describe_network_interfaces", "NetworkInterfaces", "network-interface-id", "NetworkInterfaceId"),
    "igw": ("describe_internet_gateways", "InternetGateways", "internet-gateway-id", "InternetGatewayId"),
    "nat": ("describe_nat_gateways", "NatGateways", "nat-gateway-id", "NatGatewayId"),
    "rtb": ("describe_route_tables", "RouteTables", "route-table-id", "RouteTableId"),
    "sg": ("describe_security_groups", "SecurityGroups", "group-id", "GroupId"),
    "subnet": ("describe_subnets", "Subnets", "subnet-id", "SubnetId"),
    "vpc": ("describe_vpcs", "Vpcs", "vpc-id", "VpcId"),
}


def _existing_of(aws: Aws, kind: str, ids: list[str]) -> list[str]:
    if kind == "vpce":
        endpoints = aws.pages("ec2", "describe_vpc_endpoints", "VpcEndpoints")
        states = {one["VpcEndpointId"]: str(one["State"]).lower() for one in endpoints}
        return [resource for resource in ids if states.get(resource, "deleted") not in GONE]
    if kind not in _DESCRIBED_BY:
        return ids
    operation, key, name, identifier = _DESCRIBED_BY[kind]
    found = _where(aws, operation, key, name, ids)
    return [str(one[identifier]) for one in found if one.get("State") not in GONE]


def _where(aws: Aws, operation: str, key: str, name: str, values: Iterable[str]) -> list[Json]:
    wanted = list(values)
    if not wanted:
        return []
    return list(
        aws.pages("ec2", operation, key, about=", ".join(wanted), Filters=[{"Name": name, "Values": wanted}])
    )
