"""What ECS says about services, their deployments, tasks and task definitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cluster:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Cluster.html."""

    arn: str
    status: str
    """``ACTIVE``, ``PROVISIONING``, ``INACTIVE``..."""

    @classmethod
    def of(cls, cluster: Mapping[str, Any]) -> Self:
        """Read DescribeClusters."""
        return cls(cluster["clusterArn"], cluster["status"])


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """One line of a service's event list."""

    at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment of a service, or a task set where something else than ECS deploys it.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskSet.html
    """

    id: str
    """``ecs-svc/…``, which its tasks carry as ``startedBy``."""
    status: str
    """``PRIMARY``, ``ACTIVE``, ``DRAINING`` or ``INACTIVE``."""
    task_definition_arn: str
    desired_count: int
    running_count: int
    pending_count: int

    @classmethod
    def of(cls, deployment: Mapping[str, Any]) -> Self:
        """Read an entry of ``deployments`` or ``taskSets`` of DescribeServices."""
        return cls(
            id=deployment.get("id") or "",
            status=deployment.get("status") or "",
            task_definition_arn=deployment.get("taskDefinition") or "",
            desired_count=deployment.get("computedDesiredCount", deployment.get("desiredCount")) or 0,
            running_count=deployment.get("runningCount") or 0,
            pending_count=deployment.get("pendingCount") or 0,
        )


@dataclass(frozen=True, slots=True)
class Service:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html."""

    arn: str
    name: str
    cluster_arn: str
    status: str
    """``ACTIVE``, ``DRAINING`` or ``INACTIVE``."""
    task_definition_arn: str
    """What the primary deployment rolls out: after a roll-back the previous revision; empty where something else
    than ECS deploys the service and has not made a task set primary."""
    desired_count: int
    running_count: int
    pending_count: int
    launch_type: str | None
    capacity_providers: tuple[str, ...]
    platform_version: str | None
    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]
    assign_public_ip: bool
    breaker_enabled: bool
    breaker_rolls_back: bool
    target_group_arns: tuple[str, ...]
    deployment_id: str
    """Of the primary deployment: ``ecs-svc/…``, which its tasks carry as ``startedBy``."""
    rollout_state: str | None
    """Of the primary deployment: ``IN_PROGRESS``, ``COMPLETED`` or ``FAILED``."""
    rollout_reason: str
    events: tuple[ServiceEvent, ...]
    """Newest first."""
    controller: str = "ECS"
    """Who deploys it: ``ECS``, ``CODE_DEPLOY`` or ``EXTERNAL``."""
    deployments: tuple[Deployment, ...] = ()
    """ECS's own; the others' are task sets."""
    task_sets: tuple[Deployment, ...] = ()

    @classmethod
    def of(cls, service: Mapping[str, Any]) -> Self:
        """Read DescribeServices."""
        network = (service.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        breaker = (service.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
        primary: Mapping[str, Any] = next(
            (d for d in service.get("deployments", ()) if d.get("status") == "PRIMARY"), {}
        )
        return cls(
            arn=service["serviceArn"],
            name=service["serviceName"],
            cluster_arn=service["clusterArn"],
            status=service["status"],
            task_definition_arn=primary.get("taskDefinition") or service.get("taskDefinition") or "",
            desired_count=service["desiredCount"],
            running_count=service["runningCount"],
            pending_count=service["pendingCount"],
            launch_type=service.get("launchType"),
            capacity_providers=tuple(s["capacityProvider"] for s in service.get("capacityProviderStrategy", ())),
            platform_version=primary.get("platformVersion") or service.get("platformVersion"),
            subnet_ids=tuple(network.get("subnets", ())),
            security_group_ids=tuple(network.get("securityGroups", ())),
            assign_public_ip=network.get("assignPublicIp") == "ENABLED",
            breaker_enabled=bool(breaker.get("enable")),
            breaker_rolls_back=bool(breaker.get("rollback")),
            target_group_arns=tuple(
                balancer["targetGroupArn"]
                for balancer in service.get("loadBalancers", ())
                if balancer.get("targetGroupArn")
            ),
            deployment_id=primary.get("id") or "",
            rollout_state=primary.get("rolloutState"),
            rollout_reason=primary.get("rolloutStateReason") or "",
            events=tuple(
                ServiceEvent(event["createdAt"], event["message"]) for event in service.get("events", ())
            ),
            controller=(service.get("deploymentController") or {}).get("type") or "ECS",
            deployments=tuple(map(Deployment.of, service.get("deployments") or ())),
            task_sets=tuple(map(Deployment.of, service.get("taskSets") or ())),
        )


@dataclass(frozen=True, slots=True)
class ServiceDeployment:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html."""

    arn: str
    status: str
    reason: str
    created_at: datetime
    task_definition_arn: str | None
    """What it rolls out, from its target service revision."""
    rollback_reason: str

    @classmethod
    def of(cls, deployment: Mapping[str, Any]) -> Self:
        """Read DescribeServiceDeployments, with ``taskDefinition`` added from the service revision."""
        return cls(
            arn=deployment["serviceDeploymentArn"],
            status=deployment["status"],
            reason=deployment.get("statusReason") or "",
            created_at=deployment["createdAt"],
            task_definition_arn=deployment.get("taskDefinition"),
            rollback_reason=(deployment.get("rollback") or {}).get("reason") or "",
        )


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a task."""

    name: str
    image: str
    last_status: str
    health_status: str
    """``HEALTHY``, ``UNHEALTHY`` or ``UNKNOWN`` (no health check, or none has ended yet)."""
    exit_code: int | None
    reason: str

    @classmethod
    def of(cls, container: Mapping[str, Any]) -> Self:
        """Read DescribeTasks."""
        return cls(
            name=container["name"],
            image=container.get("image") or "",
            last_status=container.get("lastStatus") or "UNKNOWN",
            health_status=container.get("healthStatus") or "UNKNOWN",
            exit_code=container.get("exitCode"),
            reason=container.get("reason") or "",
        )


@dataclass(frozen=True, slots=True)
class Task:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html."""

    arn: str
    task_definition_arn: str
    group: str
    """``service:<name>`` for a service's task."""
    started_by: str
    """For a service's task the deployment that started it: ``ecs-svc/…``."""
    last_status: str
    health_status: str
    platform_version: str | None
    zone: str | None
    stopped_at: datetime | None
    stop_code: str | None
    stopped_reason: str
    containers: tuple[Container, ...]
    launch_type: str | None = None
    """``FARGATE``, ``EC2`` or ``EXTERNAL``."""

    @classmethod
    def of(cls, task: Mapping[str, Any]) -> Self:
        """Read DescribeTasks."""
        return cls(
            arn=task["taskArn"],
            task_definition_arn=task["taskDefinitionArn"],
            group=task.get("group") or "",
            started_by=task.get("startedBy") or "",
            last_status=task["lastStatus"],
            health_status=task.get("healthStatus") or "UNKNOWN",
            platform_version=task.get("platformVersion"),
            zone=task.get("availabilityZone"),
            stopped_at=task.get("stoppedAt"),
            stop_code=task.get("stopCode"),
            stopped_reason=task.get("stoppedReason") or "",
            containers=tuple(Container.of(container) for container in task.get("containers", ())),
            launch_type=task.get("launchType"),
        )

    @property
    def task_id(self) -> str:
        """The last part of the ARN, as in log stream names."""
        return self.arn.rsplit("/", 1)[-1]

    @property
    def family(self) -> str:
        """The family of its task definition."""
        return self.task_definition_arn.rpartition("/")[2].partition(":")[0]

    @property
    def cluster(self) -> str:
        """The cluster's name, from the ARN; empty in ARNs of the old format."""
        return (self.arn.rpartition(":task/")[2].rpartition("/"))[0]

    @property
    def failed(self) -> bool:
        """Whether it stopped of itself or for its health, not because somebody wanted it to.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
        """
        if self.last_status != "STOPPED" and self.stopped_at is None:
            return False
        if self.stop_code in ("TaskFailedToStart", "EssentialContainerExited"):
            return True
        return self.stopped_reason.startswith("Task failed")

    def container(self, name: str) -> Container | None:
        """Return the container called ``name``."""
        return next((container for container in self.containers if container.name == name), None)
