"""Transforms: macros are run as Lambda runs them, from their package, in a clean Python process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.backend import StackBackend
    from fargate_guard.sandbox.cloudformation.parameters import Parameter
    from fargate_guard.sandbox.cloudformation.template import Template

Json = Any


def transform_names(document: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the transforms that a template names."""
    return ()


def expand(backend: StackBackend, template: Template, parameters: Mapping[str, Parameter]) -> Template:
    """Run the template's transforms."""
    return template
