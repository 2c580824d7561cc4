"""What AWS's schemas say about each type's properties.

``schemas.json`` is an extract of the schemas that CloudFormation publishes
(https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html).
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resource_type import ResourceFailed

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Schema:
    """The properties of one type."""

    properties: frozenset[str]
    """All that a template may set."""
    required: frozenset[str]
    create_only: frozenset[str]
    """Those whose page says "Update requires: Replacement"."""
    system_tags: bool
    """Whether resources get the stack's ``aws:cloudformation:`` tags."""

    def check(self, properties: Mapping[str, Any], logical_id: str) -> None:
        """Refuse what the type does not have, and that something required is missing.

        :raises ResourceFailed: in CloudFormation's words.
        """
        problems = [f"#: required key [{key}] not found" for key in sorted(self.required - properties.keys())]
        problems += [
            f"#: extraneous key [{key}] is not permitted" for key in sorted(properties.keys() - self.properties)
        ]
        if problems:
            raise invalid(logical_id, "\n".join(problems))


def invalid(logical_id: str, problem: str) -> ResourceFailed:
    """Return the failure of a resource whose properties are not those of its type."""
    return ResourceFailed(f"Properties validation failed for resource {logical_id} with message:\n{problem}")


@functools.cache
def _document() -> dict[str, dict[str, Any]]:
    text = Path(__file__).with_name("schemas.json").read_text(encoding="utf-8")
    document: dict[str, dict[str, Any]] = json.loads(text)
    return document


@functools.cache
def schema_of(type_name: str) -> Schema:
    """Return the schema of a type that the sandbox simulates.

    :raises KeyError: for any other.
    """
    entry = _document()[type_name]
    return Schema(
        properties=frozenset(entry["properties"]),
        required=frozenset(entry["required"]),
        create_only=frozenset(entry["createOnly"]),
        system_tags=entry["systemTags"],
    )
