"""What each execution role must be allowed to do, so that its tasks can start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.aws.secret_reference import SecretReference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.verify.expected import Component
    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.facts.task_definition import TaskDefinition

READ_SECRET = "secretsmanager:GetSecretValue"  # noqa: S105 - an IAM action
READ_PARAMETER = "ssm:GetParameters"
WRITE_LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")
PULL_IMAGE = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
DECRYPT = "kms:Decrypt"

_ENCRYPTION_CONTEXT = {
    "secretsmanager": "kms:EncryptionContext:SecretARN",
    "ssm": "kms:EncryptionContext:PARAMETER_ARN",
}
"""What the services give KMS along with a secret, so that a policy can bind a key's use to it."""

_ECR_IMAGE = re.compile(r"^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([^:@]+)")


@dataclass(frozen=True, slots=True)
class Permission:
    """Actions on one resource, and what for."""

    actions: tuple[str, ...]
    resource: str
    purpose: str
    context: tuple[tuple[str, str], ...] = ()
    """Condition keys of the request with their values."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where tasks run; completes names to ARNs."""

    partition: str
    """``aws``, ``aws-us-gov`` or ``aws-cn``."""
    region: str
    account_id: str


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
    outputs = facts.expected.outputs
    place = Place(outputs.partition, outputs.region, outputs.account_id)
    return permissions_to_start(definition, place, {name: found.kms_key for name, found in facts.secrets.items()})


def permissions_to_start(
    definition: TaskDefinition, place: Place, kms_keys: Mapping[str, str | None]
) -> tuple[Permission, ...]:
    """Return what the execution role of a task definition must be allowed to do.

    :param kms_keys: the customer managed key of each secret, by ``valueFrom``, as far as it is known.
    """
    found = (*_secrets(definition, place, kms_keys), *_logs(definition, place), *_images(definition, place))
    return tuple(dict.fromkeys(found))


def _secrets(definition: TaskDefinition, place: Place, kms_keys: Mapping[str, str | None]) -> Iterator[Permission]:
    for _, _, value_from in definition.secret_references():
        reference = SecretReference.of(value_from)
        kms_key = kms_keys.get(value_from)
        arn = reference.arn
        if not arn.startswith("arn:"):
            where = f"{place.partition}:ssm:{place.region}:{place.account_id}"
            arn = f"arn:{where}:parameter/{arn.lstrip('/')}"
        if kms_key and "alias/" not in kms_key:
            where = f"{place.partition}:kms:{reference.region or place.region}:{place.account_id}"
            key = kms_key if kms_key.startswith("arn:") else f"arn:{where}:key/{kms_key}"
            region = reference.region or place.region
            context = (
                ("kms:ViaService", f"{reference.service}.{region}.amazonaws.com"),
                (_ENCRYPTION_CONTEXT[reference.service], arn),
            )
            yield Permission((DECRYPT,), key, f"decrypt {reference.arn}", context)
        if reference.service == "secretsmanager":
            yield Permission((READ_SECRET,), arn, f"read {arn}")
        else:
            yield Permission((READ_PARAMETER,), arn, f"read {arn}")


def _logs(definition: TaskDefinition, place: Place) -> Iterator[Permission]:
    for group, region in dict.fromkeys((one.log_group, one.log_region) for one in definition.containers):
        if group:
            where = f"{place.partition}:logs:{region or place.region}:{place.account_id}"
            yield Permission(WRITE_LOGS, f"arn:{where}:log-group:{group}:log-stream:ecs", f"write to {group}")


def _images(definition: TaskDefinition, place: Place) -> Iterator[Permission]:
    for container in definition.containers:
        image = _ECR_IMAGE.match(container.image)
        if image:
            account, region, repository = image.groups()
            arn = f"arn:{place.partition}:ecr:{region}:{account}:repository/{repository}"
            yield Permission(PULL_IMAGE, arn, f"pull {container.image}")
            yield Permission(("ecr:GetAuthorizationToken",), "*", "log in to ECR")
