"""An instrumented workload on its way into a deployment, whichever method deploys it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.config import Config
    from fargate_guard.config.workload import Service

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
