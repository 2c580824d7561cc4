"""ECS: services, tasks and deployments that live (see ``sandbox/ecs``)."""

from __future__ import annotations

from moto.ecs import models, urls

from fargate_guard.sandbox.ecs.backend import EcsBackend
from fargate_guard.sandbox.ecs.responses import EcsResponse


def mend() -> None:
    """Let moto's server use the sandbox's ECS.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/Welcome.html
    """
    models.ecs_backends.backend = EcsBackend
    urls.url_paths["{0}/$"] = EcsResponse.dispatch
