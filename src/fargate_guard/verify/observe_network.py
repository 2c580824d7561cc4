"""Facts from EC2 and Elastic Load Balancing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.aws import ec2, elbv2
from fargate_guard.verify.facts.network import (
    Listener,
    LoadBalancer,
    SecurityGroup,
    Subnet,
    Target,
    Vpc,
    VpcEndpoint,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fargate_guard.aws.session import Aws
    from fargate_guard.verify.expected import Expected

Json = dict[str, Any]

EVERYWHERE = "0.0.0.0/0"


def vpc(aws: Aws, expected: Expected) -> Json:
    """Return the VPC, its endpoints and NAT gateways."""
    network = expected.outputs.network
    found = ec2.vpc(aws, network.vpc_id)
    endpoints = [VpcEndpoint.of(endpoint) for endpoint in ec2.vpc_endpoints(aws, network.vpc_id)]
    gateways = ec2.nat_gateways(aws, network.nat_gateway_ids)
    return {
        "vpc": found
        and Vpc(
            vpc_id=found["VpcId"],
            state=found["State"],
            cidrs=tuple(block["CidrBlock"] for block in found.get("CidrBlockAssociationSet", ()))
            or (found["CidrBlock"],),
            dns_support=found["EnableDnsSupport"],
            dns_hostnames=found["EnableDnsHostnames"],
        ),
        "vpc_endpoints": {endpoint.endpoint_id: endpoint for endpoint in endpoints},
        "nat_gateways": {gateway["NatGatewayId"]: gateway["State"] for gateway in gateways},
    }


def subnets(aws: Aws, expected: Expected) -> Json:
    """Return the task subnets with their default routes."""
    network = expected.outputs.network
    tables = ec2.route_tables(aws, network.vpc_id)
    found = [_subnet(subnet, tables) for subnet in ec2.subnets(aws, network.task_subnet_ids)]
    return {"subnets": {subnet.subnet_id: subnet for subnet in found}}


def security_groups(aws: Aws, expected: Expected) -> Json:
    """Return the deployment's security groups."""
    orchestrator = expected.outputs.orchestrator
    ids = [component.security_group_id for component in expected.components if component.security_group_id]
    if orchestrator:
        ids.append(orchestrator.load_balancer_security_group_id)
    found = [SecurityGroup.of(group) for group in ec2.security_groups(aws, ids)]
    return {"security_groups": {group.group_id: group for group in found}}


def load_balancer(aws: Aws, expected: Expected) -> Json:
    """Return the orchestrator's load balancer, its listeners and the health of its targets."""
    built = expected.outputs.orchestrator
    if built is None:
        return {"load_balancer": None, "listeners": (), "targets": ()}
    found = elbv2.load_balancer(aws, built.load_balancer_arn)
    return {
        "load_balancer": LoadBalancer.of(found) if found else None,
        "listeners": tuple(Listener.of(item) for item in elbv2.listeners(aws, built.load_balancer_arn)),
        "targets": tuple(Target.of(item) for item in elbv2.target_health(aws, built.target_group_arn)),
    }


def _subnet(subnet: Mapping[str, Any], tables: Sequence[Json]) -> Subnet:
    route = _default_route(subnet["SubnetId"], tables)
    return Subnet(
        subnet_id=subnet["SubnetId"],
        vpc_id=subnet["VpcId"],
        zone=subnet["AvailabilityZone"],
        state=subnet["State"],
        cidr=subnet["CidrBlock"],
        free_addresses=subnet.get("AvailableIpAddressCount", 0),
        route_out=_target(route) if route else None,
        route_active=bool(route) and route.get("State", "active") == "active",
    )


def _default_route(subnet_id: str, tables: Sequence[Json]) -> Json:
    """Return the route to everywhere of the subnet's own route table, else of the VPC's main one.

    https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html
    """
    own = [t for t in tables if any(a.get("SubnetId") == subnet_id for a in t.get("Associations", ()))]
    main = [t for t in tables if any(a.get("Main") for a in t.get("Associations", ()))]
    for table in [*own, *main][:1]:
        for route in table.get("Routes", ()):
            if route.get("DestinationCidrBlock") == EVERYWHERE:
                return dict(route)
    return {}


def _target(route: Mapping[str, Any]) -> str | None:
    keys = (
        "GatewayId",
        "NatGatewayId",
        "TransitGatewayId",
        "NetworkInterfaceId",
        "VpcPeeringConnectionId",
        "InstanceId",
    )
    return next((str(route[key]) for key in keys if route.get(key)), None)
