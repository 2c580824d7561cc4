"""What AWS says, as frozen records; nothing here calls anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.aws.logs import LogLine
    from fargate_guard.verify.expected import Component, Expected
    from fargate_guard.verify.facts.access import LogGroup, Role, Secret
    from fargate_guard.verify.facts.ecs import Cluster, Service, Task
    from fargate_guard.verify.facts.events import RecentEvents
    from fargate_guard.verify.facts.network import (
        Listener,
        LoadBalancer,
        SecurityGroup,
        Subnet,
        Target,
        Vpc,
        VpcEndpoint,
    )
    from fargate_guard.verify.facts.task_definition import ContainerDefinition, TaskDefinition
    from fargate_guard.verify.rollout_verdict import Verdict


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the checks look at, gathered once; a field that could not be gathered is in ``unknown``."""

    expected: Expected
    vpc: Vpc | None = None
    subnets: Mapping[str, Subnet] = field(default_factory=dict)
    """The task subnets that exist, by id."""
    nat_gateways: Mapping[str, str] = field(default_factory=dict)
    """State by id, of those that exist."""
    vpc_endpoints: Mapping[str, VpcEndpoint] = field(default_factory=dict)
    security_groups: Mapping[str, SecurityGroup] = field(default_factory=dict)
    load_balancer: LoadBalancer | None = None
    listeners: tuple[Listener, ...] = ()
    targets: tuple[Target, ...] = ()
    cluster: Cluster | None = None
    services: Mapping[str, Service] = field(default_factory=dict)
    """By ARN."""
    rollouts: tuple[Verdict, ...] = ()
    """What became of each service's deployment."""
    tasks: tuple[Task, ...] = ()
    """Tasks of our services that are to run."""
    stopped_tasks: tuple[Task, ...] = ()
    """Tasks of our services that stopped; ECS shows them for an hour."""
    task_definitions: Mapping[str, TaskDefinition] = field(default_factory=dict)
    """The revisions that were deployed, and those that run, by ARN."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    """Execution roles by ARN."""
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    """By ``valueFrom``."""
    log_groups: Mapping[str, LogGroup] = field(default_factory=dict)
    log_lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Last lines of the agents, by task ARN: the orchestrator's, or the sidecar's."""
    agent_log: Mapping[str, tuple[LogLine, ...]] = field(default_factory=dict)
    """More of those lines, newest first, by task ARN."""
    log_read_at: int = 0
    """When those lines were read, milliseconds since 1970."""
    recent_events: RecentEvents | None = None
    """What Sysdig Secure was asked for; None: it was not."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Name of a field above, and why it could not be gathered."""

    def definition(self, component: Component) -> TaskDefinition | None:
        """The revision that was deployed."""
        return self.task_definitions.get(component.task_definition_arn)

    def why_not_watched(self, component: Component) -> str | None:
        """Why nothing of a workload is to be instrumented; None where something is, and for the orchestrator."""
        definition = self.definition(component)
        if definition is None or component.is_orchestrator:
            return None
        return definition.why_not_watched(component.leaving_out)

    def agent_container(self, component: Component) -> ContainerDefinition | None:
        """The orchestrator's container, or the workload's sidecar."""
        definition = self.definition(component)
        if definition is None:
            return None
        return (
            definition.container(component.agent_container_name)
            if component.is_orchestrator
            else definition.sidecar
        )

    def service(self, component: Component) -> Service | None:
        """The component's service."""
        return self.services.get(component.service_arn or "")

    def tasks_of(self, component: Component) -> list[Task]:
        """The component's tasks."""
        group = f"service:{component.service_name}"
        return [task for task in self.tasks if component.service_arn and task.group == group]
