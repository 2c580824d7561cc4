"""What each execution role must be allowed to do, so that its tasks can start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.aws.secret_reference import SecretReference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.verify.expected import Component, Expected
    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.facts.task_definition import TaskDefinition

READ_SECRET = "secretsmanager:GetSecretValue"  # noqa: S105 - an IAM action
READ_PARAMETER = "ssm:GetParameters"
WRITE_LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")
PULL_IMAGE = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
DECRYPT = "kms:Decrypt"

_ECR_IMAGE = re.compile(r"^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([^:@]+)")


@dataclass(frozen=True, slots=True)
class Permission:
    """Actions on one resource, and what for."""

    actions: tuple[str, ...]
    resource: str
    purpose: str


def permissions_needed(facts: Facts) -> dict[str, tuple[Permission, ...]]:
    """Return the permissions by execution role ARN.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
    """
    needed: dict[str, tuple[Permission, ...]] = {}
    for component in facts.expected.components:
        wanted = permissions_of(facts, component)
        known = needed.get(component.execution_role_arn, ())
        needed[component.execution_role_arn] = (*known, *(one for one in wanted if one not in known))
    return needed


def permissions_of(facts: Facts, component: Component) -> tuple[Permission, ...]:
    """Return what one component's execution role must be allowed to do."""
    definition = facts.definition(component)
    if definition is None:
        return ()
    found = (
        *_secrets(facts, definition),
        *_logs(facts.expected, definition),
        *_images(facts, definition),
    )
    return tuple(dict.fromkeys(found))


def _secrets(facts: Facts, definition: TaskDefinition) -> Iterator[Permission]:
    outputs = facts.expected.outputs
    for _, _, value_from in definition.secret_references():
        reference = SecretReference.of(value_from)
        known = facts.secrets.get(value_from)
        if known and known.kms_key and "alias/" not in known.kms_key:
            where = f"{outputs.partition}:kms:{reference.region or outputs.region}:{outputs.account_id}"
            key = known.kms_key if known.kms_key.startswith("arn:") else f"arn:{where}:key/{known.kms_key}"
            yield Permission((DECRYPT,), key, f"decrypt {reference.arn}")
        if reference.service == "secretsmanager":
            yield Permission((READ_SECRET,), reference.arn, f"read {reference.arn}")
            continue
        arn = reference.arn
        if not arn.startswith("arn:"):
            where = f"{outputs.partition}:ssm:{outputs.region}:{outputs.account_id}"
            arn = f"arn:{where}:parameter/{arn.lstrip('/')}"
        yield Permission((READ_PARAMETER,), arn, f"read {arn}")


def _logs(expected: Expected, definition: TaskDefinition) -> Iterator[Permission]:
    outputs = expected.outputs
    for group in dict.fromkeys(container.log_group for container in definition.containers):
        if group:
            where = f"{outputs.partition}:logs:{outputs.region}:{outputs.account_id}"
            yield Permission(WRITE_LOGS, f"arn:{where}:log-group:{group}:log-stream:ecs", f"write to {group}")


def _images(facts: Facts, definition: TaskDefinition) -> Iterator[Permission]:
    partition = facts.expected.outputs.partition
    for container in definition.containers:
        image = _ECR_IMAGE.match(container.image)
        if image:
            account, region, repository = image.groups()
            arn = f"arn:{partition}:ecr:{region}:{account}:repository/{repository}"
            yield Permission(PULL_IMAGE, arn, f"pull {container.image}")
            yield Permission(("ecr:GetAuthorizationToken",), "*", "log in to ECR")
