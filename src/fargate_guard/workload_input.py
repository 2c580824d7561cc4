"""An instrumented workload on its way into a deployment, whichever method deploys it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fargate_guard.config import Config
    from fargate_guard.config.workload import Service

Json = Any
"""A JSON value: dict, list, str, int, float, bool or None."""

ORCHESTRATOR_HOST_PLACEHOLDER = "__FGUARD_ORCHESTRATOR_HOST__"
"""Instrument with this as the orchestrator's host; the method puts the load balancer's name in its place."""

ORCHESTRATOR_HOST_VARIABLE = "SYSDIG_ORCHESTRATOR"
"""The variable of the agent whose value may be the placeholder."""

ORCHESTRATOR_REPOSITORY = "quay.io/sysdig/orchestrator-agent"


@dataclass(frozen=True, slots=True)
class WorkloadInput:
    """An instrumented workload."""

    name: str
    """As in ``fguard.yaml``, or made from the file's name: :func:`fargate_guard.config.workload.workload_name`."""
    definition: Mapping[str, Any]
    """Task definition as RegisterTaskDefinition takes it, instrumented; in the orchestrator topology with
    :data:`ORCHESTRATOR_HOST_PLACEHOLDER` as the orchestrator's host."""
    service: Service | None = None


def agent_log_group_name(config: Config, workload: str) -> str:
    """Return the log group of a workload's agent; the sidecar's ``awslogs-group``."""
    return f"/fguard/{config.name}/{workload}/agent"


READ_ONLY = frozenset(
    {
        "compatibilities",
        "deleteRequestedAt",
        "deregisteredAt",
        "registeredAt",
        "registeredBy",
        "requiresAttributes",
        "revision",
        "status",
        "taskDefinitionArn",
    }
)
"""What DescribeTaskDefinition adds; RegisterTaskDefinition takes none of it."""


class NotCarriedError(PreflightError):
    """A task definition or a setting has something that the deployment's method would lose or change."""


def texts(value: Json, path: str) -> Iterator[tuple[str, str]]:
    """Every string in a JSON value, keys included, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield path, key
            yield from texts(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, f"{path}[{index}]")


def refuse_placeholder(fields: Mapping[str, Json], where: str, *, host_follows: bool) -> None:
    """Refuse the placeholder anywhere but in the agent's own variable.

    :param fields: a task definition with its keys as the ECS API writes them.
    :param host_follows: whether the placeholder is replaced at all.
    :raises NotCarriedError: text of the user's own that would be replaced, or stay.
    """
    ours = {
        f"{where}.containerDefinitions[{container}].environment[{index}].value"
        for container, definition in enumerate(fields.get("containerDefinitions", []))
        for index, variable in enumerate(definition.get("environment", []))
        if host_follows
        and variable == {"name": ORCHESTRATOR_HOST_VARIABLE, "value": ORCHESTRATOR_HOST_PLACEHOLDER}
    }
    found = [path for path, text in texts(fields, where) if ORCHESTRATOR_HOST_PLACEHOLDER in text]
    if found := [path for path in found if path not in ours]:
        raise NotCarriedError(
            f"the task definition contains {ORCHESTRATOR_HOST_PLACEHOLDER}",
            where=", ".join(found),
            why="fguard uses this text for the orchestrator's host, which is known only later",
            fix="use another text",
        )


def size_as_ecs_writes_it(value: Json, names: Mapping[str, int]) -> str | None:
    """CPU and memory as the numbers that ECS makes of ``.5 vCPU`` and ``1 GB``; else every plan would differ."""
    if value is None:
        return None
    match = re.fullmatch(r"\s*(\d*\.?\d+)\s*([A-Za-z]+)\s*", str(value))
    factor = names.get(match[2].lower()) if match else None
    return str(int(float(match[1]) * factor)) if match and factor else str(value)


CPU_UNITS = {"vcpu": 1024}
MEMORY_UNITS = {"gb": 1024}


def awslogs_groups(log_configurations: Iterable[tuple[str, Mapping[str, Json]]], *, region: str) -> list[str]:
    """Return the log groups of this Region that containers write to and that ECS does not create itself.

    :param log_configurations: driver and options of each container.
    """
    groups = [
        options["awslogs-group"]
        for driver, options in log_configurations
        if driver == "awslogs"
        and options.get("awslogs-region", region) == region
        and str(options.get("awslogs-create-group", "")).lower() != "true"
        and "awslogs-group" in options
    ]
    return list(dict.fromkeys(groups))


def divided_log_groups(
    config: Config, named: Mapping[str, list[str]], asked: frozenset[str]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the log groups that each workload creates, and those that must exist. One is created once.

    :param named: what :func:`awslogs_groups` returns, by workload.
    :param asked: the workloads with ``create_log_groups``.
    """
    taken = {agent_log_group_name(config, name) for name in named}
    created: dict[str, list[str]] = {}
    for name, groups in named.items():
        created[name] = [group for group in groups if name in asked and group not in taken]
        taken |= set(created[name])
    existing = {name: [group for group in groups if group not in taken] for name, groups in named.items()}
    return created, existing


def groups_to_create(config: Config) -> frozenset[str]:
    """Return the workloads with ``create_log_groups``."""
    from fargate_guard.config.workload import workload_name

    return frozenset(workload_name(workload) for workload in config.workloads if workload.create_log_groups)
