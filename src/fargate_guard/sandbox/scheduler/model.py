"""What the scheduler knows: tasks, deployments and services, as plain records.

Field names are those of the ECS API (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html),
times are seconds since the epoch, and nothing here does anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

STOPPED = "STOPPED"
RUNNING = "RUNNING"
STARTING = ("PROVISIONING", "PENDING", "ACTIVATING")
"""What ECS counts as pending
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html)."""

REVISION_SETTINGS = frozenset(
    {
        "taskDefinition",
        "capacityProviderStrategy",
        "networkConfiguration",
        "platformVersion",
        "loadBalancers",
        "serviceRegistries",
        "serviceConnectConfiguration",
        "volumeConfigurations",
        "enableExecuteCommand",
        "enableECSManagedTags",
        "propagateTags",
    }
)
"""What a service revision consists of: changing one of these starts a new deployment, a roll-back restores them
(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html)."""


@dataclass(slots=True)
class Container:
    """One container of a task."""

    name: str
    image: str
    arn: str
    essential: bool
    checks_health: bool
    finishes: bool
    """Another container waits for this one to end (``dependsOn`` COMPLETE or SUCCESS)."""
    definition: Json
    last_status: str = "PENDING"
    health_status: str = "UNKNOWN"
    exit_code: int | None = None
    reason: str | None = None
    runtime_id: str | None = None


@dataclass(slots=True)
class TargetRegistration:
    """A task's address in the target group of its service."""

    target_group_arn: str
    port: int
    container_name: str


@dataclass(slots=True)
class Task:
    """One task."""

    id: str
    arn: str
    cluster_arn: str
    cluster_name: str
    task_definition_arn: str
    task_definition: Json
    """The revision as registered; never changes."""
    containers: list[Container]
    created_at: float
    launch_type: str
    network: Json | None
    """``awsvpcConfiguration`` of the service or of RunTask."""
    service_name: str | None = None
    deployment_id: str | None = None
    group: str = ""
    started_by: str = ""
    capacity_provider: str | None = None
    platform_version: str = "1.4.0"
    tags: list[dict[str, str]] = field(default_factory=list)
    overrides: Json = field(default_factory=dict)
    enable_execute_command: bool = False
    targets: list[TargetRegistration] = field(default_factory=list)
    health_grace: float = 0.0
    """Seconds for which the service ignores failing health checks (``healthCheckGracePeriodSeconds``)."""
    last_status: str = "PROVISIONING"
    desired_status: str = RUNNING
    status_since: float = 0.0
    started_at: float | None = None
    pull_started_at: float | None = None
    pull_stopped_at: float | None = None
    stopping_at: float | None = None
    stopped_at: float | None = None
    stop_code: str | None = None
    stopped_reason: str | None = None
    failed: bool = False
    """Stopped of itself or for its health; the circuit breaker counts these."""
    healthy: bool = False
    """Container and target health checks, where there are any, have passed."""
    target_state: str | None = None
    """None (not registered), ``initial``, ``healthy``, ``unhealthy`` or ``draining``."""
    subnet_id: str | None = None
    network_interface: Json | None = None
    """``networkInterfaceId``, ``privateIPv4Address``, ``macAddress``... of the attachment."""
    attachment_id: str = ""
    version: int = 1

    @property
    def task_arn(self) -> str:
        """The name under which moto's tagging looks a task up."""
        return self.arn

    @property
    def health_status(self) -> str:
        """Essential containers with a health check decide.

        https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
        """
        states = {c.health_status for c in self.containers if c.essential and c.checks_health}
        for status in ("UNHEALTHY", "UNKNOWN"):
            if status in states:
                return status
        return "HEALTHY" if states else "UNKNOWN"


@dataclass(slots=True)
class Deployment:
    """One deployment of a service, with the service revision it rolls out."""

    id: str
    task_definition_arn: str
    revision_id: str
    settings: Json
    """The service's settings when the deployment began (network, platform, load balancers)."""
    created_at: float
    updated_at: float
    desired_count: int
    status: str = "PRIMARY"
    rollout_state: str = "IN_PROGRESS"
    rollout_state_reason: str = ""
    failed_tasks: int = 0
    failure_count: int = 0
    """The circuit breaker's own counter, which a healthy task resets."""
    retry_at: float = 0.0
    """ECS waits longer and longer between starts of tasks that keep failing."""
    steady: bool = False
    reported_placement_failure: str | None = None


@dataclass(slots=True)
class ServiceDeployment:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html."""

    id: str
    deployment_id: str
    source_revisions: list[str]
    target_revision: str
    created_at: float
    status: str = "IN_PROGRESS"
    status_reason: str | None = None
    finished_at: float | None = None
    stopped_at: float | None = None
    updated_at: float = 0.0
    rollback: Json | None = None
    rollback_deployment_id: str | None = None
    breaker_status: str = "DISABLED"
    failure_count: int = 0
    threshold: int = 0
    desired_count: int = 0
    deployment_configuration: Json = field(default_factory=dict)


@dataclass(slots=True)
class Service:
    """One service. ``settings`` holds what CreateService and UpdateService were given."""

    name: str
    arn: str
    cluster_arn: str
    cluster_name: str
    settings: Json
    created_at: float
    desired_count: int
    task_definition_arn: str
    tags: list[dict[str, str]]
    status: str = "ACTIVE"
    deployments: list[Deployment] = field(default_factory=list)
    """Newest first; the first one is PRIMARY."""
    task_sets: list[Deployment] = field(default_factory=list)
    """Instead of deployments, where CodeDeploy or somebody else deploys; newest first."""
    revisions: dict[str, Deployment] = field(default_factory=dict)
    service_deployments: list[ServiceDeployment] = field(default_factory=list)
    """Newest first."""
    last_completed: Deployment | None = None
    events: list[Json] = field(default_factory=list)
    tasks: dict[str, Task] = field(default_factory=dict)
    """By ARN; stopped ones stay for an hour, as in ECS."""
    clock: float = 0.0
    next_due: float = 0.0
    """Nothing happens to the service before this time."""

    @property
    def physical_resource_id(self) -> str:
        """The name under which moto's tagging looks a service up."""
        return self.arn

    @property
    def primary(self) -> Deployment | None:
        """The deployment that is to stay."""
        return self.deployments[0] if self.deployments else None

    @property
    def configuration(self) -> Json:
        """``deploymentConfiguration`` with ECS's defaults filled in.

        https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
        """
        given = self.settings.get("deploymentConfiguration") or {}
        breaker = {"enable": False, "rollback": False, **(given.get("deploymentCircuitBreaker") or {})}
        return {
            "strategy": "ROLLING",
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "bakeTimeInMinutes": 0,
            **given,
            "deploymentCircuitBreaker": breaker,
        }

    @property
    def load_balancers(self) -> list[Json]:
        """Target groups in which the service's tasks are registered."""
        return list(self.settings.get("loadBalancers") or [])

    def tasks_of(self, deployment: Deployment) -> list[Task]:
        """Tasks of one deployment that have not stopped."""
        return [t for t in self.tasks.values() if t.deployment_id == deployment.id and t.last_status != STOPPED]


def breaker_threshold(desired_count: int) -> int:
    """Failures after which the circuit breaker trips: half the desired count, from 3 to 200.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
    """
    return min(200, max(3, math.ceil(0.5 * desired_count)))
