"""What a document is that holds no container definitions, and what to do instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef.errors import NotATaskDefinitionError

if TYPE_CHECKING:
    from fargate_guard.taskdef.fields import Json


def is_template(value: Json) -> bool:
    """Whether a document is a CloudFormation (or SAM) template: resources with a type each."""
    resources = value.get("Resources") if isinstance(value, dict) else None
    if not isinstance(resources, dict):
        return False
    if "AWSTemplateFormatVersion" in value or "Transform" in value or not resources:
        return True
    return any(
        str(name).startswith("Fn::") or (isinstance(resource, dict) and isinstance(resource.get("Type"), str))
        for name, resource in resources.items()
    )


def refuse_other_languages(text: str) -> None:
    """Refuse a text that is neither JSON nor YAML but known.

    :raises NotATaskDefinitionError: it is Terraform's language.
    """
    if 'resource "aws_ecs_task_definition"' in text:
        raise NotATaskDefinitionError(
            "this is Terraform, not a task definition",
            fix="instrument the container definitions inside Terraform with its external data source: "
            "fguard instrument --format terraform-external",
        )
