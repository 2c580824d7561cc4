"""Gather the facts once: independent look-ups side by side, each in as few calls as AWS allows."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from fargate_guard.aws.errors import AccessDenied
from fargate_guard.aws.parallel import each
from fargate_guard.verify import observe_access, observe_ecs, observe_network
from fargate_guard.verify.await_deployment import look
from fargate_guard.verify.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fargate_guard.aws.session import Aws
    from fargate_guard.verify.expected import Expected
    from fargate_guard.verify.rollout_verdict import Verdict

Gatherer = tuple[tuple[str, ...], "Callable[[], dict[str, Any]]"]
"""Names of the fields of :class:`Facts` that it fills, and how."""


def observe(aws: Aws, expected: Expected, *, rollouts: Sequence[Verdict] | None = None) -> Facts:
    """Look at everything that the checks need.

    What the credentials may not read ends up in ``Facts.unknown``; the checks that need it are skipped and say so.

    :param rollouts: verdicts of :func:`await_deployments`, where the caller has waited; None: look now.
    :raises FguardError: when AWS cannot be reached at all, or does not accept the credentials.
    """
    here = aws.in_region(expected.outputs.region)
    first = _gather(
        [
            (("vpc", "vpc_endpoints", "nat_gateways"), partial(observe_network.vpc, here, expected)),
            (("subnets",), partial(observe_network.subnets, here, expected)),
            (("security_groups",), partial(observe_network.security_groups, here, expected)),
            (("load_balancer", "listeners", "targets"), partial(observe_network.load_balancer, here, expected)),
            (("cluster", "services"), partial(observe_ecs.services, here, expected)),
            (("tasks", "task_definitions"), partial(observe_ecs.tasks, here, expected)),
            (("stopped_tasks",), partial(observe_ecs.stopped_tasks, here, expected)),
            (("log_groups",), partial(observe_access.log_groups, here, expected)),
            (("rollouts",), lambda: {"rollouts": tuple(rollouts or look(here, expected.awaited))}),
        ]
    )
    facts = Facts(expected=expected, **first)
    second = _gather(
        [
            (("secrets",), partial(observe_access.secrets, here, facts)),
            (("log_lines", "agent_log"), partial(observe_access.log_lines, here, facts)),
        ]
    )
    facts = _with(facts, second)
    return _with(facts, _gather([(("roles",), partial(observe_access.roles, here, facts))]))


def _with(facts: Facts, gathered: dict[str, Any]) -> Facts:
    return replace(facts, **{**gathered, "unknown": {**facts.unknown, **gathered["unknown"]}})


def _gather(gatherers: Sequence[Gatherer]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    unknown: dict[str, str] = {}
    for fields, result in zip((g[0] for g in gatherers), each(_guarded, [g[1] for g in gatherers]), strict=True):
        if isinstance(result, AccessDenied):
            unknown |= dict.fromkeys(fields, f"{result.message} ({result.fix})")
        else:
            found |= result
    return {**found, "unknown": unknown}


def _guarded(gather: Callable[[], dict[str, Any]]) -> dict[str, Any] | AccessDenied:
    try:
        return gather()
    except AccessDenied as denied:
        return denied
