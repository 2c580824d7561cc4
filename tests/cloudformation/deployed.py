"""What CloudFormation makes of a template: an evaluator of its own, to hold results against."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

NOTHING = object()
"""What ``AWS::NoValue`` gives."""


def deployed(template: dict[str, Any], parameters: dict[str, Any], logical_id: str = "Task") -> dict[str, Any]:
    """The properties of a resource as they reach ECS when these parameter values are deployed."""
    properties = _Stack(template, parameters).value(template["Resources"][logical_id]["Properties"])
    assert isinstance(properties, dict)
    return properties


def exists(template: dict[str, Any], parameters: dict[str, Any], logical_id: str = "Task") -> bool:
    """Whether the resource is deployed at all."""
    condition = template["Resources"][logical_id].get("Condition")
    return condition is None or _Stack(template, parameters).condition({"Condition": condition})


def without_unreachable(template: dict[str, Any], states: list[dict[str, Any]], value: Any) -> Any:
    """The value without branches that no state reaches, of which cfn-lint warns."""
    if isinstance(value, list):
        return [without_unreachable(template, states, item) for item in value]
    if not isinstance(value, dict):
        return value
    if list(value) != ["Fn::If"]:
        return {key: without_unreachable(template, states, item) for key, item in value.items()}
    condition, *branches = value["Fn::If"]
    holds = [_Stack(template, state).condition({"Condition": condition}) for state in states]
    sides = [[state for state, held in zip(states, holds, strict=True) if held is side] for side in (True, False)]
    parts = [without_unreachable(template, s, b) for s, b in zip(sides, branches, strict=True) if s]
    return {"Fn::If": [condition, *parts]} if all(sides) else parts[0]


class _Stack:
    def __init__(self, template: dict[str, Any], parameters: dict[str, Any]) -> None:
        defaults = {name: one.get("Default") for name, one in template.get("Parameters", {}).items()}
        self.template, self.parameters = template, {**defaults, **parameters}

    def value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self.value, value) if item is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self.function(function, argument)
        return {key: item for key, raw in value.items() if (item := self.value(raw)) is not NOTHING}

    def function(self, name: str, argument: Any) -> Any:
        functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self.ref,
            "Fn::If": lambda a: self.value(a[1 if self.condition({"Condition": a[0]}) else 2]),
            "Fn::GetAtt": lambda a: f"arn:{'.'.join(a)}",
            "Fn::Sub": self.sub,
            "Fn::Join": lambda a: a[0].join(map(str, self.value(a[1]))),
            "Fn::Split": lambda a: self.value(a[1]).split(a[0]),
            "Fn::Select": lambda a: self.value(a[1])[int(a[0])],
            "Fn::FindInMap": self.find_in_map,
        }
        return functions[name](argument)

    def sub(self, argument: Any) -> str:
        pattern, own = argument if isinstance(argument, list) else (argument, {})
        own = {key: self.value(item) for key, item in own.items()}
        return re.sub(r"\$\{([^!}]*)\}", lambda m: str(own[m[1]] if m[1] in own else self.ref(m[1])), pattern)

    def find_in_map(self, argument: Any) -> Any:
        first, second, third = map(self.value, argument)
        return self.template["Mappings"][first][second][third]

    def ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NOTHING
        if name.startswith("AWS::"):
            return {"AWS::Region": "us-east-1", "AWS::AccountId": "123456789012"}[name]
        value = self.parameters[name]
        if self.template["Parameters"][name]["Type"] == "CommaDelimitedList":
            return [part.strip() for part in value.split(",")]
        return value

    def condition(self, expression: dict[str, Any]) -> bool:
        ((function, argument),) = expression.items()
        match function:
            case "Condition":
                return self.condition(self.template["Conditions"][argument])
            case "Fn::Equals":
                return bool(self.value(argument[0]) == self.value(argument[1]))
            case "Fn::Not":
                return not self.condition(argument[0])
            case "Fn::And":
                return all(map(self.condition, argument))
            case "Fn::Or":
                return any(map(self.condition, argument))
        raise AssertionError(function)
