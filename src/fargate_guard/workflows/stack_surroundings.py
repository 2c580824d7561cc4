"""What a template cannot look up: zones, and what was brought along; refused where a deployment could not run.

Terraform's modules look up and refuse the same (``templates/terraform/modules/network/existing.tf.j2``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.aws import ec2, ecs, elbv2
from fargate_guard.config.workload import workload_name
from fargate_guard.errors import PreflightError
from fargate_guard.stacks.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fargate_guard.aws.session import Aws
    from fargate_guard.config.workload import TargetGroup
    from fargate_guard.stacks.states import Stack
    from fargate_guard.workflows.context import Context

Json = dict[str, Any]

WITHOUT_FARGATE = frozenset({"apne1-az3", "cac1-az3", "cac1-az4", "cnn1-az3", "use1-az3", "usw1-az2"})
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html"""
EVERYWHERE = "0.0.0.0/0"


def surroundings_of(context: Context, stack: Stack | None) -> Surroundings:
    """Look up what the configured deployment stands in.

    :param stack: the deployment's stack, where there is one: its subnets keep their zones.
    :raises PreflightError: when what was brought along does not exist or does not fit.
    """
    _check_cluster(context)
    balancers = dict(_load_balancer_groups(context))
    if context.config.network.vpc_id is None:
        return Surroundings(zones=_zones(context, stack), load_balancer_security_group_ids=balancers)
    vpc, subnets = _existing_network(context, context.config.network.vpc_id)
    return Surroundings(
        task_subnet_cidr_blocks=tuple(str(subnet["CidrBlock"]) for subnet in subnets),
        vpc_cidr_blocks=tuple(str(block["CidrBlock"]) for block in vpc.get("CidrBlockAssociationSet", ()))
        or (str(vpc["CidrBlock"]),),
        load_balancer_security_group_ids=balancers,
    )


def _zones(context: Context, stack: Stack | None) -> tuple[str, ...]:
    """Return as many zones as are asked for: those that subnets are in already, then the Region's others."""
    taken = _zones_of_subnets(context, stack) if stack is not None else []
    filters = [{"Name": "state", "Values": ["available"]}, {"Name": "zone-type", "Values": ["availability-zone"]}]
    listed = context.aws.call("ec2", "describe_availability_zones", Filters=filters)["AvailabilityZones"]
    open_ = sorted(str(zone["ZoneName"]) for zone in listed if zone.get("ZoneId") not in WITHOUT_FARGATE)
    return tuple(dict.fromkeys([*taken, *open_]))[: context.config.network.zones]


def _zones_of_subnets(context: Context, stack: Stack) -> list[str]:
    from fargate_guard.workflows.stack_deploy import stack_outputs

    outputs = stack_outputs(context, stack)
    if outputs is None:
        return []
    ids = outputs.network.public_subnet_ids or outputs.network.task_subnet_ids
    zones = {str(one["SubnetId"]): str(one["AvailabilityZone"]) for one in ec2.subnets(context.aws, ids)}
    return [zones[subnet] for subnet in ids if subnet in zones]


def _existing_network(context: Context, vpc_id: str) -> tuple[Json, list[Json]]:
    """Return the VPC and its subnets, in the order of the configuration."""
    vpc = ec2.vpc(context.aws, vpc_id)
    if vpc is None:
        raise _refused(f"there is no VPC {vpc_id} in this account and Region", "network.vpc_id", "correct it")
    if not vpc["EnableDnsSupport"]:
        raise _refused(
            f"DNS resolution is off in {vpc_id}, so tasks could not resolve any name",
            "network.vpc_id",
            f"turn it on: aws ec2 modify-vpc-attribute --vpc-id {vpc_id} --enable-dns-support",
        )
    wanted = context.config.network.subnet_ids
    found = {str(one["SubnetId"]): one for one in ec2.subnets(context.aws, wanted)}
    for subnet in wanted:
        there = found.get(subnet, {}).get("VpcId", "no VPC of this account and Region")
        if there != vpc_id:
            raise _refused(
                f"the subnet {subnet} is in {there}, not in {vpc_id}", "network.subnet_ids", "correct it"
            )
    subnets = [found[subnet] for subnet in wanted]
    zones = {str(one["AvailabilityZone"]) for one in subnets}
    if len(zones) < 2:  # noqa: PLR2004 - two zones
        raise _refused(
            f"the subnets are all in {', '.join(zones)}",
            "network.subnet_ids",
            "give subnets in at least two zones",
        )
    _check_ways_out(context, vpc_id, wanted)
    return vpc, subnets


