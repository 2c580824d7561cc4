"""What an ECS ``valueFrom`` points to: a secret of Secrets Manager or a parameter of SSM. Values are not read.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.aws.errors import AwsError, NotFound

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws

SECRET_ARN_PARTS = 7
"""``arn:partition:secretsmanager:region:account:secret:name``; ECS appends json-key, version-stage, version-id."""


@dataclass(frozen=True, slots=True)
class SecretReference:
    """The parts of a ``valueFrom``."""

    service: str
    """``secretsmanager`` or ``ssm``."""
    arn: str
    region: str
    """Empty for a parameter that is named without its ARN: the task's own region."""
    version_stage: str = ""
    version_id: str = ""

    @classmethod
    def of(cls, value_from: str) -> SecretReference:
        """Take a ``valueFrom`` apart; anything but a Secrets Manager ARN is an SSM parameter to ECS."""
        parts = value_from.split(":")
        if len(parts) < SECRET_ARN_PARTS or parts[2] != "secretsmanager":
            return cls("ssm", value_from, parts[3] if value_from.startswith("arn:") else "")
        more = [*parts[SECRET_ARN_PARTS:], "", "", ""]
        _json_key, stage, version, *_ = more
        return cls("secretsmanager", ":".join(parts[:SECRET_ARN_PARTS]), parts[3], stage, version)


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """What is there."""

    exists: bool
    has_value: bool
    kms_key: str | None = None
    detail: str = ""


def look_up(aws: Aws, reference: SecretReference) -> FoundSecret:
    """Say whether the referenced version exists, without reading its value."""
    there = aws.in_region(reference.region) if reference.region else aws
    if reference.service == "ssm":
        return _parameter(there, reference)
    try:
        secret = there.call("secretsmanager", "describe_secret", about=reference.arn, SecretId=reference.arn)
    except NotFound:
        return FoundSecret(exists=False, has_value=False, detail="there is no such secret")
    if secret.get("DeletedDate"):
        return FoundSecret(
            exists=False, has_value=False, detail=f"scheduled for deletion at {secret['DeletedDate']}"
        )
    has_value, detail = _has_version(secret, reference)
    key = _customer_key(there, secret.get("KmsKeyId"), "alias/aws/secretsmanager")
    return FoundSecret(True, has_value, key, detail)


def _has_version(secret: dict[str, Any], reference: SecretReference) -> tuple[bool, str]:
    stages: dict[str, list[str]] = secret.get("VersionIdsToStages") or {}
    if reference.version_id:
        if reference.version_id in stages:
            return True, f"version {reference.version_id}"
        return False, f"there is no version {reference.version_id}"
    stage = reference.version_stage or "AWSCURRENT"
    if any(stage in listed for listed in stages.values()):
        return True, f"version {stage}"
    return False, f"no version is {stage}: the secret has no value"


def _parameter(aws: Aws, reference: SecretReference) -> FoundSecret:
    name = reference.arn.split(":parameter", 1)[-1] if reference.arn.startswith("arn:") else reference.arn
    name = name if name.count("/") > 1 else name.lstrip("/")
    filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
    try:
        found = list(
            aws.pages("ssm", "describe_parameters", "Parameters", about=reference.arn, ParameterFilters=filters)
        )
    except AwsError as error:
        if error.code != "ValidationException":
            raise
        found = []
    if not found:
        return FoundSecret(exists=False, has_value=False, detail="there is no such parameter")
    return FoundSecret(True, True, _customer_key(aws, found[0].get("KeyId"), "alias/aws/ssm"), "")


def _customer_key(aws: Aws, key: str | None, managed: str) -> str | None:
    """Return the key behind an alias, since policies name keys; the alias where that may not be asked."""
    if not key or key.endswith(managed):
        return None
    if "alias/" not in key:
        return key
    try:
        return str(aws.call("kms", "describe_key", about=key, KeyId=key)["KeyMetadata"]["Arn"])
    except AwsError:
        return key
