"""Services, tasks and deployments as the ECS API shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.ecs.exec_command import managed_agents
from fargate_guard.sandbox.scheduler.launch import launch_type
from fargate_guard.sandbox.scheduler.model import RUNNING, STARTING, STOPPED

if TYPE_CHECKING:
    from fargate_guard.sandbox.faults import Faults
    from fargate_guard.sandbox.scheduler.model import Container, Deployment, Service, ServiceDeployment, Task

Json = dict[str, Any]

PLATFORM_VERSION = "1.4.0"
SETTINGS_SHOWN = (
    "capacityProviderStrategy",
    "networkConfiguration",
    "healthCheckGracePeriodSeconds",
    "deploymentController",
    "schedulingStrategy",
    "enableECSManagedTags",
    "propagateTags",
    "enableExecuteCommand",
    "availabilityZoneRebalancing",
    "placementConstraints",
    "placementStrategy",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
)
DEFAULTS: Json = {
    "schedulingStrategy": "REPLICA",
    "deploymentController": {"type": "ECS"},
    "enableECSManagedTags": False,
    "propagateTags": "NONE",
    "enableExecuteCommand": False,
    "availabilityZoneRebalancing": "DISABLED",
    "placementConstraints": [],
    "placementStrategy": [],
    "serviceRegistries": [],
    "healthCheckGracePeriodSeconds": 0,
}


def moment(seconds: float | None) -> datetime | None:
    """Return a timestamp of the API, or None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def present(document: Json) -> Json:
    """Leave out what has no value, as ECS does."""
    return {key: value for key, value in document.items() if value is not None}


def service_shape(service: Service, *, tags: bool) -> Json:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html."""
    settings = {key: service.settings.get(key, DEFAULTS.get(key)) for key in SETTINGS_SHOWN}
    live = [task for d in (*service.deployments, *service.task_sets) for task in service.tasks_of(d)]
    strategy = service.settings.get("capacityProviderStrategy")
    current = service.service_deployments[0] if service.service_deployments else None
    return present(
        {
            "serviceArn": service.arn,
            "serviceName": service.name,
            "clusterArn": service.cluster_arn,
            "loadBalancers": service.load_balancers,
            "status": service.status,
            "desiredCount": service.desired_count,
            "runningCount": _running(live),
            "pendingCount": _pending(live),
            "launchType": None if strategy else launch_type(service.settings),
            **_platform(service.settings),
            "taskDefinition": service.task_definition_arn or None,
            "taskSets": [task_set_shape(service, each, tags=tags) for each in service.task_sets] or None,
            "deploymentConfiguration": service.configuration,
            "deployments": [deployment_shape(service, d) for d in service.deployments],
            "roleArn": _service_linked_role(service),
            "events": [{**event, "createdAt": moment(event["createdAt"])} for event in service.events],
            "createdAt": moment(service.created_at),
            "createdBy": f"arn:aws:iam::{_account(service.arn)}:root",
            "currentServiceDeployment": current.id if current else None,
            "currentServiceRevisions": [
                _revision_counts(service, d) for d in service.deployments if service.tasks_of(d)
            ],
            "tags": (service.tags or None) if tags else None,
            **settings,
        }
    )


def _account(arn: str) -> str:
    return arn.split(":")[4]


def _platform(settings: Json) -> Json:
    if launch_type(settings) != "FARGATE":
        return {}
    return {"platformVersion": settings.get("platformVersion") or "LATEST", "platformFamily": "Linux"}


def _service_linked_role(service: Service) -> str:
    role = "aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
    return str(service.settings.get("role") or f"arn:aws:iam::{_account(service.arn)}:role/{role}")


def _running(tasks: list[Task]) -> int:
    return sum(task.last_status == RUNNING for task in tasks)


def _pending(tasks: list[Task]) -> int:
    return sum(task.last_status in STARTING for task in tasks)


def deployment_shape(service: Service, deployment: Deployment) -> Json:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html."""
    tasks = service.tasks_of(deployment)
    platform = _platform(deployment.settings)
    strategy = deployment.settings.get("capacityProviderStrategy")
    return present(
        {
            "id": deployment.id,
            "status": deployment.status,
            "taskDefinition": deployment.task_definition_arn,
            "desiredCount": deployment.desired_count,
            "pendingCount": _pending(tasks),
            "runningCount": _running(tasks),
            "failedTasks": deployment.failed_tasks,
            "createdAt": moment(deployment.created_at),
            "updatedAt": moment(deployment.updated_at),
            "capacityProviderStrategy": strategy,
            "launchType": None if strategy else launch_type(deployment.settings),
            "platformVersion": PLATFORM_VERSION if platform else None,
            "platformFamily": platform.get("platformFamily"),
            "networkConfiguration": deployment.settings.get("networkConfiguration"),
            "rolloutState": deployment.rollout_state,
            "rolloutStateReason": deployment.rollout_state_reason,
        }
    )