def _check_ways_out(context: Context, vpc_id: str, subnets: Sequence[str]) -> None:
    tables = ec2.route_tables(context.aws, vpc_id)
    routes = {subnet: _default_route(subnet, tables) for subnet in subnets}
    through_nat = [str(route["NatGatewayId"]) for route in routes.values() if route and route.get("NatGatewayId")]
    gateways = ec2.nat_gateways(context.aws, dict.fromkeys(through_nat))
    available = {str(one["NatGatewayId"]) for one in gateways if one["State"] == "available"}
    for subnet, route in routes.items():
        why = _no_way_out(route, available, public_ip=context.config.network.tasks_get_public_ip)
        if why:
            raise _refused(
                f"the subnet {subnet} has no way out: {why}",
                "network.subnet_ids",
                "neither images nor the Sysdig collector could be reached: mend the route, choose other subnets,"
                " or for public subnets set network.assign_public_ip: true",
            )


def _no_way_out(route: Mapping[str, Any] | None, available: set[str], *, public_ip: bool) -> str | None:
    if route is None:
        return f"its route table has no route for {EVERYWHERE}"
    gateway = route.get("NatGatewayId")
    if gateway and gateway not in available:
        return f"its route leads to {gateway}, which is gone or not available"
    if str(route.get("GatewayId", "")).startswith("igw-") and not public_ip:
        return "it leads to an internet gateway, which serves only tasks with a public address"
    return None


def _default_route(subnet: str, tables: Sequence[Json]) -> Json | None:
    own = [one for one in tables if any(a.get("SubnetId") == subnet for a in one.get("Associations", ()))]
    main = [one for one in tables if any(a.get("Main") for a in one.get("Associations", ()))]
    routes = (route for table in [*own, *main][:1] for route in table.get("Routes", ()))
    return next((route for route in routes if route.get("DestinationCidrBlock") == EVERYWHERE), None)


def _check_cluster(context: Context) -> None:
    name = context.config.cluster.name
    if name is None:
        return
    found = ecs.clusters(context.aws, [name])
    status = str(found[0]["status"]) if found else "MISSING"
    if status != "ACTIVE":
        raise _refused(
            f"the ECS cluster {name} is {status}, not ACTIVE",
            "cluster.name",
            "name an active one, or remove the key to have one created",
        )


def _load_balancer_groups(context: Context) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the security groups of the load balancers that send to a workload, by its name."""
    for workload in context.config.workloads:
        target_group = workload.service.target_group if workload.service else None
        if target_group is None:
            continue
        arns = _load_balancers(context.aws, target_group, context.config.network.vpc_id)
        found = [balancer for arn in arns if (balancer := elbv2.load_balancer(context.aws, arn)) is not None]
        groups = [str(group) for balancer in found for group in balancer.get("SecurityGroups") or ()]
        yield workload_name(workload), tuple(dict.fromkeys(groups))


def _load_balancers(aws: Aws, target_group: TargetGroup, vpc_id: str | None) -> list[str]:
    if target_group.arn is None:
        return [target_group.listener.load_balancer_arn] if target_group.listener else []
    found = elbv2.target_group(aws, target_group.arn)
    if found is None:
        raise _refused(
            f"there is no target group {target_group.arn}", "workloads, service.target_group.arn", "correct it"
        )
    if found.get("TargetType") != "ip":
        raise _refused(
            f"the target group {target_group.arn} has targets of type {found.get('TargetType')}",
            "workloads, service.target_group.arn",
            "tasks on Fargate need a target group of type ip",
        )
    if not found.get("LoadBalancerArns"):
        raise _refused(
            f"no load balancer uses the target group {target_group.arn}",
            "workloads, service.target_group.arn",
            "give it a listener first: ECS refuses it until then",
        )
    if vpc_id is not None and found.get("VpcId") != vpc_id:
        raise _refused(
            f"the target group {target_group.arn} is in {found.get('VpcId')}, the workload in {vpc_id}",
            "workloads, service.target_group.arn",
            "name one in the service's VPC",
        )
    return [str(arn) for arn in found.get("LoadBalancerArns", ())]


def _refused(message: str, key: str, fix: str) -> PreflightError:
    return PreflightError(message, where=f"fguard.yaml: {key}", fix=fix)
