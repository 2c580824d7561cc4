"""Lifecycle rules, which a template writes otherwise than S3's API."""

from __future__ import annotations

from typing import Any

from fargate_guard.sandbox.cloudformation.resource_type import ResourceFailed

Json = Any
SAME = {"Id": "ID", "Status": "Status", "AbortIncompleteMultipartUpload": "AbortIncompleteMultipartUpload"}
EXPIRATIONS = {
    "ExpirationInDays": "Days",
    "ExpirationDate": "Date",
    "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
}
TRANSITIONS = {"TransitionInDays": "Days", "TransitionDate": "Date", "StorageClass": "StorageClass"}
FILTERS = ("Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan")
ONE_FILTER = 1


def lifecycle_rule(rule: dict[str, Json]) -> dict[str, Json]:
    """Return a rule as ``PutBucketLifecycleConfiguration`` wants it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-s3-bucket-rule.html

    :raises ResourceFailed: for what the sandbox does not simulate.
    """
    left = dict(rule)
    result = {name: left.pop(key) for key, name in SAME.items() if key in left}
    expiration = {name: left.pop(key) for key, name in EXPIRATIONS.items() if key in left}
    if expiration:
        result["Expiration"] = expiration
    noncurrent = left.pop("NoncurrentVersionExpiration", None)
    if "NoncurrentVersionExpirationInDays" in left:
        noncurrent = {"NoncurrentDays": left.pop("NoncurrentVersionExpirationInDays")}
    if noncurrent:
        result["NoncurrentVersionExpiration"] = noncurrent
    if "Transitions" in left:
        transitions = left.pop("Transitions")
        result["Transitions"] = [{TRANSITIONS[key]: value for key, value in each.items()} for each in transitions]
    result["Filter"] = _filter(left)
    if left:
        message = f"The fguard sandbox does not simulate {sorted(left)[0]} of a bucket's lifecycle rule"
        raise ResourceFailed(message)
    return result


def _filter(left: dict[str, Json]) -> dict[str, Json]:
    conditions: dict[str, Json] = {key: left.pop(key) for key in FILTERS if key in left}
    tags = left.pop("TagFilters", [])
    if len(conditions) + len(tags) > ONE_FILTER:
        return {"And": {**conditions, **({"Tags": tags} if tags else {})}}
    if tags:
        return {"Tag": tags[0]}
    return conditions or {"Prefix": ""}
