"""Task definitions as DescribeTaskDefinition shows them, with the fields moto loses.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.ecs.models import TaskDefinition

Json = dict[str, Any]

CONTAINER_DEFAULTS: Json = {
    "cpu": 0,
    "portMappings": [],
    "essential": True,
    "environment": [],
    "mountPoints": [],
    "volumesFrom": [],
    "systemControls": [],
}
"""What ECS fills in when a container definition leaves it out."""


def remember_request(definition: TaskDefinition, request: Json, registered_at: float, registered_by: str) -> None:
    """Keep the whole request with the revision, so that no field is lost and none changes later."""
    record = copy.deepcopy(request)
    containers = record.get("containerDefinitions") or []
    for container in containers:
        for key, value in CONTAINER_DEFAULTS.items():
            container.setdefault(key, copy.deepcopy(value))
        for mapping in container["portMappings"]:
            mapping.setdefault("protocol", "tcp")
            if definition.network_mode in ("awsvpc", "host"):
                mapping.setdefault("hostPort", mapping.get("containerPort"))
    record["volumes"] = record.get("volumes") or []
    record["placementConstraints"] = record.get("placementConstraints") or []
    record["networkMode"] = definition.network_mode
    record["compatibilities"] = definition.compatibilities
    record.pop("tags", None)
    record["registeredAt"] = registered_at
    record["registeredBy"] = registered_by
    definition.sandbox_record = record  # type: ignore[attr-defined]


def task_definition_record(definition: TaskDefinition) -> Json:
    """Return a revision as ECS describes it."""
    record: Json = dict(getattr(definition, "sandbox_record", None) or _from_moto(definition))
    record["taskDefinitionArn"] = definition.arn
    record["family"] = definition.family
    record["revision"] = definition.revision
    record["status"] = definition.status
    record["tags"] = definition.tags
    deregistered = getattr(definition, "sandbox_deregistered_at", None)
    if deregistered is not None:
        record["deregisteredAt"] = deregistered
    return record


def _from_moto(definition: TaskDefinition) -> Json:
    """Revisions that CloudFormation registered have moto's fields only."""
    return {
        "containerDefinitions": definition.container_definitions,
        "volumes": definition.volumes,
        "networkMode": definition.network_mode,
        "compatibilities": definition.compatibilities,
        "cpu": definition.cpu,
        "memory": definition.memory,
    }
