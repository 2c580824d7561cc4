"""The Jinja2 templates of ``templates/cloudformation``, and what they are given.

Jinja2 decides which resources and properties there are. Text that a user wrote is in parameters, or goes through
the filters ``yaml`` and ``block``, which write it so that it is read back as it was.
"""

from __future__ import annotations

import base64
from functools import cache
from typing import TYPE_CHECKING, Any

import jinja2

from fargate_guard.package_files import package_folder
from fargate_guard.stacks.images import orchestrator_image
from fargate_guard.stacks.roles import IN_CHINA, Stored, execution_statements, orchestrator_needs
from fargate_guard.stacks.yaml_text import Function, block, flow, ref, scalar, sub

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fargate_guard.config import Config
    from fargate_guard.config.orchestrator import CaCertificate
    from fargate_guard.stacks.structure import Structure
    from fargate_guard.stacks.surroundings import Surroundings
    from fargate_guard.stacks.workloads import WorkloadPart
    from fargate_guard.stacks.yaml_text import Value

CONDITIONS = {
    IN_CHINA: "!Equals [!Ref AWS::Partition, aws-cn]",
    "KeepLogsForEver": '!Equals [!Ref LogRetentionDays, "0"]',
    "CollectorPortIsNot443": '!Not [!Equals [!Ref CollectorPort, "443"]]',
    "ProxyPortIsNot443": '!Not [!Equals [!Ref ProxyPort, "443"]]',
    "StoreAccessKey": '!Not [!Equals [!Ref AccessKey, ""]]',
}
"""Those that the resources mention are declared."""