def task_set_shape(service: Service, task_set: Deployment, *, tags: bool) -> Json:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskSet.html."""
    tasks, settings = service.tasks_of(task_set), task_set.settings
    platform = _platform(settings)
    steady = _running(tasks) == len(tasks) == task_set.desired_count
    prefix = service.cluster_arn.split(":cluster/")[0]
    return present(
        {
            "id": task_set.id,
            "taskSetArn": f"{prefix}:task-set/{service.cluster_name}/{service.name}/{task_set.id}",
            "serviceArn": service.arn,
            "clusterArn": service.cluster_arn,
            "externalId": settings.get("externalId"),
            "status": task_set.status,
            "taskDefinition": task_set.task_definition_arn,
            "computedDesiredCount": task_set.desired_count,
            "pendingCount": _pending(tasks),
            "runningCount": _running(tasks),
            "createdAt": moment(task_set.created_at),
            "updatedAt": moment(task_set.updated_at),
            "launchType": None if settings.get("capacityProviderStrategy") else launch_type(settings),
            "capacityProviderStrategy": settings.get("capacityProviderStrategy"),
            "platformVersion": PLATFORM_VERSION if platform else None,
            "platformFamily": platform.get("platformFamily"),
            "networkConfiguration": settings.get("networkConfiguration"),
            "loadBalancers": settings.get("loadBalancers") or [],
            "serviceRegistries": settings.get("serviceRegistries") or [],
            "scale": settings["scale"],
            "stabilityStatus": "STEADY_STATE" if steady else "STABILIZING",
            "tags": settings.get("tags") if tags else None,
        }
    )


def _revision_counts(service: Service, deployment: Deployment) -> Json:
    tasks = service.tasks_of(deployment)
    return {
        "arn": deployment.revision_id,
        "requestedTaskCount": deployment.desired_count,
        "runningTaskCount": _running(tasks),
        "pendingTaskCount": _pending(tasks),
    }


def service_deployment_shape(service: Service, item: ServiceDeployment) -> Json:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html."""
    rollback = item.rollback and {**item.rollback, "startedAt": moment(item.rollback["startedAt"])}
    stage = {"IN_PROGRESS": "SCALE_UP", "ROLLBACK_IN_PROGRESS": "SCALE_UP"}.get(item.status)
    return present(
        {
            **service_deployment_brief(service, item),
            "targetServiceRevisionArn": None,
            "stoppedAt": moment(item.stopped_at),
            "updatedAt": moment(item.updated_at),
            "sourceServiceRevisions": [
                _revision_counts(service, service.revisions[arn]) for arn in item.source_revisions
            ],
            "targetServiceRevision": _revision_counts(service, service.revisions[item.target_revision]),
            "lifecycleStage": stage,
            "deploymentConfiguration": item.deployment_configuration,
            "rollback": rollback,
            "deploymentCircuitBreaker": {
                "status": item.breaker_status,
                "failureCount": item.failure_count,
                "threshold": item.threshold,
            },
            "alarms": {"status": "DISABLED", "alarmNames": [], "triggeredAlarmNames": []},
        }
    )


def service_deployment_brief(service: Service, item: ServiceDeployment) -> Json:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeploymentBrief.html."""
    return present(
        {
            "serviceDeploymentArn": item.id,
            "serviceArn": service.arn,
            "clusterArn": service.cluster_arn,
            "createdAt": moment(item.created_at),
            "startedAt": moment(item.created_at),
            "finishedAt": moment(item.finished_at),
            "targetServiceRevisionArn": item.target_revision,
            "status": item.status,
            "statusReason": item.status_reason,
        }
    )


def service_revision_shape(service: Service, deployment: Deployment) -> Json:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRevision.html."""
    settings = deployment.settings
    platform = _platform(settings)
    return present(
        {
            "serviceRevisionArn": deployment.revision_id,
            "serviceArn": service.arn,
            "clusterArn": service.cluster_arn,
            "taskDefinition": deployment.task_definition_arn,
            "capacityProviderStrategy": settings.get("capacityProviderStrategy"),
            "launchType": None if settings.get("capacityProviderStrategy") else launch_type(settings),
            "platformVersion": PLATFORM_VERSION if platform else None,
            "platformFamily": platform.get("platformFamily"),
            "loadBalancers": settings.get("loadBalancers"),
            "networkConfiguration": settings.get("networkConfiguration"),
            "containerImages": [
                {"containerName": c["name"], "image": c["image"]}
                for c in settings["taskDefinitionRecord"]["containerDefinitions"]
            ],
            "guardDutyEnabled": False,
            "createdAt": moment(deployment.created_at),
        }
    )


