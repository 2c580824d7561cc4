"""An ``EntryPoint`` that a function gives as a whole: put the wrapper in front of it, and take it away again.

Only where the result is exact for whatever value is deployed. The elements of a comma-delimited list hold no
comma, and those of a split text not the delimiter, so joining and splitting loses nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef.recipes import INSTRUMENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.taskdef import Json

_COMMA_LISTS = (
    "CommaDelimitedList",
    "AWS::SSM::Parameter::Value<List<String>>",
    "AWS::SSM::Parameter::Value<CommaDelimitedList>",
)
_PAIR = 2


def with_wrapper(intrinsic: Json, template: Mapping[str, Json]) -> Json | None:
    """The list with the wrapper as its first element; None where that cannot be written exactly."""
    split = _pair(intrinsic, "Fn::Split")
    if split is not None:
        delimiter, source = split
        if (
            not isinstance(delimiter, str)
            or not delimiter
            or (INSTRUMENT + delimiter).find(delimiter) != len(INSTRUMENT)
        ):
            return None
        return {"Fn::Split": [delimiter, {"Fn::Join": ["", [f"{INSTRUMENT}{delimiter}", source]]}]}
    if is_comma_list(intrinsic, template):
        return {"Fn::Split": [",", {"Fn::Join": [",", [INSTRUMENT, {"Fn::Join": [",", intrinsic]}]]}]}
    return None


def without_wrapper(intrinsic: Json, template: Mapping[str, Json]) -> Json | None:
    """What :func:`with_wrapper` was given; None for what it did not make."""
    split = _pair(intrinsic, "Fn::Split")
    join = _pair(split[1], "Fn::Join") if split is not None else None
    if split is None or join is None or not isinstance(join[1], list) or len(join[1]) != _PAIR:
        return None
    delimiter, (first, source) = split[0], join[1]
    if join[0] == "" and isinstance(delimiter, str) and first == f"{INSTRUMENT}{delimiter}":
        return {"Fn::Split": [delimiter, source]}
    whole = _pair(source, "Fn::Join")
    if first != INSTRUMENT or not delimiter == join[0] == "," or whole is None or whole[0] != ",":
        return None
    return whole[1] if is_comma_list(whole[1], template) else None


def is_comma_list(intrinsic: Json, template: Mapping[str, Json]) -> bool:
    """Whether an intrinsic is a ``Ref`` to a parameter that holds a comma-delimited list."""
    name = intrinsic.get("Ref") if isinstance(intrinsic, dict) and len(intrinsic) == 1 else None
    parameters = template.get("Parameters")
    parameter = parameters.get(name) if isinstance(parameters, dict) and isinstance(name, str) else None
    return isinstance(parameter, dict) and parameter.get("Type") in _COMMA_LISTS


def _pair(value: Json, function: str) -> list[Json] | None:
    argument = value.get(function) if isinstance(value, dict) and len(value) == 1 else None
    return argument if isinstance(argument, list) and len(argument) == _PAIR else None
