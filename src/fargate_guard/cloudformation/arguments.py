"""An ``EntryPoint`` that a function gives as a whole: put the wrapper in front of it, and take it away again.

Only where the result is exact for whatever value is deployed. The elements of a comma-delimited list hold no
comma, those of a split text not the delimiter, and what a mapping holds can be seen, so joining and splitting loses
nothing.
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
_BETWEEN = "<fguard>"
"""Between the elements of a list that a mapping holds, while the wrapper is put in front of them."""
_PAIR = 2
_STEPS_IN_MAPPINGS = 3


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
    delimiter = "," if is_comma_list(intrinsic, template) else _BETWEEN
    if delimiter == "," or _is_list_in_mapping(intrinsic, template):
        joined = {"Fn::Join": [delimiter, intrinsic]}
        return {"Fn::Split": [delimiter, {"Fn::Join": [delimiter, [INSTRUMENT, joined]]}]}
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
    if first != INSTRUMENT or whole is None or not delimiter == join[0] == whole[0]:
        return None
    ours = delimiter == _BETWEEN or (delimiter == "," and is_comma_list(whole[1], template))
    return whole[1] if ours else None


def is_comma_list(intrinsic: Json, template: Mapping[str, Json]) -> bool:
    """Whether an intrinsic is a ``Ref`` to a parameter that holds a comma-delimited list."""
    name = intrinsic.get("Ref") if isinstance(intrinsic, dict) and len(intrinsic) == 1 else None
    parameters = template.get("Parameters")
    parameter = parameters.get(name) if isinstance(parameters, dict) and isinstance(name, str) else None
    return isinstance(parameter, dict) and parameter.get("Type") in _COMMA_LISTS


def _is_list_in_mapping(intrinsic: Json, template: Mapping[str, Json]) -> bool:
    """Whether an intrinsic finds, by keys that are written out, a list of texts."""
    keys = intrinsic.get("Fn::FindInMap") if isinstance(intrinsic, dict) and len(intrinsic) == 1 else None
    if not isinstance(keys, list) or len(keys) != _STEPS_IN_MAPPINGS:
        return False
    found: Json = template.get("Mappings")
    for key in keys:
        found = found.get(key) if isinstance(found, dict) and isinstance(key, str) else None
    if not isinstance(found, list) or not found:
        return False
    return all(isinstance(item, str) and _BETWEEN not in item for item in found)


def _pair(value: Json, function: str) -> list[Json] | None:
    argument = value.get(function) if isinstance(value, dict) and len(value) == 1 else None
    return argument if isinstance(argument, list) and len(argument) == _PAIR else None
