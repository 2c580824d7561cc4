"""Services outside a deployment that send to its orchestrator: without it they would go blind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from fargate_guard.aws import ecs
from fargate_guard.aws.parallel import each
from fargate_guard.deployment import DEPLOYMENT_TAG
from fargate_guard.verify.facts.task_definition import TaskDefinition

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws

VARIABLE = "SYSDIG_ORCHESTRATOR"


@dataclass(frozen=True, slots=True)
class OrchestratorUser:
    """A service, or a task outside any service, whose containers send to the orchestrator."""

    service_arn: str
    """The service's ARN; for a task outside any service, the task's."""
    cluster_arn: str
    task_definition_arn: str


def find_orchestrator_users(aws: Aws, host: str, *, deployment: str) -> tuple[OrchestratorUser, ...]:
    """Look through all clusters of the account in the region.

    :param host: DNS name of the orchestrator's load balancer.
    :param deployment: name of the deployment whose own services do not count.
    """
    clusters = ecs.cluster_arns(aws)
    running = [user for found in each(partial(_running_in, aws, deployment), clusters) for user in found]
    definitions = ecs.task_definitions(aws, (user.task_definition_arn for user in running))
    sending = {arn for arn, json in definitions.items() if _sends_to(TaskDefinition.of(json), host)}
    return tuple(user for user in running if user.task_definition_arn in sending)


def _running_in(aws: Aws, deployment: str, cluster: str) -> list[OrchestratorUser]:
    """Return what runs in a cluster and is not the deployment's: services, and tasks outside services."""
    services = ecs.services(aws, cluster, ecs.service_arns(aws, cluster), tags=True)
    users = [
        OrchestratorUser(service["serviceArn"], cluster, revision)
        for service in services
        if service["status"] == "ACTIVE" and not _belongs_to(deployment, service)
        for revision in _revisions(service)
    ]
    users += [
        OrchestratorUser(task["taskArn"], cluster, task["taskDefinitionArn"])
        for task in ecs.tasks(aws, cluster, tags=True)
        if not str(task.get("group") or "").startswith("service:") and not _belongs_to(deployment, task)
    ]
    return users


def _revisions(service: dict[str, Any]) -> list[str]:
    """Return what the service runs: its own revision, and those of deployments that are still under way."""
    found = [service["taskDefinition"], *(d["taskDefinition"] for d in service.get("deployments", ()))]
    return list(dict.fromkeys(found))


def _belongs_to(deployment: str, described: dict[str, Any]) -> bool:
    return any(tag["key"] == DEPLOYMENT_TAG and tag["value"] == deployment for tag in described.get("tags", ()))


def _sends_to(definition: TaskDefinition, host: str) -> bool:
    return any(
        container.environment.get(VARIABLE, "").rstrip(".").lower() == host.rstrip(".").lower()
        for container in definition.containers
    )
