"""What a role's own policies allow, where IAM's simulation may not be asked."""

from __future__ import annotations

from typing import Any

import pytest

from fargate_guard.verify.policy import evaluate, trusted_services, wider_than_needed

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:fguard/training/sysdig-access-key-AbCdEf"
READ = "secretsmanager:GetSecretValue"


def policy(*statements: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [("execution", {"Version": "2012-10-17", "Statement": list(statements)})]


def allow(action: Any = READ, resource: Any = SECRET, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([allow()], True),
        ([allow(action="secretsmanager:*")], True),
        ([allow(action="SecretsManager:getsecretvalue")], True),
        ([allow(action=["s3:GetObject", "secretsmanager:Get*"])], True),
        ([allow(resource="*")], True),
        ([allow(resource=SECRET[:-6] + "??????")], True),
        ([allow(resource=SECRET[:-6] + "?????")], False),
        ([allow(resource=SECRET.upper())], False),
        ([allow(action="secretsmanager:DescribeSecret")], False),
        ([allow(), {"Effect": "Deny", "Action": "*", "Resource": "*"}], False),
        ([allow(), {"Effect": "Deny", "Action": READ, "Resource": SECRET + "x"}], True),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], True),
        ([{"Effect": "Allow", "NotAction": "secretsmanager:*", "Resource": "*"}], False),
        ([{"Effect": "Allow", "Action": READ, "NotResource": SECRET}], False),
        ([], False),
    ],
)
def test_statements_are_evaluated_as_iam_does(statements: list[dict[str, Any]], allowed: bool) -> None:
    decision = evaluate(policy(*statements), READ, SECRET)
    assert decision.allowed is allowed
    assert "boundaries and organization policies were not" in decision.how


def test_a_single_statement_need_not_be_a_list() -> None:
    assert evaluate([("one", {"Statement": allow()})], READ, SECRET).allowed


def test_conditions_are_not_evaluated_and_that_is_said() -> None:
    condition = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    decision = evaluate(policy(allow(Condition=condition)), READ, SECRET)
    assert decision.allowed
    assert "under conditions that were not evaluated" in decision.how


def test_a_key_may_be_bound_to_the_secrets_that_it_decrypts() -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1234"
    condition = {
        "StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"},
        "StringLike": {"kms:EncryptionContext:SecretARN": [SECRET]},
    }
    bound = policy(allow(action="kms:Decrypt", resource="arn:aws:kms:*:*:key/*", Condition=condition))
    via = {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}
    mine = evaluate(bound, "kms:Decrypt", key, via | {"kms:EncryptionContext:SecretARN": SECRET})
    other = evaluate(bound, "kms:Decrypt", key, via | {"kms:EncryptionContext:SecretARN": f"{SECRET}x"})
    assert mine.allowed
    assert "conditions" not in mine.how
    assert not other.allowed


def test_an_unconditional_permission_beats_a_conditional_one() -> None:
    decision = evaluate(policy(allow(Condition={"Bool": {}}), allow()), READ, SECRET)
    assert "conditions" not in decision.how


@pytest.mark.parametrize(
    ("resource", "wide"),
    [
        ("*", True),
        ("arn:aws:secretsmanager:us-east-1:123456789012:secret:*", True),
        ("arn:aws:secretsmanager:*:*:*", True),
        (SECRET, False),
        (SECRET[:-6] + "??????", False),
    ],
)
def test_permission_for_every_secret_is_wider_than_needed(resource: str, wide: bool) -> None:
    found = list(wider_than_needed(policy(allow(resource=resource)), READ))
    assert found == ([("execution", resource)] if wide else [])


def test_who_may_assume_a_role() -> None:
    trust = {
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": ["ecs-tasks.amazonaws.com"]}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"},
        ]
    }
    assert trusted_services(trust) == ("ecs-tasks.amazonaws.com",)
