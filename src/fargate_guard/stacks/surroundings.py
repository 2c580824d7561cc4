"""What is in the account already and a template cannot look up: found with boto3, and given to the template."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Facts about what a deployment stands in.

    What is unknown (empty) becomes a parameter without a value, or what is said at the field.
    """

    zones: tuple[str, ...] = ()
    """Availability Zones for a VPC that is created, one per subnet: those with Fargate, and in an update those
    that the subnets are in. Empty: the Region's first ones, whatever they are."""
    task_subnet_cidr_blocks: tuple[str, ...] = ()
    """The block of each of ``network.subnet_ids``, in their order."""
    vpc_cidr_blocks: tuple[str, ...] = ()
    """All IPv4 blocks of ``network.vpc_id``."""
    load_balancer_security_group_ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of the load balancers that send to a workload, by the workload's name. Empty: the whole VPC is admitted."""
