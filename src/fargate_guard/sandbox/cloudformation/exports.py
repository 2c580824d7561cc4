"""Which exports a template imports; what is imported can neither be changed nor deleted.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-importvalue.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.errors import ValidationFailed
from fargate_guard.sandbox.cloudformation.intrinsics import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.sandbox.cloudformation.target import Target

Json = Any


def imported_names(target: Target) -> set[str]:
    """Return the names in a template's ``Fn::ImportValue``."""
    scope = target.scope(lambda name: name, lambda name, _: name)
    names = set()
    for argument in _import_arguments([*target.resources.values(), target.template.section("Outputs")]):
        try:
            names.add(str(evaluate(argument, scope)))
        except (ValidationFailed, KeyError):
            continue
    return names


def _import_arguments(value: Json) -> Iterator[Json]:
    if isinstance(value, list):
        for item in value:
            yield from _import_arguments(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Fn::ImportValue":
                yield item
            else:
                yield from _import_arguments(item)
