"""The parameters of a template's network.

CloudFormation looks whether a VPC, a subnet or a zone is there before it begins, and the console offers them:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.stacks.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.config import Config
    from fargate_guard.stacks.structure import Structure
    from fargate_guard.stacks.surroundings import Surroundings

_IPV4 = r"(\d{1,3}\.){3}\d{1,3}"


def network_parameters(config: Config, structure: Structure, surroundings: Surroundings) -> Iterator[Parameter]:
    """Yield the parameters of the VPC that is created, or of the one that exists."""
    network = config.network
    if structure.existing_network:
        yield from _existing_network(config, structure, surroundings)
        return
    prefix = network.cidr.rpartition("/")[2]
    yield Parameter(
        "VpcCidr",
        "VPC's address block",
        f"IPv4 block of the VPC. The subnets' sizes are made for a /{prefix}.",
        network.cidr,
        "network.cidr",
        pattern=rf"{_IPV4}/{prefix}",
        constraint=f"An IPv4 block with the prefix length {prefix}, for example 10.0.0.0/{prefix}.",
    )
    if structure.zones_given:
        yield Parameter(
            "AvailabilityZones",
            "Availability Zones",
            f"The {network.zones} zones of the subnets, with Fargate in them. Other ones replace the subnets.",
            ",".join(surroundings.zones),
            "network.zones",
            type="List<AWS::EC2::AvailabilityZone::Name>",
        )


def _existing_network(config: Config, structure: Structure, surroundings: Surroundings) -> Iterator[Parameter]:
    count = len(config.network.subnet_ids)
    yield Parameter(
        "VpcId",
        "VPC",
        "The VPC to use. It exists and is not changed.",
        config.network.vpc_id,
        "network.vpc_id",
        type="AWS::EC2::VPC::Id",
    )
    yield Parameter(
        "SubnetIds",
        "Subnets",
        f"{count} subnets of that VPC for agents and workloads, in two or more zones, with a route out.",
        ",".join(config.network.subnet_ids),
        "network.subnet_ids",
        type="List<AWS::EC2::Subnet::Id>",
    )
    if structure.orchestrator:
        yield Parameter(
            "SubnetCidrBlocks",
            "Subnets' address blocks",
            f"The IPv4 blocks of the {count} subnets: from there agents may reach the orchestrator.",
            ",".join(surroundings.task_subnet_cidr_blocks) or None,
            "network.subnet_ids",
            type="CommaDelimitedList",
            pattern=rf"{_IPV4}/\d{{1,2}}",
            constraint="IPv4 blocks, for example 10.0.1.0/24,10.0.2.0/24.",
        )
    if structure.vpc_cidr_block_count:
        yield Parameter(
            "VpcCidrBlocks",
            "VPC's address blocks",
            f"IPv4 blocks of the VPC, as many as it has ({structure.vpc_cidr_block_count}):"
            " where its name servers and load balancers are.",
            ",".join(surroundings.vpc_cidr_blocks) or None,
            "network.vpc_id",
            type="CommaDelimitedList",
            pattern=rf"{_IPV4}/\d{{1,2}}",
            constraint="IPv4 blocks, for example 10.0.0.0/16.",
        )
