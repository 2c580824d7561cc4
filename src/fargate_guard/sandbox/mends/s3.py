"""S3: bucket policies that insist on TLS admit the sandbox's callers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.mends.override import override

if TYPE_CHECKING:
    from collections.abc import Callable

TLS_ONLY = {"Bool": {"aws:SecureTransport": "false"}}


def mend() -> None:
    """Leave statements out that concern requests without TLS.

    moto ignores a statement's Condition, so one that denies requests without TLS would deny everything. The
    sandbox's loopback port stands for AWS's TLS endpoint.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
    """
    from moto.s3.models import FakeBucket

    override(FakeBucket, "get_permission", _over_tls)


def _over_tls(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_permission(bucket: Any, action: str, resource: str) -> Any:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html."""
        whole = bucket.policy
        if whole is None:
            return original(bucket, action, resource)
        document = json.loads(whole)
        document["Statement"] = [one for one in document["Statement"] if one.get("Condition") != TLS_ONLY]
        try:
            bucket.policy = json.dumps(document).encode() if document["Statement"] else None
            return original(bucket, action, resource)
        finally:
            bucket.policy = whole

    return get_permission
