"""Tags of resources: the template's own and the stack's, in each API's form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resources.request import operation_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

Json = Any


@dataclass(frozen=True, slots=True)
class Tagging:
    """How an API adds tags to a resource and takes them away."""

    add: str
    """Operation, e.g. ``TagResource``."""
    remove: str
    resource: str
    """The parameter that says which resource; a list of one where the API wants a list."""
    parameter: str = "Tags"
    keys: str = "TagKeys"


TAGGING: Mapping[str, Tagging] = {
    "application-autoscaling": Tagging("TagResource", "UntagResource", "ResourceARN"),
    "dynamodb": Tagging("TagResource", "UntagResource", "ResourceArn"),
    "ec2": Tagging("CreateTags", "DeleteTags", "Resources", keys="Tags"),
    "ecs": Tagging("TagResource", "UntagResource", "resourceArn", "tags", "tagKeys"),
    "elbv2": Tagging("AddTags", "RemoveTags", "ResourceArns"),
    "kms": Tagging("TagResource", "UntagResource", "KeyId"),
    "lambda": Tagging("TagResource", "UntagResource", "Resource"),
    "logs": Tagging("TagResource", "UntagResource", "resourceArn", "tags", "tagKeys"),
    "secretsmanager": Tagging("TagResource", "UntagResource", "SecretId"),
    "servicediscovery": Tagging("TagResource", "UntagResource", "ResourceARN"),
    "sns": Tagging("TagResource", "UntagResource", "ResourceArn"),
    "sqs": Tagging("TagQueue", "UntagQueue", "QueueUrl"),
    "ssm": Tagging("AddTagsToResource", "RemoveTagsFromResource", "ResourceId"),
}
"""By boto3's name of the service."""


def declared_tags(properties: Mapping[str, Json]) -> dict[str, str]:
    """Return the tags of a ``Tags`` property, which is a list for most types and a map for some."""
    tags = properties.get("Tags") or {}
    if isinstance(tags, dict):
        return {key: str(value) for key, value in tags.items()}
    return {tag["Key"]: str(tag["Value"]) for tag in tags}


def all_tags(properties: Mapping[str, Json], context: ResourceContext, *, system: bool) -> dict[str, str]:
    """Return the tags that the resource gets; its own win over the stack's.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html

    :param system: with the stack's ``aws:cloudformation:`` tags.
    """
    stack = {key: value for key, value in context.tags.items() if system or not key.startswith("aws:")}
    return {**stack, **declared_tags(properties)}


def in_form(shape: Any, tags: Mapping[str, str]) -> Json:
    """Return tags as a parameter of that shape: a map, or a list of pairs named as the API names them."""
    if shape.type_name == "map":
        return dict(tags)
    names = {name.lower().removeprefix("tag"): name for name in shape.member.members}
    return [{names["key"]: key, names["value"]: value} for key, value in tags.items()]


def tags_at_creation(
    client: Any, operation: str, tags: Mapping[str, str], resource_type: str | None
) -> dict[str, Json] | None:
    """Return the parameter by which a creating operation takes tags; None when it takes none.

    :param resource_type: EC2's name of the kind of resource, for ``TagSpecifications``.
    """
    members = operation_input(client, operation).members
    if "TagSpecifications" in members:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        return {"TagSpecifications": [{"ResourceType": resource_type, "Tags": pairs}]} if pairs else {}
    name = next((name for name in members if name.lower() == "tags"), None)
    if name is None:
        return None
    return {name: in_form(members[name], tags)} if tags else {}


def change_tags(
    client: Any, tagging: Tagging, resource: str, tags: Mapping[str, str], gone: set[str], **fixed: str
) -> None:
    """Add and replace tags, and take others away."""
    if tags:
        members = operation_input(client, tagging.add).members
        _call(
            client,
            tagging,
            tagging.add,
            resource,
            {tagging.parameter: in_form(members[tagging.parameter], tags)},
            fixed,
        )
    if gone:
        keys: Json = sorted(gone)
        if tagging.keys == "Tags":
            keys = [{"Key": key} for key in keys]
        _call(client, tagging, tagging.remove, resource, {tagging.keys: keys}, fixed)


def _call(
    client: Any,
    tagging: Tagging,
    operation: str,
    resource: str,
    parameters: dict[str, Json],
    fixed: dict[str, str],
) -> None:
    from botocore import xform_name

    shape = operation_input(client, operation).members[tagging.resource]
    which = [resource] if shape.type_name == "list" else resource
    getattr(client, xform_name(operation))(**{tagging.resource: which}, **parameters, **fixed)


def live_tags(declared: Json, actual: Json, context: ResourceContext) -> Json:
    """Return the tags as they are now, in the form of the property, without the stack's.

    :param actual: a map or a list of pairs, as the API answers them.
    """
    if isinstance(actual, list):
        actual = {
            tag.get("Key", tag.get("key", tag.get("TagKey"))): tag.get(
                "Value", tag.get("value", tag.get("TagValue"))
            )
            for tag in actual
        }
    own = declared_tags({"Tags": declared})
    found = {
        key: value
        for key, value in actual.items()
        if not key.startswith("aws:") and (key in own or context.tags.get(key) != value)
    }
    if found == own:
        return declared
    return found if isinstance(declared, dict) else [{"Key": key, "Value": value} for key, value in found.items()]
