"""``{{resolve:ssm:…}}`` and ``{{resolve:secretsmanager:…}}`` in properties.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resource_type import ResourceFailed

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

Json = Any

_REFERENCE = re.compile(r"\{\{resolve:(?P<service>ssm|ssm-secure|secretsmanager):(?P<rest>[^}]+)\}\}")
_SECRET = re.compile(
    r"(?P<id>arn:[^:]+:secretsmanager:[^:]+:[^:]+:secret:[^:]+|[^:]+)"
    r"(?::SecretString)?(?::(?P<key>[^:]*))?(?::(?P<stage>[^:]*))?(?::(?P<version>[^:]*))?"
)


def resolve_references(value: Json, context: ResourceContext) -> Json:
    """Put the values in that a resource type gets; events and change sets keep the references.

    :raises ResourceFailed: when a parameter or secret is not there.
    """
    if isinstance(value, list):
        return [resolve_references(item, context) for item in value]
    if isinstance(value, dict):
        return {key: resolve_references(item, context) for key, item in value.items()}
    if not isinstance(value, str) or "{{resolve:" not in value:
        return value
    return _REFERENCE.sub(lambda match: _look_up(match, context), value)


def _look_up(match: re.Match[str], context: ResourceContext) -> str:
    from botocore.exceptions import ClientError

    service, rest = match["service"], match["rest"]
    try:
        return _secret(rest, context) if service == "secretsmanager" else _parameter(rest, context)
    except ClientError as error:
        message = f"Could not find a value associated with {match.group()}: {error.response['Error']['Message']}"
        raise ResourceFailed(message) from error
    except KeyError as error:
        message = f"Could not find a value associated with JSONKey in SecretString: {match.group()}"
        raise ResourceFailed(message) from error


def _parameter(name: str, context: ResourceContext) -> str:
    found = context.client("ssm").get_parameter(Name=name, WithDecryption=True)
    return str(found["Parameter"]["Value"])


def _secret(rest: str, context: ResourceContext) -> str:
    parts = _SECRET.fullmatch(rest)
    if parts is None:
        message = f"Incorrect format is used in the dynamic reference secretsmanager:{rest}"
        raise ResourceFailed(message)
    which = {"SecretId": parts["id"]}
    if parts["stage"]:
        which["VersionStage"] = parts["stage"]
    if parts["version"]:
        which["VersionId"] = parts["version"]
    text = str(context.client("secretsmanager").get_secret_value(**which)["SecretString"])
    return str(json.loads(text)[parts["key"]]) if parts["key"] else text
