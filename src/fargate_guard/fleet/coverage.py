"""Which services and running tasks are watched by an agent, and which are not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fargate_guard.aws import ecs
from fargate_guard.aws.errors import AccessDenied, NotFound
from fargate_guard.aws.parallel import each
from fargate_guard.verify.facts.ecs import Service, Task
from fargate_guard.verify.facts.task_definition import TaskDefinition
from fargate_guard.verify.version import version_of_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fargate_guard.aws.session import Aws

ROLLBACKS = {"ROLLBACK_SUCCESSFUL": "ROLLED_BACK", "ROLLBACK_FAILED": "ROLLBACK_FAILED"}
"""By the status of a service deployment."""
ORCHESTRATOR_IMAGE = "orchestrator-agent"
"""The orchestrator itself is not a workload: nothing in it is to be watched."""


@dataclass(frozen=True, slots=True)
class TaskCoverage:
    """One running task."""

    task_arn: str
    service_name: str | None
    """None for a task outside any service."""
    task_definition: str
    """``family:revision`` that it runs."""
    last_status: str
    health_status: str
    zone: str | None
    instrumented: bool
    """Whether its revision has the agent."""
    watched: bool
    """Whether the agent's sidecar is also RUNNING in it."""
    agent_version: str | None
    outdated: bool
    """Whether its service has another revision by now; others than ECS run several at once."""
    is_orchestrator: bool
    left_out: str | None = None
    """Why it is not instrumented on purpose: tags or Docker labels of its revision."""

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "task": self.task_arn,
            "service": self.service_name,
            "task_definition": self.task_definition,
            "status": self.last_status,
            "health": self.health_status,
            "zone": self.zone,
            "instrumented": self.instrumented,
            "watched": self.watched,
            "agent_version": self.agent_version,
            "outdated": self.outdated,
            "orchestrator": self.is_orchestrator,
            "left_out": self.left_out,
        }


@dataclass(frozen=True, slots=True)
class ServiceCoverage:
    """One service."""

    service_arn: str
    service_name: str
    status: str
    task_definition: str
    """``family:revision`` of its newest deployment."""
    rollout_state: str | None
    """``COMPLETED``, ``IN_PROGRESS`` or ``FAILED``; of the deployment's own services also ``ROLLED_BACK`` and
    ``ROLLBACK_FAILED``, which DescribeServices calls completed."""
    instrumented: bool
    agent_version: str | None
    is_orchestrator: bool
    desired_count: int
    running_count: int
    watched_count: int
    """Running tasks with a running sidecar."""
    left_out: str | None = None
    """Why it is not instrumented on purpose: tags or Docker labels of its revision."""

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "service": self.service_arn,
            "name": self.service_name,
            "status": self.status,
            "task_definition": self.task_definition,
            "rollout": self.rollout_state,
            "instrumented": self.instrumented,
            "agent_version": self.agent_version,
            "orchestrator": self.is_orchestrator,
            "desired_count": self.desired_count,
            "running_count": self.running_count,
            "watched_count": self.watched_count,
            "left_out": self.left_out,
        }


@dataclass(frozen=True, slots=True)
class Coverage:
    """A cluster's services and tasks."""

    cluster_arn: str
    services: tuple[ServiceCoverage, ...]
    tasks: tuple[TaskCoverage, ...]

    @property
    def workload_tasks(self) -> tuple[TaskCoverage, ...]:
        """All running tasks but the orchestrator's."""
        return tuple(task for task in self.tasks if not task.is_orchestrator)

    @property
    def watched(self) -> int:
        """How many of them an agent watches."""
        return sum(task.watched for task in self.workload_tasks)

    @property
    def left_out(self) -> int:
        """How many of them are not instrumented on purpose."""
        return sum(task.left_out is not None for task in self.workload_tasks)

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "cluster": self.cluster_arn,
            "watched_tasks": self.watched,
            "workload_tasks": len(self.workload_tasks),
            "left_out_tasks": self.left_out,
            "services": [service.document() for service in self.services],
            "tasks": [task.document() for task in self.tasks],
        }


def cluster_coverage(aws: Aws, cluster: str, *, deployed: Iterable[str] = ()) -> Coverage:
    """Look at every service and every running task of a cluster.

    Calls: services and tasks are listed and described in batches (10 and 100), each revision once.

    :param deployed: ARNs of services that are also asked for roll-backs, one call each.
    """
    found_services, found_tasks = each(lambda look: look(aws, cluster), [_services, _tasks])
    services = [Service.of(found) for found in found_services]
    tasks = [Task.of(found) for found in found_tasks]
    revisions = [*(s.task_definition_arn for s in services), *(t.task_definition_arn for t in tasks)]
    described = ecs.task_definitions(aws, revisions)
    services = _with_rollbacks(aws, cluster, services, set(deployed))
    return coverage(cluster, services, tasks, {arn: TaskDefinition.of(json) for arn, json in described.items()})


