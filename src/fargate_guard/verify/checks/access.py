"""The access key's secret, and what the execution roles may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.verify.needs import (
    DECRYPT,
    PULL_IMAGE,
    READ_PARAMETER,
    READ_SECRET,
    WRITE_LOGS,
    permissions_of,
)
from fargate_guard.verify.policy import wider_than_needed
from fargate_guard.verify.registry import PUT_BACK, Registry, Severity, judged, skipped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.facts.access import Role
    from fargate_guard.verify.registry import Observation

CHECKS = Registry()

ECS_TASKS = "ecs-tasks.amazonaws.com"
_SECRETS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html"
_ROLE = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html"
_NEEDS = ("roles", "task_definitions")


@CHECKS.check(
    "access-key.exists",
    title="Every referenced secret exists and has a value",
    docs=_SECRETS,
    needs=("secrets", "task_definitions"),
)
def exists(facts: Facts) -> Iterator[Observation]:
    """A task whose secret is missing does not start."""
    for value_from, secret in facts.secrets.items():
        yield judged(
            secret.arn,
            secret.exists and secret.has_value,
            expected="exists, with the version that is referenced",
            found=secret.detail or "exists, with a value",
            fix=f"put the key back (`aws secretsmanager put-secret-value --secret-id {secret.arn} …`),"
            f" or run `fguard deploy` where fguard keeps it; the reference is {value_from}",
        )


@CHECKS.check(
    "access-key.region",
    title="Every referenced secret is in the deployment's region",
    docs=_SECRETS,
    needs=("secrets", "task_definitions"),
)
def region(facts: Facts) -> Iterator[Observation]:
    """A task in another region depends on both of them."""
    here = facts.expected.outputs.region
    for secret in facts.secrets.values():
        yield judged(
            secret.arn,
            secret.region in ("", here),
            expected=here,
            found=secret.region or "the task's own region",
            fix=f"replicate the secret to {here} and name the replica in sysdig.access_key",
        )


@CHECKS.check(
    "execution-role.trust",
    title="ECS may assume the execution role",
    docs=_ROLE,
    needs=("roles",),
)
def trust(facts: Facts) -> Iterator[Observation]:
    """Without that trust no task starts."""
    for arn in dict.fromkeys(component.execution_role_arn for component in facts.expected.components):
        role = facts.roles.get(arn)
        yield judged(
            arn,
            role is not None and ECS_TASKS in role.trusted_services,
            expected=f"trusts {ECS_TASKS}",
            found=f"trusts {', '.join(role.trusted_services) or 'no service'}"
            if role
            else "there is no such role",
            fix=_mend(facts, arn, f"create it where it is gone, and let it trust {ECS_TASKS}"),
        )


@CHECKS.check(
    "execution-role.reads-secrets",
    title="The execution role may read the secrets that its tasks reference",
    docs=_SECRETS,
    needs=(*_NEEDS, "secrets"),
)
def reads_secrets(facts: Facts) -> Iterator[Observation]:
    """ECS fetches the access key with this role."""
    yield from _allowed(facts, {READ_SECRET, READ_PARAMETER})


@CHECKS.check(
    "execution-role.decrypts",
    title="The execution role may decrypt with the customer managed key of the secrets",
    docs=_SECRETS,
    needs=(*_NEEDS, "secrets"),
)
def decrypts(facts: Facts) -> Iterator[Observation]:
    """Secrets under AWS's own key need no permission of their own."""
    yield from _allowed(facts, {DECRYPT})


@CHECKS.check(
    "execution-role.writes-logs",
    title="The execution role may write to the log groups of its tasks",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html",
    needs=_NEEDS,
)
def writes_logs(facts: Facts) -> Iterator[Observation]:
    """A container that cannot open its log stream does not start."""
    yield from _allowed(facts, set(WRITE_LOGS))


@CHECKS.check(
    "execution-role.pulls-images",
    title="The execution role may pull the images that are in ECR",
    docs="https://docs.aws.amazon.com/AmazonECR/latest/userguide/ECR_on_ECS.html",
    needs=_NEEDS,
)
def pulls_images(facts: Facts) -> Iterator[Observation]:
    """Images elsewhere need no permission of AWS's."""
    yield from _allowed(facts, {*PULL_IMAGE, "ecr:GetAuthorizationToken"})


@CHECKS.check(
    "execution-role.least-privilege",
    title="The execution role reads no secret but those that its tasks reference",
    docs="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
    needs=_NEEDS,
    severity=Severity.WARNING,
)
def least_privilege(facts: Facts) -> Iterator[Observation]:
    """Whoever may register a task definition with the role can read every secret that the role can."""
    for role in facts.roles.values():
        wide = [
            f"{name}: {action} on {resource}"
            for action in (READ_SECRET, READ_PARAMETER)
            for name, resource in wider_than_needed(role.policies, action)
        ]
        yield judged(
            role.arn,
            not wide,
            expected="the secrets by ARN",
            found="; ".join(wide) or "the secrets by ARN",
            fix="name the secrets' ARNs in the policy's Resource",
        )


def _allowed(facts: Facts, actions: Collection[str]) -> Iterator[Observation]:
    for component in facts.expected.components:
        role = facts.roles.get(component.execution_role_arn)
        needed = [
            (action, permission.resource, permission.purpose)
            for permission in permissions_of(facts, component)
            for action in permission.actions
            if action in actions
        ]
        if needed and role is None:
            yield skipped(component.execution_role_arn, "there is no such role; see execution-role.trust")
        elif needed and role is not None:
            yield _judged_role(facts, role, needed)


def _mend(facts: Facts, role_arn: str, change: str) -> str:
    """Advise to deploy where the role is the deployment's; a workload's own ``executionRoleArn`` is not."""
    if role_arn.rsplit("/", 1)[-1].startswith(facts.expected.role_prefixes):
        return f"{change}: {PUT_BACK}"
    return (
        f"{change} yourself: the workload's task definition brings this executionRoleArn, fguard did not make it"
    )


def _judged_role(facts: Facts, role: Role, needed: list[tuple[str, str, str]]) -> Observation:
    decisions = {(a, r): role.decisions.get((a, r)) for a, r, _ in needed}
    refused = [(a, r) for (a, r), decision in decisions.items() if decision is None or not decision.allowed]
    reasons = {decision.how if decision else "not evaluated" for decision in decisions.values()}
    told = ", ".join(f"{action} on {resource}" for action, resource in refused)
    return judged(
        role.arn,
        not refused,
        expected="; ".join(dict.fromkeys(f"{action} to {purpose}" for action, _, purpose in needed)),
        found=(f"not allowed: {told}; " if refused else "allowed; ") + "; ".join(sorted(reasons)),
        fix=_mend(facts, role.arn, f"allow {told}"),
    )
