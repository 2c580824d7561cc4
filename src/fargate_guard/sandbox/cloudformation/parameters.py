"""Parameters: from what a request gives to the values that functions see.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.errors import ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Json = Any

SSM_VALUE = re.compile(r"AWS::SSM::Parameter::Value<(?P<inner>.+)>")
MASKED = "****"


@dataclass(frozen=True)
class Parameter:
    """A parameter of a stack, with its value."""

    key: str
    type: str
    value: str
    """As given, or the default; of an SSM parameter its name."""
    resolved: Json
    """What ``Ref`` returns: a string, or a list of strings."""
    no_echo: bool = False

    @property
    def is_ssm(self) -> bool:
        """Whether the value comes from the Parameter Store."""
        return SSM_VALUE.fullmatch(self.type) is not None

    def described(self) -> dict[str, Json]:
        """Return the parameter as DescribeStacks shows it."""
        shown = {"ParameterKey": self.key, "ParameterValue": MASKED if self.no_echo else self.value}
        if self.is_ssm:
            resolved = ",".join(self.resolved) if isinstance(self.resolved, list) else self.resolved
            shown["ResolvedValue"] = MASKED if self.no_echo else resolved
        return shown


def resolve_parameters(
    declared: Mapping[str, Json],
    given: Iterable[Mapping[str, Json]],
    previous: Mapping[str, Parameter],
    look_up: Callable[[str], str],
) -> dict[str, Parameter]:
    """Give every declared parameter its value.

    :param given: the request's ``Parameters``.
    :param previous: the stack's present parameters, for ``UsePreviousValue``.
    :param look_up: finds an SSM parameter's value.
    :raises ValidationFailed: in CloudFormation's words.
    """
    values = _given_values(declared, given, previous)
    for key, declaration in declared.items():
        if key not in values and "Default" in declaration:
            values[key] = _plain(declaration["Default"])
    missing = [key for key in declared if key not in values]
    if missing:
        message = f"Parameters: [{', '.join(missing)}] must have values"
        raise ValidationFailed(message)
    return {key: _parameter(key, declared[key], values[key], look_up) for key in declared}


def _given_values(
    declared: Mapping[str, Json], given: Iterable[Mapping[str, Json]], previous: Mapping[str, Parameter]
) -> dict[str, str]:
    values: dict[str, str] = {}
    unknown = []
    for entry in given:
        key = entry["ParameterKey"]
        if key not in declared:
            unknown.append(key)
        elif entry.get("UsePreviousValue"):
            if key not in previous:
                message = (
                    f"Invalid input for parameter key {key}. Cannot specify usePreviousValue as true for a "
                    "parameter key not in the previous template"
                )
                raise ValidationFailed(message)
            values[key] = previous[key].value
        elif entry.get("ParameterValue") is not None:
            values[key] = entry["ParameterValue"]
    if unknown:
        message = f"Parameters: [{', '.join(unknown)}] do not exist in the template"
        raise ValidationFailed(message)
    return values


def _plain(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _parameter(key: str, declaration: Mapping[str, Json], value: str, look_up: Callable[[str], str]) -> Parameter:
    kind = declaration.get("Type", "String")
    _check(key, declaration, value, kind)
    match = SSM_VALUE.fullmatch(kind)
    resolved: Json = look_up(value) if match else value
    kind_of_value = match["inner"] if match else kind
    if kind_of_value == "CommaDelimitedList" or kind_of_value.startswith("List<"):
        resolved = [item.strip() for item in resolved.split(",")] if resolved else []
    no_echo = str(declaration.get("NoEcho", False)).lower() == "true"
    return Parameter(key, kind, value, resolved, no_echo)


def _check(key: str, declaration: Mapping[str, Json], value: str, kind: str) -> None:
    """Constraints; a ConstraintDescription replaces AWS's own words."""
    items = value.split(",") if kind == "CommaDelimitedList" or kind.startswith("List<") else [value]
    for item in items:
        problem = _problem(declaration, item.strip() if len(items) > 1 else item, kind)
        if problem is None:
            continue
        described = declaration.get("ConstraintDescription")
        if described:
            message = f"Parameter {key} failed to satisfy constraint: {described}"
        else:
            message = f"Parameter '{key}' {problem}"
        raise ValidationFailed(message)


def _problem(declaration: Mapping[str, Json], value: str, kind: str) -> str | None:
    allowed = declaration.get("AllowedValues")
    if allowed is not None and value not in [_plain(one) for one in allowed]:
        return "must be one of AllowedValues"
    pattern = declaration.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(pattern, value):
        return f"must match pattern {pattern}"
    if "MinLength" in declaration and len(value) < int(declaration["MinLength"]):
        return f"must contain at least {declaration['MinLength']} characters"
    if "MaxLength" in declaration and len(value) > int(declaration["MaxLength"]):
        return f"must contain at most {declaration['MaxLength']} characters"
    return _number_problem(declaration, value) if kind in {"Number", "List<Number>"} else None


def _number_problem(declaration: Mapping[str, Json], value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return "must be a number"
    if "MinValue" in declaration and number < float(declaration["MinValue"]):
        return f"must be a number not less than {declaration['MinValue']}"
    if "MaxValue" in declaration and number > float(declaration["MaxValue"]):
        return f"must be a number not greater than {declaration['MaxValue']}"
    return None
