"""The S3 bucket for Terraform's state: versioned, encrypted, private, reachable by TLS only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.aws.errors import AccessDenied, AwsError
from fargate_guard.deployment import MANAGED_BY, MANAGED_BY_TAG
from fargate_guard.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.aws.session import Aws

REGION_WITHOUT_CONSTRAINT = "us-east-1"
"""CreateBucket refuses this region as a LocationConstraint: it is the default."""
_TAKEN = {"BucketAlreadyExists", "403"}
_ABSENT = {"404", "NoSuchBucket", "NotFound"}
_ELSEWHERE = {"301", "PermanentRedirect", "400"}


@dataclass(frozen=True, slots=True)
class StateBucket:
    """What :func:`ensure_state_bucket` found or made."""

    name: str
    region: str
    created: bool
    managed: bool
    """Whether fguard made it, now or earlier, and so keeps its settings; others' buckets are used as they are."""


def ensure_state_bucket(
    aws: Aws, bucket: str, region: str, *, kms_key_arn: str | None = None, tags: Mapping[str, str] | None = None
) -> StateBucket:
    """Create the bucket unless it exists, and keep the settings of one that fguard made.

    Templates that are too large for a request go to such a bucket, too: :mod:`fargate_guard.aws.template_bucket`.

    :param kms_key_arn: customer managed key; without one S3's own keys encrypt (SSE-S3).
    :raises PreflightError: when the name belongs to another account or the bucket is in another region.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    """
    there = aws.in_region(region)
    exists = bucket_exists(there, bucket, region)
    if not exists:
        _create(there, bucket, region)
        _put_tags(there, bucket, {**(tags or {}), MANAGED_BY_TAG: MANAGED_BY})
    managed = not exists or bucket_tags(there, bucket).get(MANAGED_BY_TAG) == MANAGED_BY
    if managed:
        _secure(there, bucket, kms_key_arn)
    return StateBucket(bucket, region, created=not exists, managed=managed)


def bucket_exists(aws: Aws, bucket: str, region: str) -> bool:
    """Return whether the account has the bucket, in that region.

    :raises PreflightError: when the name belongs to another account or the bucket is in another region.
    """
    try:
        found = aws.call(
            "s3", "head_bucket", about=bucket, Bucket=bucket, ExpectedBucketOwner=aws.identity().account_id
        )
    except AwsError as error:
        if error.code in _ABSENT:
            return False
        if isinstance(error, AccessDenied) or error.code in _TAKEN:
            raise _taken(bucket, error) from error
        if error.code in _ELSEWHERE:
            raise _elsewhere(bucket, region, "another region") from error
        raise
    actual = found.get("BucketRegion") or region
    if actual != region:
        raise _elsewhere(bucket, region, actual)
    return True


def _create(aws: Aws, bucket: str, region: str) -> None:
    place: dict[str, Any] = {}
    if region != REGION_WITHOUT_CONSTRAINT:
        place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        aws.call(
            "s3", "create_bucket", about=bucket, Bucket=bucket, ObjectOwnership="BucketOwnerEnforced", **place
        )
    except AwsError as error:
        if error.code in _TAKEN:
            raise _taken(bucket, error) from error
        raise


def _secure(aws: Aws, bucket: str, kms_key_arn: str | None) -> None:
    """Bring the settings to what a state file needs; every call replaces, so again is the same."""
    rule: dict[str, Any] = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    if kms_key_arn:
        rule = {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": kms_key_arn},
            "BucketKeyEnabled": True,
        }
    closed = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    settings: tuple[tuple[str, dict[str, Any]], ...] = (
        ("put_public_access_block", {"PublicAccessBlockConfiguration": closed}),
        (
            "put_bucket_ownership_controls",
            {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
        ),
        ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
        ("put_bucket_encryption", {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}),
        ("put_bucket_policy", {"Policy": json.dumps(_tls_only(bucket, aws.identity().partition))}),
    )
    for operation, parameters in settings:
        aws.call("s3", operation, about=bucket, Bucket=bucket, **parameters)


def _tls_only(bucket: str, partition: str) -> dict[str, Any]:
    """Refuse requests without TLS.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
    """
    arn = f"arn:{partition}:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OnlyTls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }


def _put_tags(aws: Aws, bucket: str, tags: Mapping[str, str]) -> None:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    aws.call("s3", "put_bucket_tagging", about=bucket, Bucket=bucket, Tagging={"TagSet": listed})


def bucket_tags(aws: Aws, bucket: str) -> dict[str, str]:
    """Return a bucket's tags."""
    try:
        found = aws.call("s3", "get_bucket_tagging", about=bucket, Bucket=bucket)
    except AwsError as error:
        if error.code == "NoSuchTagSet":
            return {}
        raise
    return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}


def _taken(bucket: str, error: AwsError) -> PreflightError:
    return PreflightError(
        f"the bucket name {bucket!r} is taken by another AWS account, or these credentials may not see the bucket",
        where=bucket,
        why=error.why,
        fix="bucket names are shared by all accounts: choose another, for example with the account id in it",
    )


def _elsewhere(bucket: str, region: str, actual: str) -> PreflightError:
    return PreflightError(
        f"the bucket {bucket!r} is in {actual}, not in {region}",
        where=bucket,
        fix="set state.s3.region to the bucket's region, or name a bucket of this region",
    )


def stored_state(aws: Aws, bucket: str, key: str) -> bytes | None:
    """Return the state that Terraform stored; None where there is none."""
    try:
        found = aws.call(
            "s3",
            "get_object",
            about=f"s3://{bucket}/{key}",
            Bucket=bucket,
            Key=key,
            ExpectedBucketOwner=aws.identity().account_id,
        )
    except AwsError as error:
        if error.code in ("NoSuchKey", "NoSuchBucket"):
            return None
        raise
    body: bytes = found["Body"].read()
    return body
