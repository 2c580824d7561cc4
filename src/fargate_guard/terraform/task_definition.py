"""A task definition as the values of Terraform variables."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from fargate_guard.carried_fields import carried
from fargate_guard.deployment import DEPLOYMENT_TAG, MANAGED_BY_TAG
from fargate_guard.terraform.ecs_fields import TASK_DEFINITION, TERRAFORM
from fargate_guard.workload_input import (
    CPU_UNITS,
    MEMORY_UNITS,
    READ_ONLY,
    Json,
    NotCarriedError,
    refuse_placeholder,
    size_as_ecs_writes_it,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_SURROGATE_OR_NUL = re.compile("[\ud800-\udfff\0]")


def task_definition_variables(
    definition: Mapping[str, Json], *, where: str, default_family: str, host_follows: bool
) -> dict[str, Json]:
    """Return the workload module's ``task_definition`` for an ECS task definition (register shape).

    :param where: what to call the task definition in errors, as in ``web.json``.
    :param default_family: the family of a definition that names none.
    :param host_follows: whether the placeholder for the orchestrator's host is to be replaced.
    :raises NotCarriedError: a field or a text that Terraform would lose or change.
    """
    kept = {key: value for key, value in definition.items() if key not in READ_ONLY}
    fields = carried(kept, TASK_DEFINITION, where, TERRAFORM)
    for path, text in texts(fields, where):
        refuse_changed_text(text, path)
    containers = fields.get("containerDefinitions", [])
    refuse_placeholder(fields, where, host_follows=host_follows)
    variables: dict[str, Json] = {
        "family": fields.get("family", default_family),
        "container_definitions": json.dumps(containers),
        "cpu": size_as_ecs_writes_it(fields.get("cpu"), CPU_UNITS),
        "memory": size_as_ecs_writes_it(fields.get("memory"), MEMORY_UNITS),
        "network_mode": fields.get("networkMode"),
        "requires_compatibilities": fields.get("requiresCompatibilities"),
        "pid_mode": fields.get("pidMode"),
        "ipc_mode": fields.get("ipcMode"),
        "execution_role": fields.get("executionRoleArn"),
        "task_role": fields.get("taskRoleArn"),
        "enable_fault_injection": fields.get("enableFaultInjection"),
        "ephemeral_storage_gib": fields.get("ephemeralStorage", {}).get("sizeInGiB"),
        "runtime_platform": _runtime_platform(fields.get("runtimePlatform")),
        "volumes": [_volume(volume) for volume in fields.get("volumes", [])] or None,
        "proxy_configuration": _proxy(fields.get("proxyConfiguration"), f"{where}.proxyConfiguration"),
        "tags": _tags(fields.get("tags", []), f"{where}.tags"),
    }
    return {name: value for name, value in variables.items() if value is not None}


def awslogs_of(variables: Mapping[str, Json]) -> list[tuple[str, dict[str, Json]]]:
    """Return log driver and options of each container.

    :param variables: as :func:`task_definition_variables` returns them.
    """
    logs = [container.get("logConfiguration", {}) for container in json.loads(variables["container_definitions"])]
    return [(log.get("logDriver", ""), log.get("options", {})) for log in logs]


def refuse_changed_text(text: str, where: str) -> None:
    """Refuse what would not arrive as it was written.

    Terraform brings every string into Unicode's composed form (NFC), https://pkg.go.dev/github.com/zclconf/go-cty/cty#StringVal.

    :raises NotCarriedError: text that is not in that form, or no text at all.
    """
    if _SURROGATE_OR_NUL.search(text):
        raise NotCarriedError(
            "a value is not text",
            where=where,
            why="it has half of a surrogate pair or a NUL in it, which no environment can hold",
            fix="remove that character",
        )
    if not unicodedata.is_normalized("NFC", text):
        raise NotCarriedError(
            "a value would be changed on its way through Terraform",
            where=where,
            why="it has letters in decomposed form (a letter and a separate accent); Terraform composes them",
            fix="write it in composed form (Unicode NFC)",
        )


def _runtime_platform(platform: Json) -> Json:
    if not platform:
        return None
    return {
        "cpu_architecture": platform.get("cpuArchitecture"),
        "operating_system_family": platform.get("operatingSystemFamily"),
    }


def _volume(volume: Mapping[str, Json]) -> dict[str, Json]:
    result: dict[str, Json] = {"name": volume.get("name")}
    if "configuredAtLaunch" in volume:
        result["configure_at_launch"] = volume["configuredAtLaunch"]
    efs = volume.get("efsVolumeConfiguration")
    if efs is not None:
        result["efs"] = {
            "file_system_id": efs.get("fileSystemId"),
            "root_directory": efs.get("rootDirectory"),
            "transit_encryption": efs.get("transitEncryption"),
            "transit_encryption_port": efs.get("transitEncryptionPort"),
            "authorization": _efs_authorization(efs.get("authorizationConfig")),
        }
    return result


def _efs_authorization(authorization: Json) -> Json:
    if authorization is None:
        return None
    return {"access_point_id": authorization.get("accessPointId"), "iam": authorization.get("iam")}


def _proxy(proxy: Json, where: str) -> Json:
    if not proxy:
        return None
    return {
        "type": proxy.get("type"),
        "container_name": proxy.get("containerName"),
        "properties": _mapping(proxy.get("properties", []), "name", where),
    }


def _tags(tags: list[dict[str, Json]], where: str) -> dict[str, str]:
    result = _mapping(tags, "key", where)
    for key in (DEPLOYMENT_TAG, MANAGED_BY_TAG):
        if key in result:
            raise NotCarriedError(
                f"the task definition has the tag {key!r}",
                where=where,
                why="fguard finds what belongs to a deployment by this tag",
                fix="remove the tag",
            )
    return result


def _mapping(pairs: list[dict[str, Any]], key: str, where: str) -> dict[str, str]:
    result: dict[str, str] = {}
    for pair in pairs:
        name = pair.get(key, "")
        if name in result:
            raise NotCarriedError(f"{name!r} stands there twice", where=where, fix="remove one of the two")
        result[name] = pair.get("value", "")
    return result
