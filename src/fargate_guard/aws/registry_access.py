"""What private registries want to know: ECR's token, and the secret with another registry's credentials."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws


def ecr_token(aws: Aws, region: str) -> tuple[str, str]:
    """Return user and password for the private ECR registries of a region; valid for twelve hours.

    They open the caller's own repositories, and other accounts' where their policies allow it.
    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
    """
    response = aws.in_region(region).call("ecr", "get_authorization_token", about=f"ECR in {region}")
    user, _, password = (
        base64.b64decode(response["authorizationData"][0]["authorizationToken"]).decode().partition(":")
    )
    return user, password


def secret_text(aws: Aws, arn: str) -> str:
    """Return the value of a secret that a task definition names in ``repositoryCredentials``: JSON.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html
    """
    region = arn.split(":")[3]
    return str(
        aws.in_region(region).call("secretsmanager", "get_secret_value", about=arn, SecretId=arn)["SecretString"]
    )
