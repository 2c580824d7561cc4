"""All checks, in the order in which they are told. To add one, decorate a function in the fitting module."""

from fargate_guard.verify.checks import (
    access,
    agent,
    agent_log,
    events,
    instrumentation,
    load_balancer,
    logs,
    network,
    security_groups,
    services,
    task_definitions,
    tasks,
)
from fargate_guard.verify.registry import Check

CHECKS: tuple[Check, ...] = tuple(
    check
    for module in (
        network,
        security_groups,
        load_balancer,
        services,
        tasks,
        task_definitions,
        instrumentation,
        agent,
        access,
        logs,
        agent_log,
    )
    for check in module.CHECKS
)
"""Every check that always runs."""
ON_REQUEST: tuple[Check, ...] = tuple(events.CHECKS)
"""Checks that need more than AWS."""
