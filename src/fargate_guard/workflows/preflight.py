"""What would keep a deployment's tasks from starting, found before anything changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fargate_guard.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fargate_guard.verify.facts.access import Role
    from fargate_guard.verify.needs import Permission
    from fargate_guard.workflows.context import Context
    from fargate_guard.workload_input import WorkloadInput

ECS_TASKS = "ecs-tasks.amazonaws.com"
_OR_LEAVE_OUT = "or leave executionRoleArn out: fguard then makes a role with what the tasks need"
_SUFFIX = "AbCdEf"
"""Stands for the six letters that Secrets Manager appends to a new secret's name."""


def check_execution_roles(context: Context, workloads: Sequence[WorkloadInput]) -> None:
    """Refuse workloads whose own execution role could not start their tasks; changes nothing.

    A role that the deployment makes is not looked at. What the credentials may not look at is noted, not refused.
    KMS keys and images are left to the verification: the key's or the repository's own policy can allow them, too.

    :param workloads: instrumented, with the access key as known or with a stand-in for it.
    :raises PreflightError: when a role does not exist, does not trust ECS, may not read a secret that its
        containers reference, or may not write to a log group that they name.
    """
    from fargate_guard.aws.errors import AccessDenied

    for workload in workloads:
        given = workload.definition.get("executionRoleArn")
        if not given:
            continue
        try:
            _check(context, workload, str(given))
        except AccessDenied as denied:
            context.observer.note(
                f"{workload.name}: whether the execution role {given} can start its tasks was not checked:"
                f" {denied.message}"
            )


def _check(context: Context, workload: WorkloadInput, given: str) -> None:
    from fargate_guard.verify.observe_access import execution_role

    identity = context.aws.identity()
    arn = (
        given if given.startswith("arn:") else f"arn:{identity.partition}:iam::{identity.account_id}:role/{given}"
    )
    if arn.split(":")[4] != identity.account_id:
        raise _refused(workload, arn, "it is another account's", "name a role of this account")
    needed = tuple(_needed(context, workload))
    role = execution_role(context.aws, arn, needed)
    if role is None:
        raise _refused(workload, arn, "there is no such role", f"create it, {_OR_LEAVE_OUT}")
    if ECS_TASKS not in role.trusted_services:
        trusted = ", ".join(role.trusted_services) or "no service"
        why = f"it trusts {trusted}, not {ECS_TASKS}: ECS may not assume it"
        raise _refused(workload, arn, why, f"let it trust {ECS_TASKS}, {_OR_LEAVE_OUT}")
    missing = list(_missing(context, role, needed))
    if missing:
        why = f"it may not {'; '.join(dict.fromkeys(permission.purpose for _, permission in missing))}"
        told = ", ".join(f"{action} on {permission.resource}" for action, permission in missing)
        raise _refused(workload, arn, why, f"allow it {told}, {_OR_LEAVE_OUT}")


def _needed(context: Context, workload: WorkloadInput) -> Iterator[Permission]:
    """Yield what only the role's own policies can allow: secrets, parameters and log groups."""
    from fargate_guard.verify.facts.task_definition import TaskDefinition
    from fargate_guard.verify.needs import READ_PARAMETER, READ_SECRET, WRITE_LOGS, Place, permissions_to_start
    from fargate_guard.workflows.access_key import NOT_STORED_YET
    from fargate_guard.workflows.module import unknown_access_key

    identity = context.aws.identity()
    place = Place(identity.partition, context.region, identity.account_id)
    definition = TaskDefinition.of({**workload.definition, "taskDefinitionArn": workload.name})
    for permission in permissions_to_start(definition, place, {}):
        if not {READ_SECRET, READ_PARAMETER, *WRITE_LOGS} & set(permission.actions):
            continue
        if permission.resource == unknown_access_key(context.region):
            continue
        stored = permission.resource.replace(f"-{NOT_STORED_YET}", f"-{_SUFFIX}")
        yield replace(permission, resource=stored)


def _missing(context: Context, role: Role, needed: Iterable[Permission]) -> Iterator[tuple[str, Permission]]:
    for permission in needed:
        for action in permission.actions:
            decision = role.decisions[action, permission.resource]
            if not decision.allowed and not _has_policy_of_its_own(context, permission.resource):
                yield action, permission


def _has_policy_of_its_own(context: Context, resource: str) -> bool:
    """Whether a secret's own policy may allow what the role's policies do not; IAM's answer leaves it out.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_resource-policies.html
    """
    from fargate_guard.aws.errors import AwsError

    if ":secretsmanager:" not in resource:
        return False
    there = context.aws.in_region(resource.split(":")[3])
    try:
        found = there.call("secretsmanager", "get_resource_policy", about=resource, SecretId=resource)
    except AwsError:
        return False
    if not found.get("ResourcePolicy"):
        return False
    context.observer.note(f"whether the policy of {resource} lets the execution role read it was not checked")
    return True


def _refused(workload: WorkloadInput, role: str, why: str, fix: str) -> PreflightError:
    return PreflightError(
        f"the execution role of {workload.name} cannot start its tasks",
        where=f"workloads, {workload.name}: executionRoleArn: {role}",
        why=why,
        fix=fix,
    )
