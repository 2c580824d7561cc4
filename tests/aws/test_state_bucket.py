"""The bucket for Terraform's state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fargate_guard.aws.state_bucket import ensure_state_bucket
from fargate_guard.errors import PreflightError
from fargate_guard.sandbox import Fault, FaultKind

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws
    from fargate_guard.sandbox import Sandbox


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_a_bucket_is_made_private_versioned_and_encrypted(aws: Aws, region: str) -> None:
    name = f"fguard-state-{region}"
    made = ensure_state_bucket(aws, name, region, tags={"team": "security"})
    assert (made.created, made.managed, made.region) == (True, True, region)
    there = aws.in_region(region)
    assert there.call("s3", "get_bucket_versioning", Bucket=name)["Status"] == "Enabled"
    block = there.call("s3", "get_public_access_block", Bucket=name)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    rules = there.call("s3", "get_bucket_encryption", Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    policy = json.loads(there.call("s3", "get_bucket_policy", Bucket=name)["Policy"])
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    tags = {tag["Key"]: tag["Value"] for tag in there.call("s3", "get_bucket_tagging", Bucket=name)["TagSet"]}
    assert tags == {"team": "security", "fguard:managed-by": "fargate-guard"}


def test_a_customer_managed_key_encrypts(aws: Aws) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    ensure_state_bucket(aws, "fguard-state-kms", "us-east-1", kms_key_arn=key)
    rule = aws.call("s3", "get_bucket_encryption", Bucket="fguard-state-kms")["ServerSideEncryptionConfiguration"]
    assert rule["Rules"][0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key


def test_asking_again_puts_the_settings_of_our_bucket_back(aws: Aws) -> None:
    ensure_state_bucket(aws, "fguard-state-again", "us-east-1")
    aws.call("s3", "delete_public_access_block", Bucket="fguard-state-again")
    again = ensure_state_bucket(aws, "fguard-state-again", "us-east-1")
    assert (again.created, again.managed) == (False, True)
    assert aws.call("s3", "get_public_access_block", Bucket="fguard-state-again")


def test_a_bucket_that_fguard_did_not_make_is_used_as_it_is(aws: Aws) -> None:
    aws.call("s3", "create_bucket", Bucket="company-terraform-states")
    found = ensure_state_bucket(aws, "company-terraform-states", "us-east-1")
    assert (found.created, found.managed) == (False, False)
    assert "Status" not in aws.call("s3", "get_bucket_versioning", Bucket="company-terraform-states")


def test_a_bucket_in_another_region_is_told(aws: Aws) -> None:
    ensure_state_bucket(aws, "fguard-state-far", "eu-west-1")
    with pytest.raises(PreflightError, match="is in eu-west-1, not in us-east-1") as refused:
        ensure_state_bucket(aws, "fguard-state-far", "us-east-1")
    assert "state.s3.region" in (refused.value.fix or "")


def test_a_name_of_another_account_is_told(aws: Aws, sandbox: Sandbox) -> None:
    taken = Fault(FaultKind.API_ERROR, aws_service="s3", code="AccessDenied", status=403)  # a HEAD has no body
    sandbox.faults.add(taken)
    with pytest.raises(PreflightError, match="taken by another AWS account") as refused:
        ensure_state_bucket(aws, "states", "us-east-1")
    assert "choose another" in (refused.value.fix or "")
