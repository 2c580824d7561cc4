"""From a request to what a stack is to be: template, parameters, tags, capabilities."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from fargate_guard.sandbox.cloudformation.capabilities import check_capabilities, check_transform_capability
from fargate_guard.sandbox.cloudformation.errors import ValidationFailed
from fargate_guard.sandbox.cloudformation.macros import expand, transform_names
from fargate_guard.sandbox.cloudformation.parameter_lookup import check_existence
from fargate_guard.sandbox.cloudformation.parameters import resolve_parameters
from fargate_guard.sandbox.cloudformation.target import Surround, Target, make_target
from fargate_guard.sandbox.cloudformation.template import Template, check_template, parse_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.backend import StackBackend
    from fargate_guard.sandbox.cloudformation.stack import Stack

Json = Any

MOST_BODY_BYTES = 51_200
MOST_URL_BYTES = 1_000_000
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
_VIRTUAL_HOST = re.compile(r"(?P<bucket>[a-z0-9.-]+?)\.s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com(?:\.cn)?")
BOTH = "You cannot specify both usePreviousTemplate and Template Body/Template URL."
NEITHER = "Either Template URL or Template Body must be specified."


def template_text(backend: StackBackend, request: Mapping[str, Json], stack: Stack | None = None) -> str:
    """Return the template that a request gives.

    :raises ValidationFailed: when it is missing, too large or not there.
    """
    body, url = request.get("TemplateBody"), request.get("TemplateURL")
    if request.get("UsePreviousTemplate"):
        if body or url:
            raise ValidationFailed(BOTH)
        if stack is None or stack.target is None:
            raise ValidationFailed(NEITHER)
        return stack.target.template.text
    if body is not None:
        if len(body.encode()) > MOST_BODY_BYTES:
            message = (
                f"1 validation error detected: Value '{body[:40]}…' at 'templateBody' failed to satisfy "
                f"constraint: Member must have length less than or equal to {MOST_BODY_BYTES}"
            )
            raise ValidationFailed(message)
        return str(body)
    if url is None:
        raise ValidationFailed(NEITHER)
    return text_at(backend, url)


def text_at(backend: StackBackend, url: str) -> str:
    """Read a template from the sandbox's S3.

    :raises ValidationFailed: in CloudFormation's words.
    """
    from botocore.exceptions import ClientError

    bucket, key = _bucket_and_key(url)
    try:
        body = backend.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        message = f"S3 error: {error.response['Error'].get('Message', 'Access Denied')}"
        raise ValidationFailed(message) from error
    if len(body) > MOST_URL_BYTES:
        message = f"Template may not exceed {MOST_URL_BYTES} bytes in size."
        raise ValidationFailed(message)
    return str(body.decode())


def _bucket_and_key(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    path = unquote(parts.path).lstrip("/")
    match = _VIRTUAL_HOST.fullmatch(parts.hostname or "")
    if match and path:
        return match["bucket"], path
    bucket, _, key = path.partition("/")
    if parts.scheme not in {"http", "https"} or not key:
        message = "TemplateURL must be a supported URL."
        raise ValidationFailed(message)
    return bucket, key


def submitted_target(
    backend: StackBackend,
    request: Mapping[str, Json],
    stack: Stack,
    text: str,
    *,
    expanding: bool = True,
    in_change_set: bool = False,
) -> Target:
    """Put together what the stack is to be.

    :param in_change_set: macros need no capability then, since their result can be looked at.
    :raises ValidationFailed: when the request is refused.
    :raises InsufficientCapabilities: when an acknowledgement is missing.
    :raises Unfulfilled: when a macro fails or a parameter's value is not there.
    """
    document = parse_template(text)
    transforms = transform_names(document)
    capabilities = tuple(request.get("Capabilities") or ())
    template = Template(text, document, text, transforms)
    if not transforms:
        check_template(template)
    parameters = resolve_parameters(
        template.section("Parameters"), request.get("Parameters") or [], stack.parameters, backend.ssm_value
    )
    check_existence(parameters, backend.client)
    if transforms:
        if not in_change_set:
            check_transform_capability(capabilities)
        if expanding:
            template = expand(backend, template, parameters)
    _check_types(backend, template, stack)
    check_capabilities(template, capabilities)
    surround = Surround(backend.exported_value, backend.zones)
    tags = _tags(request, stack)
    return make_target(template, parameters, tags, backend.pseudo_parameters(stack), surround, capabilities)


def _check_types(backend: StackBackend, template: Template, stack: Stack) -> None:
    """Refuse types that do not exist, and a new type for a resource that is there."""
    changed = []
    for logical_id, resource in template.resources.items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            continue
        backend.type_of(resource["Type"])
        existing = stack.resources.get(logical_id)
        if existing is not None and existing.type != resource["Type"]:
            changed.append(logical_id)
    if changed:
        message = (
            "Update of resource type is not permitted. The new template modifies resource type of the following "
            f"resources: [{', '.join(changed)}]"
        )
        raise ValidationFailed(message)


def _tags(request: Mapping[str, Json], stack: Stack) -> dict[str, str]:
    """An update without tags keeps the stack's; an empty list takes them away."""
    if request.get("Tags") is None:
        return dict(stack.target.tags) if stack.target is not None else {}
    return {tag["Key"]: tag["Value"] for tag in request["Tags"]}
