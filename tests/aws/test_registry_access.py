"""What private registries want to know, from the account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fargate_guard.aws.registry_access import ecr_token, secret_text

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws


def test_ecrs_token_is_a_user_and_a_password(aws: Aws) -> None:
    user, password = ecr_token(aws, "eu-west-1")
    assert user == "AWS"
    assert password


def test_a_secret_is_read_in_its_own_region(aws: Aws) -> None:
    text = json.dumps({"username": "puller", "password": "s3cret"})
    there = aws.in_region("eu-central-1")
    arn = there.call("secretsmanager", "create_secret", Name="registry", SecretString=text)["ARN"]
    assert secret_text(aws, arn) == text
