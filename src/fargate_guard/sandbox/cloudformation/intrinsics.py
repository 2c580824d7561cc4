"""Intrinsic functions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

from __future__ import annotations

import base64
import ipaddress
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.errors import ValidationFailed
from fargate_guard.sandbox.cloudformation.references import PLACEHOLDER, get_att_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = Any

NO_VALUE = object()
"""What ``AWS::NoValue`` is, until the property that has it is left out."""
KNOWN_AFTER_APPLY = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""A value that a change set cannot know yet, as AWS writes it."""


@dataclass(frozen=True)
class Scope:
    """What functions can refer to."""

    parameters: Mapping[str, Json]
    """Values of parameters and pseudo parameters."""
    mappings: Mapping[str, Json]
    conditions: Mapping[str, bool]
    ref: Callable[[str], Json]
    """What ``Ref`` of a resource returns."""
    get_att: Callable[[str, str], Json]
    import_value: Callable[[str], Json]
    zones: Callable[[str], list[str]]
    """Availability Zones of a Region."""


def evaluate(value: Json, scope: Scope) -> Json:
    """Resolve every function in a value; properties that are ``AWS::NoValue`` disappear.

    :raises ValidationFailed: "Template error: …".
    """
    if isinstance(value, list):
        items = (evaluate(item, scope) for item in value)
        return [item for item in items if item is not NO_VALUE]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, argument),) = value.items()
        function = FUNCTIONS.get(name)
        if function is not None:
            return _called(name, function, argument, scope)
    resolved = {key: evaluate(item, scope) for key, item in value.items()}
    return {key: item for key, item in resolved.items() if item is not NO_VALUE}


def _called(name: str, function: Callable[[Json, Scope], Json], argument: Json, scope: Scope) -> Json:
    try:
        return function(argument, scope)
    except (LookupError, TypeError, ValueError) as error:
        message = f"Template error: every {name} object must be well-formed: {json.dumps(argument, default=str)}"
        raise ValidationFailed(message) from error


def evaluate_conditions(definitions: Mapping[str, Json], scope: Scope) -> dict[str, bool]:
    """Evaluate the Conditions section; conditions may use one another.

    :raises ValidationFailed: for circles and unknown conditions.
    """
    known: dict[str, bool] = {}

    def decide(name: str, trail: tuple[str, ...]) -> bool:
        if name in known:
            return known[name]
        if name not in definitions or name in trail:
            message = f"Template error: condition {name} is circular or undefined"
            raise ValidationFailed(message)
        known[name] = _condition(definitions[name], (*trail, name))
        return known[name]

    def _condition(value: Json, trail: tuple[str, ...]) -> bool:
        ((function, argument),) = value.items()
        if function == "Condition":
            return decide(argument, trail)
        if function in {"Fn::And", "Fn::Or", "Fn::Not"}:
            decided = [_condition(each, trail) for each in argument]
            return {"Fn::And": all(decided), "Fn::Or": any(decided), "Fn::Not": not decided[0]}[function]
        return bool(evaluate(value, scope))

    for name in definitions:
        decide(name, ())
    return known


def _ref(argument: Json, scope: Scope) -> Json:
    if argument == "AWS::NoValue":
        return NO_VALUE
    if argument in scope.parameters:
        return scope.parameters[argument]
    return scope.ref(argument)


def _get_att(argument: Json, scope: Scope) -> Json:
    name, attribute = get_att_parts(argument)
    return scope.get_att(name, evaluate(attribute, scope))


def _sub(argument: Json, scope: Scope) -> str:
    text, own = argument if isinstance(argument, list) else (argument, {})

    def replace(match: Any) -> str:
        name = match["name"].strip()
        if match["literal"]:
            return f"${{{name}}}"
        if name in own:
            return _text(evaluate(own[name], scope))
        logical_id, dot, attribute = name.partition(".")
        return _text(scope.get_att(logical_id, attribute) if dot else _ref(name, scope))

    return PLACEHOLDER.sub(replace, text)


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(_text(item) for item in value) if isinstance(value, list) else str(value)


def _join(argument: Json, scope: Scope) -> str:
    separator, items = argument
    values = evaluate(items, scope)
    if values == KNOWN_AFTER_APPLY:
        return KNOWN_AFTER_APPLY
    return str(separator).join(_text(value) for value in values)


def _split(argument: Json, scope: Scope) -> Json:
    separator, text = argument
    value = _text(evaluate(text, scope))
    return KNOWN_AFTER_APPLY if KNOWN_AFTER_APPLY in value else value.split(separator)


def _select(argument: Json, scope: Scope) -> Json:
    index = int(evaluate(argument[0], scope))
    items = evaluate(argument[1], scope)
    if items == KNOWN_AFTER_APPLY:
        return KNOWN_AFTER_APPLY
    if not 0 <= index < len(items):
        message = f"Template error: Fn::Select cannot select nonexistent value at index {index}"
        raise ValidationFailed(message)
    return items[index]


def _if(argument: Json, scope: Scope) -> Json:
    name, then, otherwise = argument
    return evaluate(then if scope.conditions[name] else otherwise, scope)


def _find_in_map(argument: Json, scope: Scope) -> Json:
    name, first, second = (evaluate(item, scope) for item in argument[:3])
    try:
        return scope.mappings[name][str(first)][str(second)]
    except KeyError:
        if len(argument) > 3 and "DefaultValue" in argument[3]:  # noqa: PLR2004 - with AWS::LanguageExtensions
            return evaluate(argument[3]["DefaultValue"], scope)
        message = f"Template error: Unable to get mapping for {name}::{first}::{second}"
        raise ValidationFailed(message) from None


def _cidr(argument: Json, scope: Scope) -> Json:
    block, count, *bits = evaluate(argument, scope)
    if block == KNOWN_AFTER_APPLY:
        return [KNOWN_AFTER_APPLY] * int(count)
    network = ipaddress.ip_network(block)
    subnets = network.subnets(new_prefix=network.max_prefixlen - int(bits[0] if bits else 8))
    return [str(subnet) for subnet, _ in zip(subnets, range(int(count)), strict=False)]


def _get_azs(argument: Json, scope: Scope) -> Json:
    return scope.zones(evaluate(argument, scope) or scope.parameters["AWS::Region"])


def _base64(argument: Json, scope: Scope) -> str:
    return base64.b64encode(_text(evaluate(argument, scope)).encode()).decode()


def _equals(argument: Json, scope: Scope) -> bool:
    left, right = evaluate(argument, scope)
    return _text(left) == _text(right)


FUNCTIONS: dict[str, Callable[[Json, Scope], Json]] = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::Split": _split,
    "Fn::Select": _select,
    "Fn::If": _if,
    "Fn::FindInMap": _find_in_map,
    "Fn::Cidr": _cidr,
    "Fn::GetAZs": _get_azs,
    "Fn::Base64": _base64,
    "Fn::ImportValue": lambda argument, scope: scope.import_value(_text(evaluate(argument, scope))),
    "Fn::Equals": _equals,
    "Fn::Length": lambda argument, scope: len(evaluate(argument, scope)),
    "Fn::ToJsonString": lambda argument, scope: json.dumps(evaluate(argument, scope), separators=(",", ":")),
}
