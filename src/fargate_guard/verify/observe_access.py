"""Facts from IAM, Secrets Manager, SSM and CloudWatch Logs."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from fargate_guard.aws import iam, logs
from fargate_guard.aws.errors import AwsError
from fargate_guard.aws.parallel import each
from fargate_guard.aws.secret_reference import SecretReference, look_up
from fargate_guard.verify.agent_signs import tells_something
from fargate_guard.verify.facts.access import Decision, LogGroup, Role, Secret
from fargate_guard.verify.log_text import shown
from fargate_guard.verify.needs import permissions_needed
from fargate_guard.verify.policy import evaluate, trusted_services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fargate_guard.aws.logs import LogLine
    from fargate_guard.aws.session import Aws
    from fargate_guard.verify.expected import Expected
    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.facts.ecs import Task
    from fargate_guard.verify.needs import Permission

Json = dict[str, Any]

LINES = 5


def log_groups(aws: Aws, expected: Expected) -> Json:
    """Return the deployment's log groups that exist."""
    names = list(dict.fromkeys(name for component in expected.components for name in component.log_group_names))
    found = [group for group in each(partial(logs.log_group, aws), names) if group]
    return {
        "log_groups": {
            group["logGroupName"]: LogGroup(group["logGroupName"], group.get("retentionInDays")) for group in found
        }
    }


def secrets(aws: Aws, facts: Facts) -> Json:
    """Return what the task definitions' ``secrets`` point to."""
    references = {
        value_from: SecretReference.of(value_from)
        for definition in map(facts.definition, facts.expected.components)
        if definition
        for _, _, value_from in definition.secret_references()
    }

    def found(value_from: str) -> tuple[str, Secret]:
        reference = references[value_from]
        there = look_up(aws, reference)
        return value_from, Secret(
            reference.arn, reference.region, there.exists, there.has_value, there.kms_key, there.detail
        )

    return {"secrets": dict(each(found, references))}


def roles(aws: Aws, facts: Facts) -> Json:
    """Return the execution roles that exist, with what they may do of what they need."""
    needed = permissions_needed(facts)
    found = each(lambda arn: execution_role(aws, arn, needed.get(arn, ())), needed)
    return {"roles": {role.arn: role for role in found if role}}


def execution_role(aws: Aws, arn: str, needed: tuple[Permission, ...]) -> Role | None:
    """Return a role with what it may do of what is needed; None when there is no such role.

    :raises AccessDenied: when the credentials may not read roles.
    """
    trust = iam.trust_policy(aws, arn)
    if trust is None:
        return None
    policies = tuple(iam.policies(aws, arn))
    decisions = _simulated(aws, arn, needed) or _evaluated(policies, needed)
    return Role(arn, trusted_services(trust), policies, decisions)


def _simulated(aws: Aws, arn: str, needed: tuple[Permission, ...]) -> dict[tuple[str, str], Decision]:
    """Ask IAM; nothing where it does not answer these credentials (``iam:SimulatePrincipalPolicy``)."""
    decisions = []
    try:
        for permission in needed:
            said = iam.simulate(aws, arn, permission.actions, permission.resource, permission.context)
            for action in permission.actions:
                how = f"IAM's policy simulation says {said.get(action, 'nothing')}"
                decisions.append((action, permission.resource, Decision(said.get(action) == "allowed", how)))
    except AwsError:
        return {}
    return _refusals_first(decisions)


def _evaluated(
    policies: tuple[tuple[str, Json], ...], needed: tuple[Permission, ...]
) -> dict[tuple[str, str], Decision]:
    """Read the policy documents instead."""
    return _refusals_first(
        (action, permission.resource, evaluate(policies, action, permission.resource, dict(permission.context)))
        for permission in needed
        for action in permission.actions
    )


def _refusals_first(decisions: Iterable[tuple[str, str, Decision]]) -> dict[tuple[str, str], Decision]:
    """One key may encrypt several secrets: whichever of them it is refused for counts."""
    return {
        (action, resource): decision
        for action, resource, decision in sorted(decisions, key=lambda each: each[2].allowed, reverse=True)
    }


def log_lines(aws: Aws, facts: Facts, *, now: Callable[[], float] = time.time) -> Json:
    """Return the last log lines of the agents, by task ARN, and more of them for what they tell."""
    read = dict(each(partial(_agent_lines, aws, facts), facts.tasks))
    return {
        "log_lines": {
            task: tuple(shown(line.text) for line in reversed(lines[:LINES])) for task, lines in read.items()
        },
        "agent_log": read,
        "log_read_at": int(now() * 1000),
    }


def _agent_lines(aws: Aws, facts: Facts, task: Task) -> tuple[str, tuple[LogLine, ...]]:
    definition = facts.task_definitions.get(task.task_definition_arn)
    if definition is None:
        return task.arn, ()
    orchestrator = facts.expected.outputs.orchestrator
    agent = definition.sidecar or (definition.container(orchestrator.container_name) if orchestrator else None)
    group, stream = (agent.log_group, agent.log_stream(task.task_id)) if agent else (None, None)
    if not group or not stream:
        return task.arn, ()
    return task.arn, logs.newest_lines(aws, group, stream, enough=tells_something)
