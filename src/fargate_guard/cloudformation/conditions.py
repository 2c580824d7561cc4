"""How the conditions of a template can come out together.

A condition that a parameter's default decides is not decided: another value may be deployed. What cannot be is
left out: ``IsProd`` and ``Not IsProd`` at once, or one parameter equal to two texts.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html
"""

from __future__ import annotations

import json
import re
from itertools import islice, product
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fargate_guard.taskdef import Json

Assignment = dict[str, bool]
"""How each condition came out."""

_MOST_COMBINATIONS = 4096
"""Of values tried to find out what can be; with more, every condition counts as independent."""

_MAX_DEPTH = 30
_PAIR = 2
_OTHER = "\0other"
"""Any value that no condition names."""


class _Inputs:
    """What conditions depend on, with the values that make a difference."""

    def __init__(self) -> None:
        self.values: dict[str, list[str]] = {}
        self.closed: dict[str, list[str]] = {}
        """All values of inputs that have no others (``AllowedValues``), also where no condition looks at them."""

    def add(self, name: str, value: str) -> None:
        known = self.values.setdefault(name, self.closed.get(name) or [_OTHER])
        if value not in known and name not in self.closed:
            known.append(value)

    def states(self) -> list[dict[str, str]] | None:
        """Every combination of their values; None when there are too many."""
        if prod(len(values) for values in self.values.values()) > _MOST_COMBINATIONS:
            return None
        return [dict(zip(self.values, combination, strict=True)) for combination in product(*self.values.values())]


def assignments(template: Mapping[str, Json], names: Sequence[str]) -> list[Assignment]:
    """Every way in which the named conditions can come out together, all true first.

    A condition that is not defined, or is written in a way not known here, may come out either way. Not more than
    4096 ways are returned.
    """
    definitions = template.get("Conditions")
    conditions = definitions if isinstance(definitions, dict) else {}
    inputs = _Inputs()
    _allowed_values(template, inputs)
    for name in names:
        _collect({"Condition": name}, conditions, inputs, 0)
    states = inputs.states()
    if states is None:
        outcomes = islice(product((True, False), repeat=len(names)), _MOST_COMBINATIONS)
        return [dict(zip(names, outcome, strict=True)) for outcome in outcomes]
    found = {tuple(_holds({"Condition": name}, conditions, state, 0) for name in names) for state in states}
    return [dict(zip(names, outcome, strict=True)) for outcome in sorted(found, reverse=True)]


def impossible_values(
    template: Mapping[str, Json], given: Mapping[str, str], outcome: Assignment
) -> frozenset[str]:
    """The parameters that cannot have the given value, or else their default, where conditions come out like this.

    Each condition is asked by itself; one that looks at a parameter in a way not known here speaks against its
    value, too.
    """
    definitions, parameters = template.get("Conditions"), template.get("Parameters")
    if not isinstance(definitions, dict) or not isinstance(parameters, dict):
        return frozenset()
    defaults = {name: one.get("Default") for name, one in parameters.items() if isinstance(one, dict)}
    return frozenset(
        name
        for name, value in {**defaults, **given}.items()
        if value is not None
        for condition, wanted in outcome.items()
        if _rules_out(condition, definitions, name, _plain(value), wanted=wanted)
    )


def _rules_out(
    condition: str, definitions: Mapping[str, Json], parameter: str, value: str, *, wanted: bool
) -> bool:
    inputs, key = _Inputs(), _key({"Ref": parameter})
    _collect({"Condition": condition}, definitions, inputs, 0)
    if any(other != key and re.search(rf"\b{re.escape(parameter)}\b", other) for other in inputs.values):
        return True
    if key not in inputs.values:
        return False
    inputs.values[key] = [value]
    states = inputs.states()
    return states is None or not any(
        _holds({"Condition": condition}, definitions, state, 0) is wanted for state in states
    )


def _allowed_values(template: Mapping[str, Json], inputs: _Inputs) -> None:
    parameters = template.get("Parameters")
    for name, parameter in parameters.items() if isinstance(parameters, dict) else ():
        allowed = parameter.get("AllowedValues") if isinstance(parameter, dict) else None
        if isinstance(allowed, list) and allowed and all(isinstance(value, (str, int)) for value in allowed):
            inputs.closed[_key({"Ref": name})] = [_plain(value) for value in allowed]


def _collect(expression: Json, conditions: Mapping[str, Json], inputs: _Inputs, depth: int) -> None:
    nested = _nested(expression, conditions, depth)
    if nested is not None:
        for item in nested:
            _collect(item, conditions, inputs, depth + 1)
        return
    compared = _compared(expression)
    if compared is None:
        inputs.add(_key(expression), "true")
    elif isinstance(compared, tuple):
        inputs.add(*compared)


def _holds(expression: Json, conditions: Mapping[str, Json], state: Mapping[str, str], depth: int) -> bool:
    nested = _nested(expression, conditions, depth)
    if nested is not None:
        outcomes = (_holds(item, conditions, state, depth + 1) for item in nested)
        function = next(iter(expression))
        return (
            not next(outcomes)
            if function == "Fn::Not"
            else any(outcomes)
            if function == "Fn::Or"
            else all(outcomes)
        )
    compared = _compared(expression)
    if isinstance(compared, bool):
        return compared
    name, value = compared or (_key(expression), "true")
    return state[name] == value


def _nested(expression: Json, conditions: Mapping[str, Json], depth: int) -> list[Json] | None:
    """The conditions that a condition is made of; None for one that stands by itself."""
    if not isinstance(expression, dict) or len(expression) != 1 or depth > _MAX_DEPTH:
        return None
    ((function, argument),) = expression.items()
    if function == "Condition" and isinstance(argument, str):
        return [conditions[argument]] if argument in conditions else None
    if function in ("Fn::And", "Fn::Or") or (
        function == "Fn::Not" and isinstance(argument, list) and len(argument) == 1
    ):
        return argument if isinstance(argument, list) and argument else None
    return None


def _compared(expression: Json) -> tuple[str, str] | bool | None:
    """What ``Fn::Equals`` compares with what text; its outcome where both are texts; None for anything else."""
    pair = expression.get("Fn::Equals") if isinstance(expression, dict) and len(expression) == 1 else None
    if not isinstance(pair, list) or len(pair) != _PAIR:
        return None
    first, second = pair
    if isinstance(first, (dict, list)) and isinstance(second, (dict, list)):
        return (_key(sorted(map(_key, pair))), "true")
    if isinstance(first, (dict, list)):
        return (_key(first), _plain(second))
    if isinstance(second, (dict, list)):
        return (_key(second), _plain(first))
    return _plain(first) == _plain(second)


def _plain(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _key(value: Json) -> str:
    return json.dumps(value, sort_keys=True, default=str)
