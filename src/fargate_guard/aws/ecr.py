"""Credentials for registries that AWS keeps: ECR's own, and secrets for others."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from fargate_guard.aws.errors import AwsError

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws

_ARN_REGION = 3


def registry_login(aws: Aws, region: str, account: str) -> tuple[str, str]:
    """Return user and password for the private registry of an account in a region; good for twelve hours.

    It is the caller's own token: that another account lets it pull is the policy of that account's repositories.
    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html

    :param account: whose registry it is, for error texts.
    :raises FguardError: when there are no AWS credentials, or they may not call ``ecr:GetAuthorizationToken``.
    """
    answer = aws.in_region(region).call(
        "ecr", "get_authorization_token", about=f"registry of account {account} in {region}"
    )
    try:
        token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"], validate=True).decode()
    except (LookupError, binascii.Error, UnicodeDecodeError):
        token = ""
    user, colon, password = token.partition(":")
    if not colon:
        raise AwsError("ECR gave no usable token", where=f"registry of account {account} in {region}")
    return user, password


def repository_credentials(aws: Aws, parameter: str) -> str:
    """Return the text of the secret that a task definition's ``repositoryCredentials`` names.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html

    :param parameter: ``credentialsParameter``: a secret's ARN, or its name in the session's own region.
    :raises FguardError: when it cannot be read, or is not text.
    """
    parts = parameter.split(":")
    there = aws.in_region(parts[_ARN_REGION]) if parameter.startswith("arn:") and len(parts) > _ARN_REGION else aws
    answer = there.call("secretsmanager", "get_secret_value", about=parameter, SecretId=parameter)
    if "SecretString" not in answer:
        raise AwsError(
            "the secret is not text",
            where=parameter,
            why="it has a binary value",
            fix='store {"username": "…", "password": "…"} in it',
        )
    return str(answer["SecretString"])
