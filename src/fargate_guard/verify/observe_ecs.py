"""Facts from ECS."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fargate_guard.aws import ecs
from fargate_guard.aws.parallel import each
from fargate_guard.verify.facts.ecs import Cluster, Service, Task
from fargate_guard.verify.facts.task_definition import TaskDefinition

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws
    from fargate_guard.verify.expected import Expected

Json = dict[str, Any]


def services(aws: Aws, expected: Expected) -> Json:
    """Return the cluster and the deployment's services."""
    cluster = expected.outputs.cluster.arn
    arns = [component.service_arn for component in expected.services if component.service_arn]
    clusters = ecs.clusters(aws, [cluster])
    found = [Service.of(service) for service in ecs.services(aws, cluster, arns)]
    return {
        "cluster": Cluster.of(clusters[0]) if clusters else None,
        "services": {service.arn: service for service in found},
    }


def tasks(aws: Aws, expected: Expected) -> Json:
    """Return the tasks of the deployment's services that are to run, and the revisions deployed or running."""
    running = _tasks(aws, expected, "RUNNING")
    deployed = [component.task_definition_arn for component in expected.components]
    described = ecs.task_definitions(aws, [*deployed, *(task.task_definition_arn for task in running)])
    return {
        "tasks": running,
        "task_definitions": {arn: TaskDefinition.of(definition) for arn, definition in described.items()},
    }


def stopped_tasks(aws: Aws, expected: Expected) -> Json:
    """Return the tasks of the deployment's services that stopped within the last hour."""
    return {"stopped_tasks": _tasks(aws, expected, "STOPPED")}


def _tasks(aws: Aws, expected: Expected, desired_status: str) -> tuple[Task, ...]:
    of_service = partial(ecs.tasks, aws, expected.outputs.cluster.arn, desired_status=desired_status)
    names = [component.service_name for component in expected.services]
    found = each(lambda name: of_service(service=name), names)
    return tuple(Task.of(task) for described in found for task in described)