def task_shape(task: Task, availability_zone: str | None, faults: Faults, *, tags: bool) -> Json:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html."""
    definition = task.task_definition
    started = task.pull_started_at
    fargate = task.launch_type == "FARGATE"
    size = (definition.get("ephemeralStorage") or {}).get("sizeInGiB", 20)
    return present(
        {
            "taskArn": task.arn,
            "clusterArn": task.cluster_arn,
            "taskDefinitionArn": task.task_definition_arn,
            "attachments": [_attachment(task)] if task.network else [],
            "attributes": [{"name": "ecs.cpu-architecture", "value": _architecture(definition)}],
            "availabilityZone": availability_zone,
            "connectivity": "CONNECTED" if started and task.last_status != STOPPED else None,
            "connectivityAt": moment(started),
            "containers": [_container(task, container, faults) for container in task.containers],
            "cpu": (task.overrides or {}).get("cpu") or definition.get("cpu"),
            "memory": (task.overrides or {}).get("memory") or definition.get("memory"),
            "createdAt": moment(task.created_at),
            "desiredStatus": task.desired_status,
            "enableExecuteCommand": task.enable_execute_command,
            "executionStoppedAt": moment(task.stopped_at),
            "group": task.group,
            "healthStatus": task.health_status,
            "lastStatus": task.last_status,
            "launchType": task.launch_type,
            "capacityProviderName": task.capacity_provider,
            "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": [], **task.overrides},
            "platformVersion": PLATFORM_VERSION if fargate else None,
            "platformFamily": "Linux" if fargate else None,
            "pullStartedAt": moment(started),
            "pullStoppedAt": moment(task.pull_stopped_at),
            "startedAt": moment(task.started_at),
            "startedBy": task.started_by or None,
            "stopCode": task.stop_code,
            "stoppedReason": task.stopped_reason,
            "stoppingAt": moment(task.stopping_at),
            "stoppedAt": moment(task.stopped_at),
            "tags": task.tags if tags else [],
            "ephemeralStorage": {"sizeInGiB": size} if fargate else None,
            "fargateEphemeralStorage": {"sizeInGiB": size} if fargate else None,
            "version": task.version,
        }
    )


def _architecture(definition: Json) -> str:
    architecture = (definition.get("runtimePlatform") or {}).get("cpuArchitecture", "X86_64")
    return str(architecture).lower()


def _attachment(task: Task) -> Json:
    details = task.network_interface or {"subnetId": task.subnet_id}
    states = {"PROVISIONING": "PRECREATED", STOPPED: "DELETED"}
    return {
        "id": task.attachment_id,
        "type": "ElasticNetworkInterface",
        "status": states.get(task.last_status, "ATTACHED"),
        "details": [{"name": key, "value": value} for key, value in details.items() if value],
    }


def _container(task: Task, container: Container, faults: Faults) -> Json:
    interface = task.network_interface
    return present(
        {
            "containerArn": container.arn,
            "taskArn": task.arn,
            "name": container.name,
            "image": container.image,
            "runtimeId": container.runtime_id,
            "lastStatus": container.last_status,
            "exitCode": container.exit_code,
            "reason": container.reason,
            "networkBindings": [],
            "networkInterfaces": [
                {"attachmentId": task.attachment_id, "privateIpv4Address": interface["privateIPv4Address"]}
            ]
            if interface
            else [],
            "healthStatus": container.health_status,
            "managedAgents": managed_agents(task, container, faults),
            "cpu": str(container.definition.get("cpu", 0)),
            "memory": _text(container.definition.get("memory")),
            "memoryReservation": _text(container.definition.get("memoryReservation")),
        }
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
