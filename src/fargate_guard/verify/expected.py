"""What the configuration and Terraform's outputs say should be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from fargate_guard.config.workload import workload_name
from fargate_guard.taskdef.recipes import SIDECAR_NAME
from fargate_guard.taskdef.selection import BY_ITSELF, LeavingOut
from fargate_guard.verify.rollout_verdict import Awaited

if TYPE_CHECKING:
    from fargate_guard.config.model import Config
    from fargate_guard.deployment import DeploymentOutputs

ORCHESTRATOR = "orchestrator"
ROLE_PREFIX_LENGTH = 32
"""Of the deployment's and the component's name, before ``_exec_``, in the names of roles."""


@dataclass(frozen=True, slots=True)
class Component:
    """The orchestrator, or one workload."""

    name: str
    """``orchestrator``, or the workload's name."""
    is_orchestrator: bool
    task_definition_arn: str
    service_arn: str | None
    """None for a workload of which only the task definition was registered."""
    desired_count: int | None
    """None where autoscaling sets it."""
    agent_container_name: str
    """The orchestrator's container, or the sidecar."""
    security_group_id: str | None
    execution_role_arn: str
    log_group_names: tuple[str, ...]
    """Groups that fguard created for it."""
    agent_log_group_name: str
    """Where the orchestrator or the sidecar logs."""
    leaving_out: LeavingOut = BY_ITSELF
    """Which containers are deliberately not instrumented."""
    cpu_architecture: str | None = None
    """What was asked for; None: the task definition's own."""

    @property
    def service_name(self) -> str:
        """The last part of the service's ARN."""
        return (self.service_arn or "").rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Expected:
    """One deployment as it should be."""

    name: str
    topology: str
    """``orchestrator`` or ``direct``."""
    agent_version: str
    agent_image: str
    orchestrator_version: str
    orchestrator_image: str
    collector_host: str
    collector_port: int
    retention_days: int
    """0: logs are kept for ever."""
    outputs: DeploymentOutputs
    components: tuple[Component, ...]
    client_cidr_blocks: tuple[str, ...] = ()
    """Where else workload agents may connect from (``orchestrator.client_cidr_blocks``)."""

    @classmethod
    def of(cls, config: Config, outputs: DeploymentOutputs) -> Self:
        """Combine ``fguard.yaml`` with what Terraform built."""
        version = config.agent.effective_version
        orchestrator_version = config.orchestrator.version or version
        collector = config.sysdig.effective_collector
        return cls(
            name=config.name,
            topology=config.agent.topology,
            agent_version=version,
            agent_image=config.agent.image or f"quay.io/sysdig/workload-agent:{version}",
            orchestrator_version=orchestrator_version,
            orchestrator_image=config.orchestrator.image
            or f"quay.io/sysdig/orchestrator-agent:{orchestrator_version}",
            collector_host=collector.host,
            collector_port=collector.port,
            retention_days=config.logs.retention_days,
            outputs=outputs,
            components=(*_orchestrator(config, outputs), *_workloads(config, outputs)),
            client_cidr_blocks=tuple(config.orchestrator.client_cidr_blocks),
        )

    @property
    def workloads(self) -> tuple[Component, ...]:
        """The components that carry the workload agent."""
        return tuple(component for component in self.components if not component.is_orchestrator)

    @property
    def role_prefixes(self) -> tuple[str, ...]:
        """How the names of the roles that the deployment makes begin, whichever method makes them.

        Terraform cuts the prefix at 32 letters; CloudFormation names a role after the stack and its logical ID.
        """
        return f"fguard_{self.name}_"[:ROLE_PREFIX_LENGTH], f"fguard-{self.name}-"

    @property
    def services(self) -> tuple[Component, ...]:
        """The components that run as a service."""
        return tuple(component for component in self.components if component.service_arn)

    @property
    def awaited(self) -> tuple[Awaited, ...]:
        """The deployments that fguard started."""
        return tuple(
            Awaited(
                self.outputs.cluster.arn,
                component.service_arn,
                component.task_definition_arn,
                component.desired_count,
            )
            for component in self.components
            if component.service_arn
        )


def _orchestrator(config: Config, outputs: DeploymentOutputs) -> tuple[Component, ...]:
    built = outputs.orchestrator
    if built is None:
        return ()
    return (
        Component(
            name=ORCHESTRATOR,
            is_orchestrator=True,
            task_definition_arn=built.task_definition_arn,
            service_arn=built.service_arn,
            desired_count=None if config.orchestrator.autoscaling else config.orchestrator.desired_count,
            agent_container_name=built.container_name,
            security_group_id=built.security_group_id,
            execution_role_arn=built.execution_role_arn,
            log_group_names=(built.log_group_name,),
            agent_log_group_name=built.log_group_name,
            cpu_architecture=config.orchestrator.cpu_architecture,
        ),
    )


def _workloads(config: Config, outputs: DeploymentOutputs) -> tuple[Component, ...]:
    asked = {workload_name(workload): workload for workload in config.workloads}
    components = []
    for name, built in outputs.workloads.items():
        workload = asked.get(name)
        service = workload.service if workload else None
        groups = [group for group in (built.log_group_name, built.agent_log_group_name) if group]
        components.append(
            Component(
                name=name,
                is_orchestrator=False,
                task_definition_arn=built.task_definition_arn,
                service_arn=built.service_arn,
                desired_count=service.desired_count if service else None,
                agent_container_name=SIDECAR_NAME,
                security_group_id=built.security_group_id,
                execution_role_arn=built.execution_role_arn,
                log_group_names=tuple(groups),
                agent_log_group_name=built.agent_log_group_name,
                leaving_out=LeavingOut(
                    (*config.agent.ignore_containers, *(workload.ignore_containers if workload else ())),
                    tuple(config.agent.ignore_labels),
                    config.agent.opt_in,
                ),
            )
        )
    return tuple(components)
