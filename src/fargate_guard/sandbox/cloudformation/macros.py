"""Transforms: macros are run as Lambda runs them, from their package, in a clean Python process.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-macros-author.html
"""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.errors import NotSimulated, Unfulfilled, ValidationFailed
from fargate_guard.sandbox.cloudformation.resources import invoke

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.sandbox.cloudformation.backend import StackBackend
    from fargate_guard.sandbox.cloudformation.parameters import Parameter
    from fargate_guard.sandbox.cloudformation.template import Template

Json = Any

LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"
INCLUDE = "AWS::Include"
INLINE = "Fn::Transform"
OF_PARAMETERS = frozenset({"Ref", "Fn::FindInMap", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::Sub"})
"""Functions that can be resolved before there is any resource."""


def transform_names(document: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the transforms that a template names, each once."""
    names = [each["Name"] for each in (*_inline(document), *_listed(document.get("Transform")))]
    return tuple(dict.fromkeys(names))


def expand(backend: StackBackend, template: Template, parameters: Mapping[str, Parameter]) -> Template:
    """Run the template's transforms: those within it first, then those of its Transform section, in their order.

    :raises Unfulfilled: when one fails or does not exist.
    """
    values = {key: parameter.resolved for key, parameter in parameters.items()}
    document = _expanded(backend, dict(template.document), values)
    for transform in _listed(document.pop("Transform", None)):
        document = _applied(backend, transform, document, values)
    if not isinstance(document, dict):
        message = "Template format error: unsupported structure."
        raise ValidationFailed(message)
    processed = json.dumps(document, separators=(",", ":"))
    return replace(template, document=document, processed=processed)


def _listed(transforms: Json) -> list[dict[str, Json]]:
    """Return the Transform section as a list of ``Name`` and ``Parameters``."""
    if transforms is None:
        return []
    each = transforms if isinstance(transforms, list) else [transforms]
    return [{"Name": one} if isinstance(one, str) else one for one in each]


def _inline(value: Json) -> Iterator[dict[str, Json]]:
    if isinstance(value, list):
        for item in value:
            yield from _inline(item)
    elif isinstance(value, dict):
        if isinstance(value.get(INLINE), dict):
            yield value[INLINE]
        for item in value.values():
            yield from _inline(item)


def _expanded(backend: StackBackend, value: Json, values: Mapping[str, Json]) -> Json:
    """Run the transforms within a value, the innermost first; one sees its siblings."""
    if isinstance(value, list):
        return [_expanded(backend, item, values) for item in value]
    if not isinstance(value, dict):
        return value
    expanded = {key: item if key == INLINE else _expanded(backend, item, values) for key, item in value.items()}
    transform = expanded.pop(INLINE, None)
    return expanded if transform is None else _applied(backend, transform, expanded, values)


def _applied(
    backend: StackBackend, transform: Mapping[str, Json], fragment: Json, values: Mapping[str, Json]
) -> Json:
    name = str(transform["Name"])
    if name == LANGUAGE_EXTENSIONS:
        if "Fn::ForEach::" in json.dumps(fragment):
            what = "Fn::ForEach"
            raise NotSimulated(what)
        return fragment
    if name == INCLUDE:
        return {**_included(backend, transform), **fragment}
    if name.startswith("AWS::"):
        what = f"the transform {name}"
        raise NotSimulated(what)
    return _run(backend, name, transform.get("Parameters") or {}, fragment, values)


def _included(backend: StackBackend, transform: Mapping[str, Json]) -> dict[str, Json]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-include.html."""
    from fargate_guard.sandbox.cloudformation.submission import text_at
    from fargate_guard.sandbox.cloudformation.template import parse_template

    location = str((transform.get("Parameters") or {}).get("Location", ""))
    if not location.startswith("s3://"):
        message = f"Transform {INCLUDE} failed with: The location parameter is not a valid S3 uri."
        raise Unfulfilled(message)
    return parse_template(text_at(backend, f"https://s3.amazonaws.com/{location.removeprefix('s3://')}"))


def _check_parameters(name: str, given: Mapping[str, Json]) -> None:
    """Refuse objects, and what only the stack's resources or other stacks tell.

    :raises Unfulfilled: in the words told in https://github.com/DataDog/datadog-cloudformation-macro/issues/25.
    """
    for key, value in given.items():
        if not all(map(_can_resolve, value if isinstance(value, list) else [value])):
            message = (
                f"The value of parameter {key} under transform {name} must resolve to a string, number, boolean"
                " or a list of any of these."
            )
            raise Unfulfilled(message)


def _can_resolve(value: Json) -> bool:
    if not isinstance(value, dict):
        return not isinstance(value, list) and value is not None
    return len(value) == 1 and next(iter(value)) in OF_PARAMETERS


def _run(
    backend: StackBackend, name: str, given: Mapping[str, Json], fragment: Json, values: Mapping[str, Json]
) -> Json:
    """Run one macro.

    :raises Unfulfilled: in the words of
        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-macros-author.html and
        https://repost.aws/knowledge-center/cfn-resolve-macro-errors.
    """
    transform_id = f"{backend.account_id}::{name}"
    macro = backend.macros.get(name)
    if macro is None:
        message = f"No transform named {transform_id} found."
        raise Unfulfilled(message)
    _check_parameters(name, given)
    request_id = str(uuid.uuid4())
    event = {
        "region": backend.region_name,
        "accountId": backend.account_id,
        "fragment": fragment,
        "transformId": transform_id,
        "params": dict(given),
        "requestId": request_id,
        "templateParameterValues": dict(values),
    }
    run = invoke(backend.account_id, backend.region_name, str(macro["FunctionName"]), event)
    answer = None if run is None or run.error is not None else run.payload
    if not isinstance(answer, dict) or answer.get("requestId") != request_id or "status" not in answer:
        message = f"Received malformed response from transform {transform_id}"
        raise Unfulfilled(message)
    if str(answer["status"]).lower() != "success":
        told = answer.get("errorMessage")
        how = f"failed with: {told}" if told else "failed without an error message."
        message = f"Transform {transform_id} {how}"
        raise Unfulfilled(message)
    if "fragment" not in answer:
        message = f"Received malformed response from transform {transform_id}"
        raise Unfulfilled(message)
    return answer["fragment"]
