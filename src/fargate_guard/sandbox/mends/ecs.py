"""ECS: services, tasks and deployments that live (see ``sandbox/ecs``)."""

from __future__ import annotations

from moto.ecs import models, urls

from fargate_guard.sandbox.ecs.backend import EcsBackend
from fargate_guard.sandbox.ecs.responses import EcsResponse


def mend() -> None:
    """Let moto's server use the sandbox's ECS. In moto's own

    - tasks are running at once and for ever: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
    - services start no tasks: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html
    - deployments are over at once: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html
    - no deployment fails: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
    - services say nothing: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
    - tasks of Fargate have no network interface: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html
    - task definitions lose fields: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
    """
    models.ecs_backends.backend = EcsBackend
    urls.url_paths["{0}/$"] = EcsResponse.dispatch
