"""New tasks, from a service's deployment or from RunTask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.scheduler.model import Container, TargetRegistration, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.sandbox.scheduler.model import Deployment, Json, Service


def launch_service_task(service: Service, deployment: Deployment, new_id: Callable[[], str], at: float) -> Task:
    """Make a task of a service's deployment."""
    settings = deployment.settings
    task = launch_task(
        definition=settings["taskDefinitionRecord"],
        cluster_arn=service.cluster_arn,
        cluster_name=service.cluster_name,
        network=settings.get("networkConfiguration"),
        launch_type=launch_type(settings),
        task_id=new_id(),
        new_id=new_id,
        at=at,
    )
    task.service_name = service.name
    task.deployment_id = deployment.id
    task.capacity_provider = capacity_provider(settings)
    task.group = f"service:{service.name}"
    task.started_by = deployment.id
    task.enable_execute_command = bool(settings.get("enableExecuteCommand"))
    task.health_grace = float(settings.get("healthCheckGracePeriodSeconds") or 0)
    task.tags = service_task_tags(service, settings)
    task.targets = [
        TargetRegistration(lb["targetGroupArn"], int(lb["containerPort"]), lb["containerName"])
        for lb in settings.get("loadBalancers") or []
        if lb.get("targetGroupArn")
    ]
    return task


def launch_task(
    *,
    definition: Json,
    cluster_arn: str,
    cluster_name: str,
    network: Json | None,
    launch_type: str,
    task_id: str,
    new_id: Callable[[], str],
    at: float,
) -> Task:
    """Make a task in its first state.

    :param definition: the task definition as DescribeTaskDefinition shows it.
    """
    containers = definition["containerDefinitions"]
    finishing = {
        dependency["containerName"]
        for container in containers
        for dependency in container.get("dependsOn") or []
        if dependency.get("condition") in ("COMPLETE", "SUCCESS")
    }
    prefix = cluster_arn.split(":cluster/", maxsplit=1)[0]
    return Task(
        id=task_id,
        arn=f"{prefix}:task/{cluster_name}/{task_id}",
        cluster_arn=cluster_arn,
        cluster_name=cluster_name,
        task_definition_arn=definition["taskDefinitionArn"],
        task_definition=definition,
        containers=[
            Container(
                name=container["name"],
                image=container["image"],
                arn=f"{prefix}:container/{cluster_name}/{task_id}/{_dashed(new_id())}",
                essential=container.get("essential", True) is not False,
                checks_health=bool(container.get("healthCheck")),
                finishes=container["name"] in finishing and container.get("essential") is False,
                definition=container,
            )
            for container in containers
        ],
        created_at=at,
        launch_type=launch_type,
        network=(network or {}).get("awsvpcConfiguration"),
        group=f"family:{definition['family']}",
        status_since=at,
        attachment_id=_dashed(new_id()),
    )


def launch_type(settings: Json) -> str:
    """FARGATE also when only a Fargate capacity provider is named; EC2 when nothing is.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
    """
    if (capacity_provider(settings) or "").startswith("FARGATE"):
        return "FARGATE"
    return str(settings.get("launchType") or "EC2")


def capacity_provider(settings: Json) -> str | None:
    """Name of the capacity provider with the greatest weight, if any is named."""
    strategy: list[dict[str, Any]] = settings.get("capacityProviderStrategy") or []
    heaviest = max(strategy, key=lambda item: int(item.get("weight") or 0), default=None)
    return None if heaviest is None else str(heaviest["capacityProvider"])


def service_task_tags(service: Service, settings: Json) -> list[dict[str, str]]:
    """Tags that ECS gives a service's task.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html
    """
    tags: dict[str, str] = {}
    propagate = settings.get("propagateTags")
    if propagate == "SERVICE":
        tags |= {tag["key"]: tag.get("value", "") for tag in service.tags}
    elif propagate == "TASK_DEFINITION":
        tags |= {tag["key"]: tag.get("value", "") for tag in settings["taskDefinitionRecord"].get("tags") or []}
    if settings.get("enableECSManagedTags"):
        tags |= {"aws:ecs:clusterName": service.cluster_name, "aws:ecs:serviceName": service.name}
    return [{"key": key, "value": value} for key, value in tags.items()]


def _dashed(digits: str) -> str:
    """Write 32 hexadecimal digits as a UUID."""
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