@cache
def environment() -> jinja2.Environment:
    """Return Jinja2 with our filters; it keeps the templates that it read."""
    made = jinja2.Environment(  # noqa: S701 - YAML, not HTML
        loader=jinja2.FileSystemLoader(package_folder("templates") / "cloudformation"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"yaml": scalar, "block": block, "flow": flow}
    return made


def resources_context(
    config: Config,
    structure: Structure,
    surroundings: Surroundings,
    workloads: Sequence[WorkloadPart],
    certificates: Mapping[str, str],
    parameters: Sequence[str],
) -> dict[str, Any]:
    """Return what the resources' and outputs' templates are given.

    :param parameters: names of the template's parameters.
    """
    network = _network(structure)
    groups = surroundings.load_balancer_security_group_ids
    context: dict[str, Any] = {
        "s": structure,
        **network,
        "workloads": [_InNetwork(one, structure, network, groups.get(one.short_name, ())) for one in workloads],
    }
    if structure.orchestrator:
        context |= _orchestrator(config, structure, network, certificates, parameters)
    return context


def _network(structure: Structure) -> dict[str, Any]:
    kind = "Private" if structure.nat_gateways else "Public"
    numbers = range(1, structure.zones + 1)
    task_subnets = [f"!Ref {kind}Subnet{number}" for number in numbers]

    def subnets(indent: int) -> str:
        if structure.existing_network:
            return " !Ref SubnetIds"
        return "".join(f"\n{' ' * (indent + 2)}- {subnet}" for subnet in task_subnets)

    def zone(number: int) -> str:
        source = "!Ref AvailabilityZones" if structure.zones_given else '!GetAZs ""'
        return f"!Select [{number - 1}, {source}]"

    joined = "!Ref SubnetIds" if structure.existing_network else f"[{', '.join(task_subnets)}]"
    return {
        "vpc": "!Ref VpcId" if structure.existing_network else "!Ref Vpc",
        "vpc_blocks": [f"!Select [{index}, !Ref VpcCidrBlocks]" for index in range(structure.vpc_cidr_block_count)]
        if structure.existing_network
        else ["!Ref VpcCidr"],
        "subnets": subnets,
        "task_subnets": task_subnets,
        "task_subnet_list": f'!Join [",", {joined}]',
        "task_subnet_blocks": _task_subnet_blocks(structure),
        "zone": zone,
        "endpoint_id": _endpoint_id,
        "ways_out": _ways_out(structure, kind),
        "public_ip": "ENABLED" if structure.public_ip else "DISABLED",
        "cluster": "!Ref ClusterName" if structure.existing_cluster else "!Ref Cluster",
    }


def _task_subnet_blocks(structure: Structure) -> list[str]:
    if structure.existing_network:
        return [f"!Select [{index}, !Ref SubnetCidrBlocks]" for index in range(structure.subnet_count)]
    first = 8 if structure.nat_gateways else 0
    bits = structure.subnet_host_bits
    return [f"!Select [{first + index}, !Cidr [!Ref VpcCidr, 16, {bits}]]" for index in range(structure.zones)]


def _ways_out(structure: Structure, kind: str) -> list[str]:
    """What has to be there before a task starts, since its image is pulled through it, until it has stopped."""
    if structure.existing_network:
        return []
    numbers = range(1, structure.zones + 1)
    ways = ["PublicRouteToInternet", *(f"PublicSubnet{number}RouteTable" for number in numbers)]
    if kind == "Private":
        ways += [f"PrivateRouteToNat{number}" for number in numbers]
        ways += [f"PrivateSubnet{number}RouteTable" for number in numbers]
    ways += ["S3Endpoint"] if structure.s3_endpoint else []
    return ways + [_endpoint_id(service) for service in structure.interface_endpoints]


def _endpoint_id(service: str) -> str:
    return "".join(part.capitalize() for part in service.split(".")) + "Endpoint"


class _InNetwork:
    """A workload with what only the deployment around it tells: who sends to it, and what it waits for."""

    def __init__(
        self, part: WorkloadPart, structure: Structure, network: Mapping[str, Any], groups: Sequence[str]
    ) -> None:
        self._part = part
        self.clients = [
            {"who": "the load balancer", "key": "SourceSecurityGroupId", "value": scalar(group)}
            for group in groups
        ] or [
            # A load balancer without a security group cannot be named in a rule; it is inside the VPC.
            {"who": "inside the VPC", "key": "CidrIp", "value": vpc_block}
            for vpc_block in network["vpc_blocks"]
        ]
        created = part.target_group is not None and part.target_group.arn is None
        self.service_needs = [
            *(["OrchestratorService"] if structure.orchestrator else []),
            *([f"{part.id}Listener"] if created else []),
            *network["ways_out"],
        ]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


def _orchestrator(
    config: Config,
    structure: Structure,
    network: Mapping[str, Any],
    certificates: Mapping[str, str],
    parameters: Sequence[str],
) -> dict[str, Any]:
    agent, proxy = config.orchestrator, config.orchestrator.proxy
    secrets = [{"Name": "ACCESS_KEY", "ValueFrom": _value_from("AccessKey", structure, parameters)}]
    stored = [_stored("AccessKey", structure, parameters)]
    if proxy is not None and proxy.password_arn is not None:
        secrets.append({"Name": "PROXY_PASSWORD", "ValueFrom": _value_from("ProxyPassword", None, parameters)})
        stored.append(_stored("ProxyPassword", None, parameters))
    if structure.image_pull_secret:
        stored.append(Stored.parameter("ImagePullSecretArn"))
    blocks = [str(value) for value in dict.fromkeys(agent.client_cidr_blocks)]
    return {
        "clients": [
            *({"key": "CidrIp", "value": value} for value in network["task_subnet_blocks"]),
            *({"key": "CidrIp", "value": scalar(value)} for value in blocks),
            *(
                {"key": "SourceSecurityGroupId", "value": scalar(group)}
                for group in dict.fromkeys(agent.client_security_group_ids)
            ),
        ],
        "out_port": "ProxyPort" if structure.proxy else "CollectorPort",
        "secrets": secrets,
        "execution_statements": execution_statements(orchestrator_needs(orchestrator_image(config), stored)),
        "extra_conf": agent.extra_conf,
        "collector_ca": _certificate(agent.collector_ca_certificate, certificates),
        "proxy_ca": _certificate(proxy.ca_certificate if proxy else None, certificates),
        "access_key_kms_arn": config.sysdig.access_key.kms_key_arn,
    }


def _value_from(prefix: str, structure: Structure | None, parameters: Sequence[str]) -> Value:
    if f"{prefix}ParameterArn" in parameters:
        return ref(f"{prefix}ParameterArn")
    secret = sub(f"${{{prefix}SecretArn}}${{{prefix}SecretPart}}")
    if structure is not None and structure.access_key == "either":
        return Function("!If", ["StoreAccessKey", ref("AccessKeySecret"), secret])
    return secret


def _stored(prefix: str, structure: Structure | None, parameters: Sequence[str]) -> Stored:
    if f"{prefix}ParameterArn" in parameters:
        return Stored.parameter(f"{prefix}ParameterArn")
    stored = Stored.parameter(f"{prefix}SecretArn")
    if structure is not None and structure.access_key == "either":
        return Stored(
            stored.service,
            # Not Ref, whose complaint cfn-lint would place at the parameter; see the role's metadata.
            Function("!If", ["StoreAccessKey", ref("AccessKeySecret"), sub("${AccessKeySecretArn}")]),
            Function("!If", ["StoreAccessKey", ref("AWS::Region"), stored.region]),
        )
    return stored


def _certificate(certificate: CaCertificate | None, certificates: Mapping[str, str]) -> dict[str, str] | None:
    if certificate is None:
        return None
    pem = certificates[certificate.file]
    return {"base64": base64.b64encode(pem.encode()).decode("ascii"), "path": certificate.path}
