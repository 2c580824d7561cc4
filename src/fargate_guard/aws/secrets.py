"""The Sysdig access key in Secrets Manager, put there with boto3 so that Terraform never sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.aws.errors import NotFound
from fargate_guard.deployment import DEPLOYMENT_TAG, MANAGED_BY, MANAGED_BY_TAG
from fargate_guard.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from fargate_guard.aws.session import Aws


def access_key_secret_name(deployment_name: str) -> str:
    """Return the name of the secret that holds a deployment's access key."""
    return f"fguard/{deployment_name}/sysdig-access-key"


def ensure_access_key(
    aws: Aws,
    deployment_name: str,
    value: str,
    *,
    kms_key_arn: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Store the access key, where it is not stored already, and return the ECS ``valueFrom`` of that very version.

    The version id in it makes a rotated key a new task definition revision, so that ECS starts new tasks with it.
    A secret scheduled for deletion is restored; a new version is written only when the value changed.

    :raises PreflightError: when the value is empty, or a secret of that name belongs to somebody else.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
    """
    value = value.strip()
    name = access_key_secret_name(deployment_name)
    if not value:
        raise PreflightError(
            "the Sysdig access key is empty", where=name, fix="set the variable to the agent access key"
        )
    wanted = {**(tags or {}), DEPLOYMENT_TAG: deployment_name, MANAGED_BY_TAG: MANAGED_BY}
    secret = _describe(aws, name)
    if secret is None:
        return _create(aws, name, value, kms_key_arn, wanted)
    _refuse_foreign(secret, deployment_name)
    if secret.get("DeletedDate"):
        aws.call("secretsmanager", "restore_secret", about=name, SecretId=secret["ARN"])
    if kms_key_arn and secret.get("KmsKeyId") != kms_key_arn:
        aws.call("secretsmanager", "update_secret", about=name, SecretId=secret["ARN"], KmsKeyId=kms_key_arn)
    if _tags_of(secret) != wanted:
        aws.call("secretsmanager", "tag_resource", about=name, SecretId=secret["ARN"], Tags=_tag_list(wanted))
    current = _current_version(aws, secret["ARN"])
    if current is None or current[0] != value:
        version = aws.call(
            "secretsmanager", "put_secret_value", about=name, SecretId=secret["ARN"], SecretString=value
        )
        return value_from(secret["ARN"], version["VersionId"])
    return value_from(secret["ARN"], current[1])


def existing_access_key(aws: Aws, deployment_name: str) -> str | None:
    """Return the ECS ``valueFrom`` of the stored access key's current version, or None where there is none."""
    secret = _describe(aws, access_key_secret_name(deployment_name))
    if secret is None or secret.get("DeletedDate"):
        return None
    for version, stages in secret.get("VersionIdsToStages", {}).items():
        if "AWSCURRENT" in stages:
            return value_from(secret["ARN"], version)
    return None


def stores_access_key(aws: Aws, deployment_name: str, value: str) -> bool:
    """Return whether the stored access key has this very value."""
    name = access_key_secret_name(deployment_name)
    current = _current_version(aws, name)
    return current is not None and current[0] == value.strip()


def make_current(aws: Aws, value_from_before: str) -> None:
    """Make the version that a ``valueFrom`` names the current one again.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
    """
    arn, version = value_from_before.rsplit(":::", 1)
    current = _current_version(aws, arn)
    if current is not None and current[1] != version:
        aws.call(
            "secretsmanager",
            "update_secret_version_stage",
            about=arn,
            SecretId=arn,
            VersionStage="AWSCURRENT",
            MoveToVersionId=version,
            RemoveFromVersionId=current[1],
        )


def delete_access_key(aws: Aws, deployment_name: str) -> bool:
    """Delete the stored access key at once, without a recovery window; False where there was none.

    :raises PreflightError: when a secret of that name belongs to somebody else.
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
    """
    secret = _describe(aws, access_key_secret_name(deployment_name))
    if secret is None:
        return False
    _refuse_foreign(secret, deployment_name)
    aws.call(
        "secretsmanager",
        "delete_secret",
        about=secret["ARN"],
        SecretId=secret["ARN"],
        ForceDeleteWithoutRecovery=True,
    )
    return True


def value_from(secret_arn: str, version_id: str) -> str:
    """Return the ECS reference of one version of a secret: ``arn:json-key:version-stage:version-id``."""
    return f"{secret_arn}:::{version_id}"


def _describe(aws: Aws, name: str) -> dict[str, Any] | None:
    try:
        return aws.call("secretsmanager", "describe_secret", about=name, SecretId=name)
    except NotFound:
        return None


def _create(aws: Aws, name: str, value: str, kms_key_arn: str | None, tags: Mapping[str, str]) -> str:
    encryption = {"KmsKeyId": kms_key_arn} if kms_key_arn else {}
    made = aws.call(
        "secretsmanager",
        "create_secret",
        about=name,
        Name=name,
        Description="Sysdig agent access key, kept by fargate-guard",
        SecretString=value,
        Tags=_tag_list(tags),
        **encryption,
    )
    return value_from(made["ARN"], made["VersionId"])


def _current_version(aws: Aws, arn: str) -> tuple[str, str] | None:
    try:
        current = aws.call(
            "secretsmanager", "get_secret_value", about=arn, SecretId=arn, VersionStage="AWSCURRENT"
        )
    except NotFound:  # the secret exists without a value
        return None
    return str(current.get("SecretString", "")), str(current["VersionId"])


def _refuse_foreign(secret: Mapping[str, Any], deployment_name: str) -> None:
    owner = _tags_of(secret).get(DEPLOYMENT_TAG)
    if owner != deployment_name:
        raise PreflightError(
            "a secret of this name exists that fguard did not make",
            where=str(secret["ARN"]),
            why=f"its tag {DEPLOYMENT_TAG} is {owner or 'missing'}, not {deployment_name}",
            fix="give the deployment another name, or use the secret with sysdig.access_key.secret_arn",
        )


def _tags_of(secret: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in secret.get("Tags", ())}


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
