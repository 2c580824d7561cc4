"""Which resources and parameters a value names, by ``Ref``, ``Fn::GetAtt`` and ``Fn::Sub``.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-ref.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getatt.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-sub.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html

``${!Literal}`` names nothing, and of ``Fn::If`` only the branch counts that is taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Json = Any

PLACEHOLDER = re.compile(r"\$\{(?P<literal>!)?(?P<name>[^}]*)\}")


@dataclass(frozen=True)
class Reference:
    """One name that a value uses."""

    name: str
    """Logical ID of a resource, or a parameter."""
    attribute: str | None = None
    """With ``Fn::GetAtt``."""


def references(value: Json, conditions: Mapping[str, bool] | None = None) -> Iterator[Reference]:
    """Iterate over what a value names.

    :param conditions: leave out branches of ``Fn::If`` that are not taken; None follows both.
    """
    if isinstance(value, list):
        for item in value:
            yield from references(item, conditions)
    elif isinstance(value, dict):
        if len(value) == 1:
            ((function, argument),) = value.items()
            found = _named_by(function, argument, conditions)
            if found is not None:
                yield from found
                return
        for item in value.values():
            yield from references(item, conditions)


def _named_by(function: str, argument: Json, conditions: Mapping[str, bool] | None) -> Iterator[Reference] | None:
    if function == "Ref" and isinstance(argument, str):
        return iter([Reference(argument)])
    if function == "Fn::GetAtt":
        return _get_att(argument, conditions)
    if function == "Fn::Sub":
        return _sub(argument, conditions)
    if function == "Fn::If" and conditions is not None and isinstance(argument, list) and len(argument) == 3:  # noqa: PLR2004 - condition, then, else
        taken = argument[1] if conditions.get(argument[0]) else argument[2]
        return references(taken, conditions)
    return None


def get_att_parts(argument: Json) -> tuple[str, Json]:
    """Return logical ID and attribute of an ``Fn::GetAtt``."""
    if isinstance(argument, str):
        name, _, attribute = argument.partition(".")
        return name, attribute
    return str(argument[0]), argument[1] if len(argument) == 2 else ".".join(argument[1:])  # noqa: PLR2004


def _get_att(argument: Json, conditions: Mapping[str, bool] | None) -> Iterator[Reference]:
    name, attribute = get_att_parts(argument)
    yield Reference(name, attribute if isinstance(attribute, str) else "*")
    yield from references(attribute, conditions)


def _sub(argument: Json, conditions: Mapping[str, bool] | None) -> Iterator[Reference]:
    text, own = argument if isinstance(argument, list) else (argument, {})
    yield from references(own, conditions)
    for match in PLACEHOLDER.finditer(text):
        name = match["name"].strip()
        if match["literal"] or name in own:
            continue
        logical_id, dot, attribute = name.partition(".")
        yield Reference(logical_id, attribute if dot else None)
