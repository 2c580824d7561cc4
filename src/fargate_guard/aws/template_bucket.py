"""Templates that are too large for a request: in S3, private, and only as long as the deployment lives."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.aws.errors import AwsError
from fargate_guard.aws.parallel import batches
from fargate_guard.aws.state_bucket import bucket_exists, bucket_tags, ensure_state_bucket
from fargate_guard.deployment import MANAGED_BY, MANAGED_BY_TAG
from fargate_guard.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.aws.session import Aws

OBJECTS_PER_CALL = 1000
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of uploaded files."""

    count: int
    refused: tuple[str, ...] = ()
    """What S3 kept, with its reason: a line each."""


def own_bucket_name(aws: Aws) -> str:
    """Return the name of fguard's own bucket for templates in this account and region."""
    return f"fguard-templates-{aws.identity().account_id}-{aws.region}"


def own_bucket_exists(aws: Aws) -> bool:
    """Return whether fguard's own bucket is there."""
    return bucket_exists(aws, own_bucket_name(aws), aws.region)


def make_own_bucket(aws: Aws, tags: Mapping[str, str]) -> str:
    """Make fguard's own bucket, private, encrypted, versioned, by TLS only, or keep it so; returns its name."""
    return ensure_state_bucket(aws, own_bucket_name(aws), aws.region, tags=tags).name


def require_bucket(aws: Aws, bucket: str) -> None:
    """Make sure that a bucket of the user's is there.

    :raises PreflightError: when it is not, or is another account's or region's.
    """
    if not bucket_exists(aws, bucket, aws.region):
        raise PreflightError(
            f"there is no bucket {bucket!r} for the template",
            where="fguard.yaml: cloudformation.template_bucket",
            fix="create it, or remove the key: fguard then makes a bucket of its own",
        )


def upload_template(aws: Aws, bucket: str, stack: str, body: str) -> str:
    """Put a template into the bucket, under a key made from its contents; returns its URL for CloudFormation."""
    digest = hashlib.sha256(body.encode()).hexdigest()[:32]
    key = f"{stack}/{digest}.yaml"
    aws.call(
        "s3",
        "put_object",
        about=f"s3://{bucket}/{key}",
        Bucket=bucket,
        Key=key,
        Body=body.encode(),
        ExpectedBucketOwner=aws.identity().account_id,
    )
    suffix = "amazonaws.com.cn" if aws.identity().partition == "aws-cn" else "amazonaws.com"
    return f"https://{bucket}.s3.{aws.region}.{suffix}/{key}"


def remove_files(aws: Aws, bucket: str, key: str) -> Removed:
    """Remove a file, or all whose keys begin so, every version and delete marker. No bucket is fine.

    S3 answers for each file by itself
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html).
    """
    try:
        found = [*_versions(aws, bucket, key, "Versions"), *_versions(aws, bucket, key, "DeleteMarkers")]
    except AwsError as error:
        if error.code == "NoSuchBucket":
            return Removed(0)
        raise
    refused: list[str] = []
    for batch in batches(found, OBJECTS_PER_CALL):
        deleted: dict[str, Any] = {"Objects": list(batch), "Quiet": True}
        answer = aws.call("s3", "delete_objects", about=bucket, Bucket=bucket, Delete=deleted)
        refused += [f"{one['Key']}: {one.get('Message') or one['Code']}" for one in answer.get("Errors") or ()]
    return Removed(len(found) - len(refused), tuple(refused))


def _versions(aws: Aws, bucket: str, prefix: str, kind: str) -> list[dict[str, str]]:
    listed = aws.pages(
        "s3",
        "list_object_versions",
        kind,
        about=bucket,
        Bucket=bucket,
        Prefix=prefix,
        ExpectedBucketOwner=aws.identity().account_id,
    )
    return [{"Key": str(one["Key"]), "VersionId": str(one["VersionId"])} for one in listed]


def remove_own_bucket_if_empty(aws: Aws) -> bool:
    """Remove fguard's own bucket when no other deployment's template is in it; returns whether it was removed."""
    bucket = own_bucket_name(aws)
    try:
        if bucket_tags(aws, bucket).get(MANAGED_BY_TAG) != MANAGED_BY:
            return False
        aws.call("s3", "delete_bucket", about=bucket, Bucket=bucket)
    except AwsError as error:
        if error.code in ("BucketNotEmpty", "NoSuchBucket"):
            return False
        raise
    return True