def _with_rollbacks(aws: Aws, cluster: str, services: Iterable[Service], asked: set[str]) -> list[Service]:
    """Say of the services in ``asked`` whether ECS rolled back their newest deployment."""

    def told(service: Service) -> Service:
        if service.arn not in asked or service.status != "ACTIVE":
            return service
        newest = max(_deployments(aws, cluster, service.arn), key=lambda one: one["createdAt"], default={})
        return replace(service, rollout_state=ROLLBACKS.get(newest.get("status", ""), service.rollout_state))

    return each(told, services)


def _deployments(aws: Aws, cluster: str, service: str) -> list[dict[str, Any]]:
    """Return the service's deployments; none where the credentials may not list them or it was just deleted."""
    try:
        listed = aws.pages(
            "ecs",
            "list_service_deployments",
            "serviceDeployments",
            about=service,
            cluster=cluster,
            service=service,
        )
        return list(listed)
    except (AccessDenied, NotFound):
        return []


def _services(aws: Aws, cluster: str) -> list[dict[str, Any]]:
    return ecs.services(aws, cluster, ecs.service_arns(aws, cluster))


def _tasks(aws: Aws, cluster: str) -> list[dict[str, Any]]:
    return ecs.tasks(aws, cluster)


def coverage(
    cluster: str, services: Iterable[Service], tasks: Iterable[Task], definitions: Mapping[str, TaskDefinition]
) -> Coverage:
    """Put services, tasks and their revisions together; pure."""
    by_name = {service.name: service for service in services if service.status != "INACTIVE"}
    covered = tuple(_task(task, by_name, definitions.get(task.task_definition_arn)) for task in tasks)
    watched = [task.service_name for task in covered if task.watched]
    return Coverage(
        cluster,
        tuple(
            _service(service, definitions.get(service.task_definition_arn), watched.count(service.name))
            for service in by_name.values()
        ),
        covered,
    )


def _service(service: Service, definition: TaskDefinition | None, watched: int) -> ServiceCoverage:
    return ServiceCoverage(
        service_arn=service.arn,
        service_name=service.name,
        status=service.status,
        task_definition=_revision(service.task_definition_arn),
        rollout_state=service.rollout_state,
        instrumented=definition is not None and definition.is_instrumented,
        agent_version=_agent_version(definition),
        is_orchestrator=_is_orchestrator(definition),
        desired_count=service.desired_count,
        running_count=service.running_count,
        watched_count=watched,
        left_out=_why_left_out(definition),
    )


def _task(task: Task, services: Mapping[str, Service], definition: TaskDefinition | None) -> TaskCoverage:
    kind, _, name = task.group.partition(":")
    service = services.get(name) if kind == "service" else None
    sidecar = definition.sidecar if definition else None
    container = task.container(sidecar.name) if sidecar else None
    instrumented = definition is not None and definition.is_instrumented
    return TaskCoverage(
        task_arn=task.arn,
        service_name=name if kind == "service" else None,
        task_definition=_revision(task.task_definition_arn),
        last_status=task.last_status,
        health_status=task.health_status,
        zone=task.zone,
        instrumented=instrumented,
        watched=instrumented and container is not None and container.last_status == "RUNNING",
        agent_version=_agent_version(definition),
        outdated=service is not None
        and service.controller == "ECS"
        and service.task_definition_arn != task.task_definition_arn,
        is_orchestrator=_is_orchestrator(definition),
        left_out=_why_left_out(definition),
    )


def _why_left_out(definition: TaskDefinition | None) -> str | None:
    return None if definition is None or _is_orchestrator(definition) else definition.why_not_watched()


def _is_orchestrator(definition: TaskDefinition | None) -> bool:
    containers = definition.containers if definition else ()
    return any(ORCHESTRATOR_IMAGE in container.image.rpartition("/")[2] for container in containers)


def _agent_version(definition: TaskDefinition | None) -> str | None:
    if definition is None:
        return None
    agents = [c for c in definition.containers if c.is_sidecar or ORCHESTRATOR_IMAGE in c.image.rpartition("/")[2]]
    return version_of_image(agents[0].image) if agents else None


def _revision(arn: str) -> str:
    return arn.rpartition("/")[2]
