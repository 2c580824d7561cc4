"""CloudFormation's properties as an API's request: by the API's own model, not by tables of names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = Any
NO_RENAMES: Mapping[str, str] = {}


class BadProperty(ValueError):  # noqa: N818 - what it is
    """A property, or part of one, that the API does not have or that has the wrong type."""


def operation_input(client: Any, operation: str) -> Any:
    """Return the shape of an operation's input, e.g. of ``CreateVpc``."""
    return client.meta.service_model.operation_model(operation).input_shape


def request_for(
    client: Any,
    operation: str,
    properties: Mapping[str, Json],
    renames: Mapping[str, str] = NO_RENAMES,
) -> dict[str, Json]:
    """Return the parameters of an operation that CloudFormation's properties stand for.

    Names are the API's own in another case (``ContainerDefinitions``); numbers and booleans may be text, and JSON
    documents objects, as CloudFormation allows.

    :param renames: property name to member name, at any depth, where they differ by more than case.
    :raises BadProperty: for something inside a property that the API does not have, and for text where a number
        is wanted.
    :return: only the properties that the operation takes.
    """
    shape = operation_input(client, operation)
    members = _members(shape)
    request = {}
    for key, value in properties.items():
        member = members.get(renames.get(key, key).lower())
        if member is not None:
            request[member] = _value(shape.members[member], value, renames, f"/{key}")
    return request


def _members(shape: Any) -> dict[str, str]:
    return {name.lower(): name for name in shape.members}


def _value(shape: Any, value: Json, renames: Mapping[str, str], path: str) -> Json:
    if shape.type_name == "structure":
        return _structure(shape, value, renames, path)
    if shape.type_name == "list":
        if not isinstance(value, list):
            message = f"Value of property {path[1:]} must be of type List"
            raise BadProperty(message)
        return [_value(shape.member, item, renames, f"{path}/{index}") for index, item in enumerate(value)]
    if shape.type_name == "map":
        return {key: _value(shape.value, item, renames, f"{path}/{key}") for key, item in _object(value, path)}
    return _scalar(shape.type_name, value, path)


def _structure(shape: Any, value: Json, renames: Mapping[str, str], path: str) -> Json:
    members = _members(shape)
    if set(members) == {"value"} and not isinstance(value, dict):
        value = {"Value": value}  # EC2's AttributeBooleanValue
    request = {}
    for key, item in _object(value, path):
        member = members.get(renames.get(key, key).lower())
        if member is None:
            message = f"#{path}: extraneous key [{key}] is not permitted"
            raise BadProperty(message)
        request[member] = _value(shape.members[member], item, renames, f"{path}/{key}")
    return request


def _object(value: Json, path: str) -> Any:
    if not isinstance(value, dict):
        message = f"Value of property {path[1:]} must be an object"
        raise BadProperty(message)
    return value.items()


def attribute_text(value: Json) -> str:
    """Return a property as APIs want it that only know text: booleans in lower case, objects as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


def _boolean(value: Json) -> bool:
    return {"true": True, "false": False}[attribute_text(value).lower()]


_SCALARS: Mapping[str, Callable[[Json], Json]] = {
    "boolean": _boolean,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "string": attribute_text,
    "blob": lambda value: value if isinstance(value, bytes) else attribute_text(value).encode(),
}


def _scalar(type_name: str, value: Json, path: str) -> Json:
    try:
        return _SCALARS.get(type_name, lambda given: given)(value)
    except (KeyError, TypeError, ValueError) as error:
        message = f"#{path}: expected type: {type_name.capitalize()}, found: {attribute_text(value)}"
        raise BadProperty(message) from error
