"""Credentials for registries, from the embedded AWS."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from fargate_guard.aws.ecr import registry_login, repository_credentials
from fargate_guard.aws.errors import AwsError, NotFound
from fargate_guard.aws.session import Aws

if TYPE_CHECKING:
    from fargate_guard.sandbox import Sandbox


def test_ecr_gives_user_and_password(aws: Aws) -> None:
    user, password = registry_login(aws, aws.region, "123456789012")
    assert user == "AWS"
    assert password.endswith("auth-token")


def test_ecr_is_asked_in_the_region_of_the_registry_even_without_one_configured(sandbox: Sandbox) -> None:
    environ = {
        name: value
        for name, value in sandbox.environment().items()
        if name not in {"AWS_REGION", "AWS_DEFAULT_REGION"}
    }
    assert registry_login(Aws(environ=environ), "eu-central-1", "123456789012")[0] == "AWS"


def test_a_secret_is_read_by_arn_and_by_name(aws: Aws) -> None:
    text = json.dumps({"username": "puller", "password": "s3cret"})
    made = aws.call("secretsmanager", "create_secret", Name="registry", SecretString=text)
    assert repository_credentials(aws, made["ARN"]) == text
    assert repository_credentials(aws, "registry") == text


def test_a_secret_that_is_not_there_is_named(aws: Aws) -> None:
    with pytest.raises(NotFound, match="no-such-secret"):
        repository_credentials(aws, "no-such-secret")


def test_a_binary_secret_is_refused(aws: Aws) -> None:
    made = aws.call("secretsmanager", "create_secret", Name="binary", SecretBinary=base64.b64encode(b"x"))
    with pytest.raises(AwsError, match="not text") as raised:
        repository_credentials(aws, made["ARN"])
    assert raised.value.where == made["ARN"]
