"""What a template consists of: all that Jinja2 decides by, and no text that a user wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fargate_guard.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fargate_guard.config import Config
    from fargate_guard.stacks.surroundings import Surroundings
    from fargate_guard.workload_input import WorkloadInput

INTERFACE_SERVICES = {
    "ecr": ("ecr.api", "ecr.dkr"),
    "logs": ("logs",),
    "secretsmanager": ("secretsmanager",),
    "ssm": ("ssm",),
}
"""The services behind an entry of ``network.endpoints``.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
"""


@dataclass(frozen=True, slots=True)
class Structure:
    """What a template consists of."""

    name: str
    """The deployment's: letters, digits and hyphens."""
    orchestrator: bool
    """The orchestrator topology; else the agents connect to the collector themselves."""
    existing_network: bool
    subnet_count: int
    """Of the task subnets: the zones of a VPC that is created, or the subnets that exist."""
    zones_given: bool
    """The zones are a parameter; else they are the Region's first."""
    subnet_host_bits: int
    """A created VPC is divided into sixteen equal blocks; so many bits of an address are each block's own."""
    vpc_cidr_block_count: int
    """Of an existing VPC, where they are asked for."""
    nat_gateways: int
    """NAT gateways, with private subnets behind them; 0: tasks run in public subnets."""
    public_ip: bool
    s3_endpoint: bool
    interface_endpoints: tuple[str, ...]
    """AWS services, as in ``ecr.api``."""
    existing_cluster: bool
    access_key: Literal["given", "either"]
    """``either``: a parameter for the key itself, and one for the ARN of a secret with it."""
    access_key_kms: bool
    """The secret that is made of that parameter is encrypted with a key of the user's own."""
    autoscaling: bool
    proxy: bool
    proxy_user: bool
    proxy_ca: bool
    collector_ca: bool
    image_pull_secret: bool
    logs_kms: bool
    log_groups: bool
    client_security_groups: int

    @property
    def prefix(self) -> str:
        """What names begin with.

        Neither a deployment nor a workload has an underscore in its name, so the names of two deployments never
        meet, whatever they are called.
        """
        return f"fguard_{self.name}"

    @property
    def zones(self) -> int:
        """How many zones a created VPC has subnets in."""
        return 0 if self.existing_network else self.subnet_count


def structure_of(
    config: Config,
    surroundings: Surroundings,
    workloads: Sequence[WorkloadInput],
    *,
    access_key: Literal["given", "either"] = "given",
) -> Structure:
    """Decide what the template consists of.

    :raises PreflightError: it would have nothing in it, or facts that contradict the configuration.
    """
    network, orchestrator = config.network, config.agent.topology == "orchestrator"
    existing = network.vpc_id is not None
    proxy = config.orchestrator.proxy if orchestrator else None
    count = len(network.subnet_ids) if existing else network.zones
    if existing and config.cluster.name is not None and not orchestrator and not workloads:
        raise PreflightError(
            "there is nothing to deploy",
            where="fguard.yaml",
            why="network and cluster exist, the direct topology has no orchestrator, and there are no workloads",
            fix="add workloads to fguard.yaml",
        )
    _check_facts(config, surroundings, count)
    return Structure(
        name=config.name,
        orchestrator=orchestrator,
        existing_network=existing,
        subnet_count=count,
        zones_given=not existing and bool(surroundings.zones),
        subnet_host_bits=28 - int(network.cidr.rpartition("/")[2]),
        vpc_cidr_block_count=_vpc_blocks(orchestrator, surroundings, workloads) if existing else 0,
        nat_gateways=0 if existing else {"none": 0, "one": 1, "per_zone": count}[network.nat_gateway],
        public_ip=network.tasks_get_public_ip,
        s3_endpoint="s3" in network.endpoints,
        interface_endpoints=tuple(
            sorted(service for endpoint in network.endpoints for service in INTERFACE_SERVICES.get(endpoint, ()))
        ),
        existing_cluster=config.cluster.name is not None,
        access_key=access_key,
        access_key_kms=access_key == "either" and config.sysdig.access_key.kms_key_arn is not None,
        autoscaling=orchestrator and config.orchestrator.autoscaling is not None,
        proxy=proxy is not None,
        proxy_user=proxy is not None and proxy.user is not None,
        proxy_ca=proxy is not None and proxy.ca_certificate is not None,
        collector_ca=orchestrator and config.orchestrator.collector_ca_certificate is not None,
        image_pull_secret=orchestrator and config.agent.image_pull_secret_arn is not None,
        logs_kms=config.logs.kms_key_arn is not None and (orchestrator or bool(workloads)),
        log_groups=orchestrator or bool(workloads),
        client_security_groups=len(config.orchestrator.client_security_group_ids) if orchestrator else 0,
    )


def _vpc_blocks(orchestrator: bool, surroundings: Surroundings, workloads: Sequence[WorkloadInput]) -> int:
    """How many blocks of an existing VPC the template asks for: for name servers, and for load balancers."""
    behind_balancer = any(
        workload.service is not None
        and workload.service.target_group is not None
        and not surroundings.load_balancer_security_group_ids.get(workload.name)
        for workload in workloads
    )
    return max(len(surroundings.vpc_cidr_blocks), 1) if orchestrator or behind_balancer else 0


def _check_facts(config: Config, surroundings: Surroundings, count: int) -> None:
    blocks = surroundings.task_subnet_cidr_blocks
    if config.network.vpc_id is None and surroundings.zones and len(surroundings.zones) < count:
        found = len(surroundings.zones)
        raise PreflightError(
            f"the Region has {found} Availability Zones with Fargate, and {count} were asked for",
            where="fguard.yaml: network.zones",
            why=f"the zones are {', '.join(surroundings.zones)}",
            fix="lower network.zones",
        )
    if config.network.vpc_id is not None and blocks and len(blocks) != count:
        raise PreflightError(
            f"{count} subnets are named, and {len(blocks)} were found",
            where="fguard.yaml: network.subnet_ids",
            fix="correct network.subnet_ids, or the Region or the profile under aws",
        )
