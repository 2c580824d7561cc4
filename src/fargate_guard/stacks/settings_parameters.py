"""The parameters of a deployment's template, from ``fguard.yaml``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fargate_guard.config.fargate import LOG_RETENTION_DAYS, TASK_SIZES
from fargate_guard.stacks.images import ECR_IMAGE, orchestrator_image
from fargate_guard.stacks.network_parameters import network_parameters
from fargate_guard.stacks.parameters import Parameter, ParameterGroup
from fargate_guard.stacks.secret_parameters import ARN, secret_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.config import Config
    from fargate_guard.config.orchestrator import Autoscaling, Proxy
    from fargate_guard.stacks.structure import Structure
    from fargate_guard.stacks.surroundings import Surroundings

_HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"
_BOOLEANS = ("true", "false")


def parameter_groups(
    config: Config, structure: Structure, surroundings: Surroundings, access_key: str
) -> list[ParameterGroup]:
    """Return the parameters that a template of this structure has, with this deployment's values.

    :param access_key: ECS ``valueFrom`` of the access key; empty where the template asks for the key itself.
    :raises RefusedValueError: a value that CloudFormation would not take.
    """
    groups = [ParameterGroup("Network", tuple(network_parameters(config, structure, surroundings)))]
    if structure.orchestrator:
        groups += [
            ParameterGroup("Sysdig", tuple(_sysdig(config, structure, access_key))),
            ParameterGroup("Orchestrator agent", tuple(_orchestrator(config))),
            ParameterGroup("Proxy between orchestrator and collector", tuple(_proxy(config.orchestrator.proxy))),
            ParameterGroup("Autoscaling", tuple(_autoscaling(config.orchestrator.autoscaling))),
        ]
    groups.append(ParameterGroup("Cluster and logs", tuple(_cluster_and_logs(config, structure))))
    for group in groups:
        for parameter in group.parameters:
            parameter.check()
    return groups


def _sysdig(config: Config, structure: Structure, access_key: str) -> Iterator[Parameter]:
    collector = config.sysdig.effective_collector
    if structure.access_key == "either":
        yield Parameter(
            "AccessKey",
            "Agent access key",
            "The Sysdig agent access key. It is stored in Secrets Manager. Empty: a secret that exists is used.",
            "",
            "sysdig.access_key",
            pattern=r"[!-~]*",
            constraint="The access key has neither spaces nor line breaks.",
            no_echo=True,
        )
        yield Parameter(
            "AccessKeyRenewal",
            "Renewal of the access key",
            "Change it to anything when the access key changes: agents are replaced, and read the new key.",
            "",
            "sysdig.access_key",
            pattern="[0-9A-Za-z.:+-]*",
            constraint="Letters, digits, and . : + -",
        )
    yield from secret_parameters(
        "AccessKey",
        "access key",
        "The Sysdig agent access key",
        access_key,
        "sysdig.access_key",
        optional=structure.access_key == "either",
    )
    yield Parameter(
        "CollectorHost",
        "Collector's host",
        "The Sysdig collector that the orchestrator sends to.",
        collector.host,
        "sysdig.collector.host",
        pattern=_HOST,
        constraint="A host name or an address.",
    )
    yield _port(
        "CollectorPort", "Collector's port", "Port of the collector.", collector.port, "sysdig.collector.port"
    )
    yield Parameter(
        "CheckCollectorCertificate",
        "Check the collector's certificate",
        "Whether the agent checks the collector's certificate.",
        str(config.orchestrator.check_collector_certificate).lower(),
        "orchestrator.check_collector_certificate",
        allowed=_BOOLEANS,
    )


def _port(name: str, label: str, description: str, value: int, setting: str) -> Parameter:
    return Parameter(name, label, description, str(value), setting, type="Number", bounds=(1, 65535))


def _orchestrator(config: Config) -> Iterator[Parameter]:
    agent = config.orchestrator
    yield _image(config)
    if config.agent.image_pull_secret_arn is not None:
        yield Parameter(
            "ImagePullSecretArn",
            "Registry credentials",
            "Secrets Manager secret with the registry credentials for the orchestrator's image.",
            config.agent.image_pull_secret_arn,
            "agent.image_pull_secret_arn",
            pattern=rf"{ARN}:secretsmanager:[a-z0-9-]+:\d{{12}}:secret:[^:]+",
            constraint="The ARN of a secret, without a JSON key behind it.",
        )
    yield _port(
        "OrchestratorPort",
        "Port",
        "Port that workload agents connect to: load balancer, target group and container.",
        agent.port,
        "orchestrator.port",
    )
    yield Parameter(
        "OrchestratorCpu",
        "CPU",
        "CPU units of a task (1024 are one vCPU).",
        str(agent.cpu),
        "orchestrator.cpu",
        type="Number",
        allowed=tuple(TASK_SIZES),
    )
    yield Parameter(
        "OrchestratorMemory",
        "Memory",
        "Memory of a task, MiB; it has to fit the CPU units.",
        str(agent.memory),
        "orchestrator.memory",
        type="Number",
        bounds=(512, 249856),
    )
    yield Parameter(
        "OrchestratorDesiredCount",
        "Number of tasks",
        "How many orchestrator tasks run" + (" at least." if agent.autoscaling else "."),
        str(agent.desired_count),
        "orchestrator.desired_count",
        type="Number",
        bounds=(1, 1000),
    )
    yield Parameter(
        "CpuArchitecture",
        "CPU architecture",
        "Of the orchestrator's tasks.",
        agent.cpu_architecture,
        "orchestrator.cpu_architecture",
        allowed=("X86_64", "ARM64"),
    )
    yield Parameter(
        "LogLevel",
        "Log level",
        "Log level of the orchestrator agent.",
        agent.log_level,
        "orchestrator.log_level",
        allowed=("fatal", "critical", "error", "warning", "notice", "info", "debug", "trace"),
    )
    yield Parameter(
        "AgentTags",
        "Agent tags",
        "They appear on every event: key:value,key:value. Not AWS tags.",
        ",".join(f"{key}:{value}" for key, value in sorted(agent.tags.items())),
        "orchestrator.tags",
    )
    yield Parameter(
        "LoadBalancerName",
        "Load balancer's name",
        "Name of the orchestrator's internal load balancer. Another name replaces it, and workloads start anew.",
        agent.load_balancer_name or f"fguard-{config.name}",
        "orchestrator.load_balancer_name",
        pattern="(?!internal-)[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?",
        constraint="At most 32 letters, digits and hyphens, no hyphen at either end, and not internal- in front.",
    )


def _image(config: Config) -> Parameter:
    image = orchestrator_image(config)
    pattern, constraint = (
        r"(?!\d{12}\.dkr\.ecr\.)\S+",
        "An image outside ECR: the role has no permission to pull from it.",
    )
    if (found := ECR_IMAGE.match(image)) is not None:
        repository = found[0]
        pattern = rf"{re.escape(repository)}([:@]\S+)?"
        constraint = f"An image of {repository}: the role may pull from that repository only."
    return Parameter(
        "OrchestratorImage",
        "Image",
        "The orchestrator agent's image, with a version tag or a digest.",
        image,
        "orchestrator.image",
        pattern=pattern,
        constraint=constraint,
    )


def _proxy(proxy: Proxy | None) -> Iterator[Parameter]:
    if proxy is None:
        return
    setting = "orchestrator.proxy"
    yield Parameter(
        "ProxyHost",
        "Proxy's host",
        "HTTP proxy between the orchestrator and the collector.",
        proxy.host,
        f"{setting}.host",
        pattern=r"\S+",
        constraint="A host name or an address.",
    )
    yield _port("ProxyPort", "Proxy's port", "Port of the proxy.", proxy.port, f"{setting}.port")
    if proxy.user is not None:
        yield Parameter("ProxyUser", "User", "User name at the proxy.", proxy.user, f"{setting}.user")
    if proxy.password_arn is not None:
        yield from secret_parameters(
            "ProxyPassword",
            "proxy's password",
            "Password at the proxy",
            proxy.password_arn,
            f"{setting}.password_arn",
        )
    yield Parameter(
        "ProxySsl",
        "TLS to the proxy",
        "Whether the agent speaks TLS with the proxy.",
        str(proxy.ssl).lower(),
        f"{setting}.ssl",
        allowed=_BOOLEANS,
    )
    yield Parameter(
        "ProxySslVerifyCertificate",
        "Check the proxy's certificate",
        "Whether the agent checks the proxy's certificate.",
        str(proxy.ssl_verify_certificate).lower(),
        f"{setting}.ssl_verify_certificate",
        allowed=_BOOLEANS,
    )


def _autoscaling(scaling: Autoscaling | None) -> Iterator[Parameter]:
    if scaling is None:
        return
    setting = "orchestrator.autoscaling"
    yield Parameter(
        "ScalingMetric",
        "Metric",
        "What the number of tasks follows.",
        scaling.target_metric,
        f"{setting}.target_metric",
        allowed=("ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization"),
    )
    yield Parameter(
        "ScalingTargetValue",
        "Target",
        "Percent of that metric to aim at.",
        f"{scaling.target_value:g}",
        f"{setting}.target_value",
        type="Number",
        bounds=(0, 100),
    )
    for name, label, description, number in (
        ("ScalingMaxCapacity", "Most tasks", "How many tasks run at most.", scaling.max_capacity),
        ("ScaleInCooldown", "Pause after removing tasks", "Seconds.", scaling.scale_in_cooldown),
        ("ScaleOutCooldown", "Pause after adding tasks", "Seconds.", scaling.scale_out_cooldown),
    ):
        least = 1 if name == "ScalingMaxCapacity" else 0
        yield Parameter(
            name, label, description, str(number), setting, type="Number", bounds=(least, max(number, 86400))
        )


def _cluster_and_logs(config: Config, structure: Structure) -> Iterator[Parameter]:
    if structure.existing_cluster:
        yield Parameter(
            "ClusterName",
            "ECS cluster",
            "The ECS cluster to use. It exists and is not changed.",
            config.cluster.name,
            "cluster.name",
            pattern="[A-Za-z0-9_-]{1,255}",
            constraint="A cluster's name: letters, digits, hyphens and underscores.",
        )
    else:
        yield Parameter(
            "ContainerInsights",
            "Container Insights",
            "Of the cluster that is created; billed by metric.",
            config.cluster.container_insights,
            "cluster.container_insights",
            allowed=("disabled", "enabled", "enhanced"),
        )
    if not structure.log_groups:
        return
    yield Parameter(
        "LogRetentionDays",
        "Days that logs are kept",
        "How long the log groups that are created keep their events; 0 keeps them for ever.",
        str(config.logs.retention_days),
        "logs.retention_days",
        type="Number",
        allowed=LOG_RETENTION_DAYS,
    )
    if structure.logs_kms:
        yield Parameter(
            "LogKmsKeyArn",
            "Key of the log groups",
            "Customer managed key of the log groups, not an alias. Its policy must admit CloudWatch Logs.",
            config.logs.kms_key_arn,
            "logs.kms_key_arn",
            pattern=rf"{ARN}:kms:[a-z0-9-]+:\d{{12}}:key/.+",
            constraint="The ARN of a KMS key, not of an alias.",
        )
