"""The package of a Lambda function: in a bucket, and as it is installed."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from fargate_guard.aws.errors import AwsError

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws


def upload_package(aws: Aws, bucket: str, key: str, package: bytes) -> None:
    """Put a package into a bucket of this account."""
    aws.call(
        "s3",
        "put_object",
        about=f"s3://{bucket}/{key}",
        Bucket=bucket,
        Key=key,
        Body=package,
        ContentType="application/zip",
        ExpectedBucketOwner=aws.identity().account_id,
    )


def download_package(aws: Aws, bucket: str, key: str) -> bytes | None:
    """Return a package from a bucket; None where it is not there any more."""
    try:
        found = aws.call("s3", "get_object", about=f"s3://{bucket}/{key}", Bucket=bucket, Key=key)
    except AwsError as error:
        if error.code in ("NoSuchKey", "NoSuchBucket"):
            return None
        raise
    content: bytes = found["Body"].read()
    return content


def installed_sha256(aws: Aws, function: str) -> str | None:
    """Return the SHA-256 of a function's code in hexadecimal; None where there is no such function.

    https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
    """
    try:
        found = aws.call("lambda", "get_function_configuration", about=function, FunctionName=function)
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            return None
        raise
    return base64.b64decode(found["CodeSha256"]).hex()
