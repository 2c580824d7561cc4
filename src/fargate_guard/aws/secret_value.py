"""Reading a secret's value, for fguard's own use; it is never shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fargate_guard.aws.errors import NotFound
from fargate_guard.aws.secret_reference import SECRET_ARN_PARTS, SecretReference
from fargate_guard.errors import PreflightError

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws


def secret_value(aws: Aws, arn: str) -> str:
    """Return the value of a secret (``arn[:json-key[:version-stage[:version-id]]]``) or of an SSM parameter.

    :raises PreflightError: when there is none, or not this key in it.
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
    """
    reference = SecretReference.of(arn)
    there = aws.in_region(reference.region) if reference.region else aws
    try:
        if reference.service == "ssm":
            name = reference.arn
            found = there.call("ssm", "get_parameter", about=arn, Name=name, WithDecryption=True)
            return str(found["Parameter"]["Value"])
        version = {"VersionId": reference.version_id} if reference.version_id else {}
        stage = {"VersionStage": reference.version_stage} if reference.version_stage else {}
        secret = there.call(
            "secretsmanager", "get_secret_value", about=arn, SecretId=reference.arn, **version, **stage
        )
    except NotFound as missing:
        raise PreflightError("there is no such secret", where=arn, why=missing.why) from None
    return _of_key(str(secret.get("SecretString") or ""), arn)


def _of_key(text: str, arn: str) -> str:
    parts = arn.split(":")
    key = parts[SECRET_ARN_PARTS] if len(parts) > SECRET_ARN_PARTS else ""
    if not key:
        return text
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict) or not isinstance(document.get(key), str):
        raise PreflightError(f"the secret has no text under the key {key!r}", where=arn)
    return str(document[key])
