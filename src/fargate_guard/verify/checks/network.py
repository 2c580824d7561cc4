"""The VPC and its subnets: two zones, a way out, no public address more than needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.verify.registry import PUT_BACK, Registry, judged, skipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.registry import Observation

CHECKS = Registry()

ZONES = 2
_SUBNETS = "https://docs.aws.amazon.com/vpc/latest/userguide/configure-subnets.html"


@CHECKS.check(
    "network.vpc",
    title="The VPC is available",
    docs="https://docs.aws.amazon.com/vpc/latest/userguide/what-is-amazon-vpc.html",
    needs=("vpc",),
)
def vpc(facts: Facts) -> Iterator[Observation]:
    """The VPC exists and is available."""
    yield judged(
        facts.expected.outputs.network.vpc_id,
        facts.vpc is not None and facts.vpc.state == "available",
        expected="available",
        found=facts.vpc.state if facts.vpc else "there is no such VPC",
        fix=PUT_BACK,
    )


@CHECKS.check(
    "network.dns",
    title="The VPC resolves names",
    docs="https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html",
    needs=("vpc",),
)
def dns(facts: Facts) -> Iterator[Observation]:
    """Agents find the load balancer, the collector and VPC endpoints by name."""
    if facts.vpc is None:
        return
    endpoints = facts.expected.outputs.network.vpc_endpoint_ids
    yield judged(
        facts.vpc.vpc_id,
        facts.vpc.dns_support and (facts.vpc.dns_hostnames or not endpoints),
        expected="enableDnsSupport" + (" and enableDnsHostnames" if endpoints else ""),
        found=f"enableDnsSupport {facts.vpc.dns_support}, enableDnsHostnames {facts.vpc.dns_hostnames}",
        fix=f"aws ec2 modify-vpc-attribute --vpc-id {facts.vpc.vpc_id} --enable-dns-support Value=true",
    )


@CHECKS.check(
    "network.subnets",
    title="Every task subnet exists, is available and has free addresses",
    docs=_SUBNETS,
    needs=("subnets",),
)
def subnets(facts: Facts) -> Iterator[Observation]:
    """The subnets exist, in the VPC."""
    network = facts.expected.outputs.network
    for subnet_id in network.task_subnet_ids:
        subnet = facts.subnets.get(subnet_id)
        if subnet is None:
            found = "there is no such subnet"
        else:
            found = f"{subnet.state} in {subnet.vpc_id}, {subnet.free_addresses} free addresses"
        yield judged(
            subnet_id,
            subnet is not None
            and subnet.state == "available"
            and subnet.vpc_id == network.vpc_id
            and subnet.free_addresses > 0,
            expected=f"available in {network.vpc_id}, with free addresses",
            found=found,
            fix=PUT_BACK,
        )


@CHECKS.check(
    "network.two-zones",
    title="The task subnets lie in two or more Availability Zones",
    docs=_SUBNETS,
    needs=("subnets",),
)
def two_zones(facts: Facts) -> Iterator[Observation]:
    """One zone may fail."""
    zones = sorted({subnet.zone for subnet in facts.subnets.values()})
    yield judged(
        facts.expected.outputs.network.vpc_id,
        len(zones) >= ZONES,
        expected="two or more Availability Zones",
        found=", ".join(zones) or "no subnet",
        fix="give network.subnet_ids in two zones, or network.zones: 2, and run `fguard deploy`",
    )


@CHECKS.check(
    "network.route-out",
    title="Every task subnet has a working route to the internet",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html",
    needs=("subnets",),
)
def route_out(facts: Facts) -> Iterator[Observation]:
    """Images, the collector and AWS's own endpoints are out there."""
    for subnet in facts.subnets.values():
        found = (
            f"{subnet.route_out or 'an unknown target'}" if subnet.route_active else "no active route to 0.0.0.0/0"
        )
        yield judged(
            subnet.subnet_id,
            subnet.route_out is not None and subnet.route_active,
            expected="an active route to 0.0.0.0/0",
            found=found,
            fix=f"add a NAT gateway (or an internet gateway) as target of 0.0.0.0/0 to the route table of"
            f" {subnet.subnet_id}; for a VPC of fguard's own: {PUT_BACK}",
        )


@CHECKS.check(
    "network.nat-gateways",
    title="The NAT gateways are available",
    docs="https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html",
    needs=("nat_gateways",),
)
def nat_gateways(facts: Facts) -> Iterator[Observation]:
    """A NAT gateway can fail or be deleted while routes still point to it."""
    for gateway in facts.expected.outputs.network.nat_gateway_ids:
        state = facts.nat_gateways.get(gateway)
        yield judged(
            gateway,
            state == "available",
            expected="available",
            found=state or "there is no such NAT gateway",
            fix=PUT_BACK,
        )


@CHECKS.check(
    "network.endpoints",
    title="The VPC endpoints are available, interface endpoints with private DNS",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html",
    needs=("vpc_endpoints",),
)
def endpoints(facts: Facts) -> Iterator[Observation]:
    """Without private DNS, ECR, Logs and Secrets Manager are reached over the internet after all."""
    for endpoint_id in facts.expected.outputs.network.vpc_endpoint_ids:
        endpoint = facts.vpc_endpoints.get(endpoint_id)
        if endpoint is None:
            found, good = "there is no such endpoint", False
        else:
            private = endpoint.kind == "Gateway" or endpoint.private_dns
            found = f"{endpoint.service_name} {endpoint.state}" + ("" if private else ", without private DNS")
            good = endpoint.state.lower() == "available" and private
        yield judged(
            endpoint_id,
            good,
            expected="available, with private DNS where it is an interface",
            found=found,
            fix=PUT_BACK,
        )


@CHECKS.check(
    "network.public-ip",
    title="Tasks have public addresses exactly where they need them",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html",
    needs=("services", "subnets"),
)
def public_ip(facts: Facts) -> Iterator[Observation]:
    """Behind an internet gateway a task has no way out without a public address; elsewhere it needs none."""
    for component in facts.expected.services:
        service = facts.service(component)
        used = [facts.subnets[s] for s in (service.subnet_ids if service else ()) if s in facts.subnets]
        if service is None or not used:
            yield skipped(component.service_arn or component.name, "the service or its subnets do not exist")
            continue
        needed = any(subnet.public for subnet in used)
        way = "an internet gateway" if needed else "NAT"
        yield judged(
            service.arn,
            service.assign_public_ip == needed,
            expected=f"assignPublicIp {'ENABLED' if needed else 'DISABLED'}: the subnets' way out is {way}",
            found=f"assignPublicIp {'ENABLED' if service.assign_public_ip else 'DISABLED'}",
            fix=f"set network.assign_public_ip: {'true' if needed else 'false'} and run `fguard deploy`",
        )
