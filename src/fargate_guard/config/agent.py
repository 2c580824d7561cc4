"""The workload agent in ``fguard.yaml``."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from fargate_guard.config.types import AgentVersion, SecretArn, Strict
from fargate_guard.taskdef.recipes import DEFAULT_VERSIONS

FIRST_VERSION_WITHOUT_ORCHESTRATOR = 6


class Sidecar(Strict):
    """The container ``SysdigInstrumentation``."""

    cpu: Annotated[int, Field(ge=0)] | None = None
    """CPU units (1024 are one vCPU)."""
    memory: Annotated[int, Field(ge=6)] | None = None
    """Hard limit, MiB."""
    memory_reservation: Annotated[int, Field(ge=6)] | None = None
    """Soft limit, MiB."""
    essential: bool | None = None
    """Default: only with ``priority: security``."""
    environment: dict[str, str] = {}
    """Further variables, for example ``HTTPS_PROXY``; readable in the task definition."""
    log_configuration: dict[str, Any] | None = None
    """ECS ``logConfiguration`` of the sidecar for ``fguard instrument``, any driver. ``fguard deploy`` refuses it:
    what fguard deploys has a log group of its own."""


class Agent(Strict):
    """The workload agent."""

    topology: Literal["orchestrator", "direct"] = "orchestrator"
    """``direct``: agents of 6.0.0 and later connect to the collector themselves."""
    version: AgentVersion | None = None
    image: str | None = None
    """Workload agent image, for a mirror. Default: ``quay.io/sysdig/workload-agent:<version>``."""
    priority: Literal["availability", "security"] = "availability"
    """``security``: the workload waits for its policies, and the sidecar is essential."""
    log_level: Literal["silent", "fatal", "critical", "error", "warning", "info", "debug", "trace"] = "info"
    image_pull_secret_arn: SecretArn | None = None
    """``repositoryCredentials`` of the agent's images."""
    extra_conf: Annotated[str, StringConstraints(min_length=1)] | None = None
    """YAML or JSON, ``SYSDIG_EXTRA_CONF`` of the sidecar, for example a proxy. The task definition shows it."""
    ca_certificate_path: str | None = None
    """Path in the sidecar of the CA certificate (PEM) of the HTTP proxy that ``extra_conf`` names."""
    workload_environment: dict[str, str] = {}
    """Further variables of every instrumented container; readable in the task definition."""
    ignore_containers: list[str] = []
    """Containers to leave as they are, in every workload that has one: names, or patterns such as ``log*``."""
    ignore_labels: list[str] = []
    """Docker labels, ``KEY`` or ``KEY=VALUE``, of containers to leave as they are."""
    opt_in: bool = False
    """Instrument only containers that ask for it: by the tags ``kilt-include`` and ``kilt-include-containers``, or
    by the Docker label ``com.fargate-guard.include``."""
    pin_digests: bool = False
    """Write the workloads' images by the digest that was inspected, so that what was checked is what runs."""
    sidecar: Sidecar = Sidecar()

    @property
    def effective_version(self) -> str:
        """The version that is installed."""
        return self.version or DEFAULT_VERSIONS[self.topology]

    @model_validator(mode="after")
    def _topology_fits_version(self) -> Self:
        major = int(self.effective_version.split(".", 1)[0])
        if self.topology == "orchestrator" and major >= FIRST_VERSION_WITHOUT_ORCHESTRATOR:
            raise ValueError(
                f"agent {self.effective_version} does not work with an orchestrator (unsupported from 6.0.0); "
                "set topology: direct, or a version below 6"
            )
        return self
