"""What is in the sandbox's account, for ``fguard sandbox status``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fargate_guard.sandbox.scheduler.model import RUNNING, STOPPED

if TYPE_CHECKING:
    from fargate_guard.sandbox.ecs.backend import EcsBackend


def report() -> dict[str, Any]:
    """Count what an observer wants to know: services and tasks of every region."""
    from moto.ecs.models import ecs_backends

    services, tasks = [], []
    for regions in ecs_backends.values():
        for backend in regions.values():
            ecs = cast("EcsBackend", backend)
            services += [s for s in ecs.live_services.values() if s.status != "INACTIVE"]
            tasks += [t for t in ecs.all_tasks() if t.last_status != STOPPED]
    return {
        "services": [
            {
                "cluster": service.cluster_name,
                "name": service.name,
                "desired": service.desired_count,
                "running": sum(t.last_status == RUNNING for t in service.tasks.values()),
            }
            for service in services
        ],
        "tasks": {
            "running": sum(t.last_status == RUNNING for t in tasks),
            "starting_or_stopping": sum(t.last_status != RUNNING for t in tasks),
        },
    }
