"""S3's buckets and their policies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resource_type import Made
from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, Setting, at, found
from fargate_guard.sandbox.cloudformation.resources.s3_lifecycle import lifecycle_rule
from fargate_guard.sandbox.cloudformation.resources.schemas import schema_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext
    from fargate_guard.sandbox.cloudformation.resources.tags import Tagging

    Properties = Mapping[str, Any]

Json = Any
AT_CREATION = frozenset({"BucketName", "ObjectLockEnabled", "AccessControl", "Tags"})


def _encryption(value: Json) -> Json:
    renamed = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
    rules = [{renamed.get(key, key): item for key, item in rule.items()} for rule in _rules(value)]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _rules(value: Json) -> list[Json]:
    return list(value["ServerSideEncryptionConfiguration"])


def _logging(value: Json) -> Json:
    target = {"TargetBucket": value["DestinationBucketName"], "TargetPrefix": value.get("LogFilePrefix", "")}
    return {"BucketLoggingStatus": {"LoggingEnabled": target}}


def _lifecycle(value: Json) -> Json:
    return {"LifecycleConfiguration": {"Rules": [lifecycle_rule(rule) for rule in value["Rules"]]}}


FORMS: Mapping[str, tuple[str, Callable[[Json], Json], str]] = {
    "VersioningConfiguration": (
        "PutBucketVersioning",
        lambda value: {"VersioningConfiguration": value},
        "GetBucketVersioning",
    ),
    "BucketEncryption": ("PutBucketEncryption", _encryption, "GetBucketEncryption"),
    "PublicAccessBlockConfiguration": (
        "PutPublicAccessBlock",
        lambda value: {"PublicAccessBlockConfiguration": value},
        "GetPublicAccessBlock",
    ),
    "OwnershipControls": (
        "PutBucketOwnershipControls",
        lambda value: {"OwnershipControls": value},
        "GetBucketOwnershipControls",
    ),
    "LifecycleConfiguration": (
        "PutBucketLifecycleConfiguration",
        _lifecycle,
        "GetBucketLifecycleConfiguration",
    ),
    "LoggingConfiguration": ("PutBucketLogging", _logging, "GetBucketLogging"),
}
"""Property to the operation that puts it, the form it has there, and the operation that reads it."""
DELETIONS = {
    "BucketEncryption": "DeleteBucketEncryption",
    "PublicAccessBlockConfiguration": "DeletePublicAccessBlock",
    "OwnershipControls": "DeleteBucketOwnershipControls",
    "LifecycleConfiguration": "DeleteBucketLifecycle",
}


class Bucket(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html."""

    name = "AWS::S3::Bucket"
    service = "s3"
    creates, deletes, key, physical = "CreateBucket", "DeleteBucket", "Bucket", "{Bucket}"
    renames = {"BucketName": "Bucket", "ObjectLockEnabled": "ObjectLockEnabledForBucket"}
    name_property, longest_name = "BucketName", 63
    not_simulated = schema_of("AWS::S3::Bucket").properties - AT_CREATION - FORMS.keys()

    def named(self, properties: Properties, context: ResourceContext) -> Properties:
        """Buckets are in lower case."""
        named = super().named(properties, context)
        if properties.get("BucketName"):
            return named
        return {**named, "BucketName": named["BucketName"].lower()}

    def create_request(self, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """Everywhere but in us-east-1, the API wants to be told where."""
        request = self.request(self.creates, properties, context)
        if context.region != "us-east-1":
            request["CreateBucketConfiguration"] = {"LocationConstraint": context.region}
        if "AccessControl" in properties:
            words = str(properties["AccessControl"])
            request["ACL"] = "".join(f"-{c.lower()}" if c.isupper() else c for c in words).lstrip("-")
        return request

    def finish(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """One call for each configuration."""
        self._configure(physical_id, {}, properties, context)
        self._tag(physical_id, properties, context)

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Put what differs and delete what is gone."""
        self._configure(physical_id, old, new, context)
        self._tag(physical_id, new, context)

    def _configure(self, bucket: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        for key, (operation, form, _) in FORMS.items():
            if key in new and new[key] != old.get(key):
                request = self.request(operation, form(new[key]), context)
                self.call(context, operation, {"Bucket": bucket, **request})
            elif key in old and key not in new:
                self._unset(bucket, key, context)

    def _unset(self, bucket: str, key: str, context: ResourceContext) -> None:
        if key in DELETIONS:
            self.call(context, DELETIONS[key], {"Bucket": bucket})
        elif key == "VersioningConfiguration":
            suspended = {"VersioningConfiguration": {"Status": "Suspended"}}
            self.call(context, "PutBucketVersioning", {"Bucket": bucket, **suspended})
        else:
            self.call(context, "PutBucketLogging", {"Bucket": bucket, "BucketLoggingStatus": {}})

    def _tag(self, bucket: str, properties: Properties, context: ResourceContext) -> None:
        """S3 lets nobody put ``aws:`` tags; its own are not simulated."""
        tags = self.all_tags(properties, context)
        pairs = [{"Key": key, "Value": value} for key, value in tags.items() if not key.startswith("aws:")]
        if pairs:
            self.call(context, "PutBucketTagging", {"Bucket": bucket, "Tagging": {"TagSet": pairs}})
        else:
            self.call(context, "DeleteBucketTagging", {"Bucket": bucket})

    def tagging(self) -> Tagging | None:
        """All tags are put at once."""
        return None

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Buckets with objects stay: the API says so."""
        if self.description(physical_id, properties, context) is not None:
            self.call(context, self.deletes, {"Bucket": physical_id})

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Ask for the configurations that the template has."""
        which = {"Bucket": physical_id}
        if found(lambda: self.call(context, "HeadBucket", which)) is None:
            return None
        there: dict[str, Json] = {"Bucket": physical_id}
        for key, (_, form, operation) in FORMS.items():
            if key in properties:
                answer = found(lambda: self.call(context, operation, which))  # noqa: B023
                there[key] = self._as_property(key, properties[key], form, answer or {}, context)
        tags = found(lambda: self.call(context, "GetBucketTagging", which)) or {}
        return {**there, "Tags": tags.get("TagSet", [])}

    def _as_property(
        self, key: str, declared: Json, form: Callable[[Json], Json], answer: Properties, context: ResourceContext
    ) -> Json:
        """Return the declared value where S3 answers what it was asked to put; else what it answers."""
        wanted = self.request(FORMS[key][0], form(declared), context)
        ((_, asked),) = wanted.items()
        live = next((value for name, value in answer.items() if name == next(iter(wanted))), answer)
        live = {name: value for name, value in live.items() if name != "ResponseMetadata"}
        return declared if _covers(asked, live) else live or None

    def made(self, physical_id: str, properties: Properties, context: ResourceContext) -> Made:  # noqa: ARG002
        """Names and addresses follow from the bucket's name."""
        attributes = {
            "Arn": f"arn:{context.partition}:s3:::{physical_id}",
            "DomainName": f"{physical_id}.s3.amazonaws.com",
            "RegionalDomainName": f"{physical_id}.s3.{context.region}.amazonaws.com",
            "DualStackDomainName": f"{physical_id}.s3.dualstack.{context.region}.amazonaws.com",
            "WebsiteURL": f"http://{physical_id}.s3-website-{context.region}.amazonaws.com",
        }
        return Made(physical_id, attributes)


def _covers(asked: Json, live: Json) -> bool:
    """Whether everything asked for is there."""
    if isinstance(asked, dict):
        return isinstance(live, dict) and all(_covers(value, live.get(key)) for key, value in asked.items())
    if isinstance(asked, list):
        same_length = isinstance(live, list) and len(asked) == len(live)
        return same_length and all(map(_covers, asked, live))
    return bool(asked == live) or (not asked and live is None)


class BucketPolicy(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucketpolicy.html."""

    name = "AWS::S3::BucketPolicy"
    service = "s3"
    creates, deletes, key, physical = "PutBucketPolicy", "DeleteBucketPolicy", "Bucket", "{Bucket}"
    renames = {"PolicyDocument": "Policy"}
    settings = (Setting("PutBucketPolicy", ("PolicyDocument",), at_creation=False),)

    def description(
        self,
        physical_id: str,
        properties: Properties,  # noqa: ARG002
        context: ResourceContext,
    ) -> Properties | None:
        """The policy of the bucket."""
        answer = found(lambda: self.call(context, "GetBucketPolicy", {"Bucket": physical_id}))
        return None if answer is None else {"Bucket": physical_id, "Policy": json.loads(at(answer, "Policy"))}


TYPES = (Bucket(), BucketPolicy())
