"""From the configuration to the settings of the instrumentation."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from fargate_guard.taskdef import Settings

if TYPE_CHECKING:
    from fargate_guard.config import Config

AGENT_LOG_STREAM_PREFIX = "sysdig"


def settings_from_config(
    config: Config,
    *,
    orchestrator_host: str | None,
    access_key_arn: str | None,
    ignore_containers: tuple[str, ...] = (),
    agent_logs: dict[str, Any] | None = None,
    execution_role_supplied: bool = False,
) -> Settings:
    """Return how to instrument one workload of a deployment.

    :param orchestrator_host: the load balancer's name; ignored in the direct topology.
    :param access_key_arn: ECS ``valueFrom``; ignored where only the orchestrator has it.
    :param agent_logs: the sidecar's ``logConfiguration``.
    :param execution_role_supplied: whether the execution role is added later, by Terraform.
    """
    direct = config.agent.topology == "direct"
    collector = config.sysdig.effective_collector
    sidecar = config.agent.sidecar
    return Settings(
        topology=config.agent.topology,
        agent_version=config.agent.effective_version,
        agent_image=config.agent.image,
        orchestrator_host=None if direct else orchestrator_host,
        orchestrator_port=config.orchestrator.port,
        collector_host=collector.host if direct else None,
        collector_port=collector.port,
        access_key_arn=access_key_arn if direct else None,
        priority=config.agent.priority,
        logging=config.agent.log_level,
        extra_conf=config.agent.extra_conf,
        sidecar_cpu=sidecar.cpu,
        sidecar_memory=sidecar.memory,
        sidecar_memory_reservation=sidecar.memory_reservation,
        sidecar_essential=sidecar.essential,
        log_configuration=agent_logs or sidecar.log_configuration,
        repository_credentials_arn=config.agent.image_pull_secret_arn,
        ignore_containers=ignore_containers,
        ignore_labels=tuple(config.agent.ignore_labels),
        opt_in=config.agent.opt_in,
        pin_digests=config.agent.pin_digests,
        workload_environment=config.agent.workload_environment,
        sidecar_environment=sidecar.environment,
        ca_certificate_path=config.agent.ca_certificate_path,
        execution_role_supplied=execution_role_supplied,
    )


def awslogs(group: str, region: str) -> dict[str, Any]:
    """Return the ``logConfiguration`` that sends a sidecar's lines to a log group.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
    """
    return {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": group,
            "awslogs-region": region,
            "awslogs-stream-prefix": AGENT_LOG_STREAM_PREFIX,
        },
    }


def is_pattern(name: str) -> bool:
    """Whether containers to leave out are given by a shell pattern."""
    return any(char in name for char in "*?[")


def fits_any(names: frozenset[str], name: str) -> bool:
    """Whether one of the containers has this name, or fits this pattern."""
    return name in names or (is_pattern(name) and any(fnmatchcase(own, name) for own in names))
