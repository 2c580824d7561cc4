"""The access key in Secrets Manager: stored once, versioned, restored, never somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.aws.secret_reference import SecretReference, look_up
from fargate_guard.aws.secrets import (
    access_key_secret_name,
    delete_access_key,
    ensure_access_key,
    existing_access_key,
    make_current,
    stores_access_key,
)
from fargate_guard.deployment import DEPLOYMENT_TAG
from fargate_guard.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.aws.session import Aws

NAME = "keys"


@pytest.fixture(autouse=True)
def no_secret(aws: Aws) -> Iterator[None]:
    yield
    aws.call(
        "secretsmanager",
        "delete_secret",
        SecretId=access_key_secret_name(NAME),
        ForceDeleteWithoutRecovery=True,
    )


def described(aws: Aws) -> dict[str, Any]:
    return aws.call("secretsmanager", "describe_secret", SecretId=access_key_secret_name(NAME))


def value(aws: Aws) -> str:
    found = aws.call("secretsmanager", "get_secret_value", SecretId=access_key_secret_name(NAME))
    return str(found["SecretString"])


def test_a_key_is_stored_with_the_deployments_tags_and_referenced_by_version(aws: Aws) -> None:
    value_from = ensure_access_key(aws, NAME, "key-1", tags={"team": "security"})
    secret = described(aws)
    [version] = secret["VersionIdsToStages"]
    assert value_from == f"{secret['ARN']}:::{version}"
    assert {tag["Key"]: tag["Value"] for tag in secret["Tags"]} == {
        "team": "security",
        DEPLOYMENT_TAG: NAME,
        "fguard:managed-by": "fargate-guard",
    }
    assert value(aws) == "key-1"


def test_the_same_key_again_makes_no_version(aws: Aws) -> None:
    first = ensure_access_key(aws, NAME, "key-1")
    assert ensure_access_key(aws, NAME, "key-1\n") == first
    assert len(described(aws)["VersionIdsToStages"]) == 1


def test_a_rotated_key_is_another_reference(aws: Aws) -> None:
    first = ensure_access_key(aws, NAME, "key-1")
    second = ensure_access_key(aws, NAME, "key-2")
    assert second != first
    assert second.split(":::")[0] == first.split(":::")[0]
    assert existing_access_key(aws, NAME) == second


def test_a_rotation_is_seen_and_can_be_taken_back(aws: Aws) -> None:
    before = ensure_access_key(aws, NAME, "first")
    assert stores_access_key(aws, NAME, "first")
    assert not stores_access_key(aws, NAME, "second")
    ensure_access_key(aws, NAME, "second")
    assert stores_access_key(aws, NAME, "second")
    make_current(aws, before)
    assert existing_access_key(aws, NAME) == before
    assert stores_access_key(aws, NAME, "first")


def test_a_secret_that_is_scheduled_for_deletion_is_restored(aws: Aws) -> None:
    first = ensure_access_key(aws, NAME, "key-1")
    aws.call("secretsmanager", "delete_secret", SecretId=access_key_secret_name(NAME), RecoveryWindowInDays=7)
    assert existing_access_key(aws, NAME) is None
    assert ensure_access_key(aws, NAME, "key-1") == first
    assert "DeletedDate" not in described(aws)


def test_a_deleted_key_is_gone_at_once(aws: Aws) -> None:
    ensure_access_key(aws, NAME, "key-1")
    assert delete_access_key(aws, NAME) is True
    assert delete_access_key(aws, NAME) is False
    assert existing_access_key(aws, NAME) is None
    ensure_access_key(aws, NAME, "key-1")  # the name is free again


def test_somebody_elses_secret_of_that_name_is_left_alone(aws: Aws) -> None:
    aws.call("secretsmanager", "create_secret", Name=access_key_secret_name(NAME), SecretString="theirs")
    with pytest.raises(PreflightError, match="fguard did not make") as refused:
        ensure_access_key(aws, NAME, "ours")
    with pytest.raises(PreflightError, match="fguard did not make"):
        delete_access_key(aws, NAME)
    assert "secret_arn" in (refused.value.fix or "")
    assert value(aws) == "theirs"


def test_an_empty_key_is_refused_before_anything_is_stored(aws: Aws) -> None:
    ensure_access_key(aws, NAME, "key-1")
    with pytest.raises(PreflightError, match="empty"):
        ensure_access_key(aws, NAME, " \n")
    assert value(aws) == "key-1"


@pytest.mark.parametrize(
    ("suffix", "there"),
    [("", True), (":::{version}", True), ("::AWSCURRENT:", True), ("::AWSPENDING:", False), (":::other", False)],
)
def test_a_reference_is_looked_up_down_to_its_version(aws: Aws, suffix: str, there: bool) -> None:
    arn, version = ensure_access_key(aws, NAME, "key-1").split(":::")
    found = look_up(aws, SecretReference.of(arn + suffix.format(version=version)))
    assert (found.exists, found.has_value) == (True, there)
    assert found.kms_key is None


@pytest.mark.parametrize("reference", ["/fguard/key", "arn:aws:ssm:us-east-1:123456789012:parameter/fguard/key"])
def test_a_parameter_is_looked_up_by_name_or_arn(aws: Aws, reference: str) -> None:
    ensure_access_key(aws, NAME, "key-1")
    assert not look_up(aws, SecretReference.of(reference)).exists
    aws.call("ssm", "put_parameter", Name="/fguard/key", Value="key-1", Type="SecureString")
    assert look_up(aws, SecretReference.of(reference)).has_value
    aws.call("ssm", "delete_parameter", Name="/fguard/key")
