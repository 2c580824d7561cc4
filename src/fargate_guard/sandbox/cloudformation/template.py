"""Templates: read from text, and checked for what CloudFormation refuses at once."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]

from fargate_guard.sandbox.cloudformation.errors import ValidationFailed
from fargate_guard.sandbox.cloudformation.references import references

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Json = Any

SECTIONS = frozenset(
    {
        *("AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings", "Conditions"),
        *("Transform", "Resources", "Outputs", "Rules", "Hooks", "Globals"),
    }
)
RESOURCE_MEMBERS = frozenset(
    {
        *("Type", "Properties", "DependsOn", "Condition", "Metadata", "DeletionPolicy", "UpdateReplacePolicy"),
        *("CreationPolicy", "UpdatePolicy", "Version"),
    }
)
PSEUDO_PARAMETERS = frozenset(
    {
        *("AWS::AccountId", "AWS::NotificationARNs", "AWS::NoValue", "AWS::Partition", "AWS::Region"),
        *("AWS::StackId", "AWS::StackName", "AWS::URLSuffix"),
    }
)
_PLAIN_TAGS = ("Ref", "Condition")


@dataclass(frozen=True)
class Template:
    """A template, as given and as read."""

    text: str
    document: Mapping[str, Json]
    processed: str = ""
    """The text after macros; the same as ``text`` without any."""
    transforms: tuple[str, ...] = field(default=())

    def section(self, name: str) -> Mapping[str, Json]:
        """Return a section that is an object."""
        found = self.document.get(name) or {}
        if not isinstance(found, dict):
            message = f"Template format error: {name} must be an object."
            raise ValidationFailed(message)
        return found

    @property
    def resources(self) -> Mapping[str, Json]:
        """Resources by logical ID, before conditions."""
        return self.section("Resources")


def parse_template(text: str) -> dict[str, Json]:
    """Read JSON or YAML.

    :raises ValidationFailed: "Template format error: …".
    """
    try:
        document = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except json.JSONDecodeError as error:
        where = f"(line {error.lineno}, column {error.colno})"
        message = f"Template format error: JSON not well-formed. {where}"
        raise ValidationFailed(message) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        message = f"Template format error: YAML not well-formed.{where}"
        raise ValidationFailed(message) from error
    if not isinstance(document, dict):
        message = "Template format error: unsupported structure."
        raise ValidationFailed(message)
    return document


def check_template(template: Template) -> None:
    """Refuse what CloudFormation refuses before it looks at parameters.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
    """
    unknown = [name for name in template.document if name not in SECTIONS]
    if unknown:
        message = f"Invalid template property or properties [{', '.join(unknown)}]"
        raise ValidationFailed(message)
    if not template.resources:
        message = "Template format error: At least one Resources member must be defined."
        raise ValidationFailed(message)
    for logical_id, resource in template.resources.items():
        _check_resource(logical_id, resource)
    _check_references(template)


def _check_resource(logical_id: str, resource: Json) -> None:
    if not re.fullmatch(r"[A-Za-z0-9]+", logical_id):
        message = f"Template format error: Resource name {logical_id} is non alphanumeric."
        raise ValidationFailed(message)
    if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
        where = f"[/Resources/{logical_id}]"
        message = f"Template format error: {where} Every Resources object must contain a Type member."
        raise ValidationFailed(message)
    unknown = sorted(set(resource) - RESOURCE_MEMBERS)
    if unknown:
        message = f"Invalid template resource property '{unknown[0]}'"
        raise ValidationFailed(message)


def _check_references(template: Template) -> None:
    parameters = set(template.section("Parameters"))
    names = parameters | set(template.resources) | PSEUDO_PARAMETERS
    missing = [
        name
        for resource in template.resources.values()
        for name in (*_referenced(resource), *depends_on(resource))
        if name not in names
    ]
    _refuse_unresolved(missing, "resource dependencies", "Resources")
    outputs = [name for name in _referenced(template.section("Outputs")) if name not in names]
    _refuse_unresolved(outputs, "resource dependencies", "Outputs")
    conditions = template.section("Conditions")
    unknown = [name for name in _referenced(conditions) if name not in parameters | PSEUDO_PARAMETERS]
    if unknown:
        listed = ", ".join(dict.fromkeys(unknown))
        message = (
            f"Template format error: Unresolved dependencies [{listed}]. "
            "Cannot reference resources in the Conditions block of the template"
        )
        raise ValidationFailed(message)
    for block in ("Resources", "Outputs"):
        for name in _conditions_of(template.section(block)):
            if name not in conditions:
                message = (
                    f"Template format error: Unresolved condition dependency {name} in the {block} block of "
                    "the template"
                )
                raise ValidationFailed(message)


def _refuse_unresolved(missing: list[str], what: str, block: str) -> None:
    if missing:
        listed = ", ".join(dict.fromkeys(missing))
        message = f"Template format error: Unresolved {what} [{listed}] in the {block} block of the template"
        raise ValidationFailed(message)


def _referenced(value: Json) -> Iterator[str]:
    for reference in references(value):
        yield reference.name


def _conditions_of(section: Mapping[str, Json]) -> Iterator[str]:
    for member in section.values():
        if isinstance(member, dict) and isinstance(member.get("Condition"), str):
            yield member["Condition"]
        yield from _used_in_if(member)


def _used_in_if(value: Json) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _used_in_if(item)
    elif isinstance(value, dict):
        choice = value.get("Fn::If")
        if isinstance(choice, list) and choice and isinstance(choice[0], str):
            yield choice[0]
        for item in value.values():
            yield from _used_in_if(item)


def depends_on(resource: Mapping[str, Json]) -> list[str]:
    """Return the logical IDs in a resource's DependsOn."""
    found = resource.get("DependsOn") or []
    return [found] if isinstance(found, str) else list(found)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML with CloudFormation's short forms.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
    """


def _short_form(loader: Any, suffix: str, node: Any) -> Json:
    if isinstance(node, yaml.ScalarNode):
        value: Json = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in _PLAIN_TAGS else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))
