"""The orchestrator agent in ``fguard.yaml``.

The settings have the meaning of the variables of the published module
(registry.terraform.io/modules/sysdiglabs/fargate-orchestrator-agent/aws).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from fargate_guard.config.fargate import check_task_size
from fargate_guard.config.types import (
    AgentVersion,
    CpuArchitecture,
    Ipv4Block,
    LogLevel,
    ParameterArn,
    Port,
    SecretArn,
    SecurityGroupId,
    Strict,
)


class CaCertificate(Strict):
    """A CA certificate that is handed to the orchestrator agent."""

    file: str
    """PEM file, relative to ``fguard.yaml``."""
    path: str = "/ssl/collector_cert.pem"
    """Where the agent writes it; absolute, or relative to ``/opt/draios``."""


class ProxyCaCertificate(CaCertificate):
    """A CA certificate of the proxy."""

    path: str = "/ssl/proxy_cert.pem"
    """Where the agent writes it; absolute, or relative to ``/opt/draios``."""


class Proxy(Strict):
    """The HTTP proxy between the orchestrator and the collector."""

    host: str
    port: Port
    user: str | None = None
    password_arn: SecretArn | ParameterArn | None = None
    ssl: bool = False
    ssl_verify_certificate: bool = True
    ca_certificate: ProxyCaCertificate | None = None


class Autoscaling(Strict):
    """Target tracking for the orchestrator's service."""

    target_metric: Literal["ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization"]
    target_value: Annotated[float, Field(gt=0, le=100)]
    """Percent."""
    max_capacity: Annotated[int, Field(ge=1)]
    scale_in_cooldown: Annotated[int, Field(ge=0)] = 300
    """Seconds."""
    scale_out_cooldown: Annotated[int, Field(ge=0)] = 300
    """Seconds."""


class Orchestrator(Strict):
    """The orchestrator agent: a service behind an internal network load balancer."""

    version: AgentVersion | None = None
    """Default: the workload agent's."""
    image: str | None = None
    """Default: ``quay.io/sysdig/orchestrator-agent:<version>``."""
    port: Port = 6667
    cpu: int = 2048
    memory: int = 8192
    """MiB."""
    cpu_architecture: CpuArchitecture = "X86_64"
    desired_count: Annotated[int, Field(ge=1)] = 1
    log_level: LogLevel = "info"
    tags: dict[str, str] = {}
    """Agent tags (not AWS tags): they appear on every event."""
    extra_conf: str = ""
    """YAML appended to the agent's configuration."""
    check_collector_certificate: bool = True
    collector_ca_certificate: CaCertificate | None = None
    proxy: Proxy | None = None
    autoscaling: Autoscaling | None = None
    load_balancer_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,32}$")] | None = None
    client_cidr_blocks: list[Ipv4Block] = []
    """Where else workload agents connect from. The deployment's own task subnets are admitted anyway."""
    client_security_group_ids: list[SecurityGroupId] = []
    """Security groups that workload agents connect from, beside the task subnets."""

    @model_validator(mode="after")
    def _fargate_size(self) -> Self:
        check_task_size(self.cpu, self.memory)
        return self
