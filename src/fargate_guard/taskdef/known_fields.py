"""Fields that ECS does not know, and the input of RegisterTaskDefinition.

What ECS knows is given as a :data:`FieldTree`; fguard's command line reads it from botocore's model
(:func:`fargate_guard.aws.ecs_fields.register_task_definition_fields`), so no list of fields is kept here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from fargate_guard.taskdef.definition import Shape, locate
from fargate_guard.taskdef.fields import Fields, Json, copied
from fargate_guard.taskdef.result import Notice

if TYPE_CHECKING:
    from collections.abc import Iterator

FieldTree: TypeAlias = Mapping[str, "FieldTree | None"]
"""The known fields of an object in lowerCamelCase, with the fields of the objects below.

Arrays are transparent: ``containerDefinitions`` leads to the fields of one container. None is a plain value, or a
map whose keys are the user's (``dockerLabels``, ``options``). The root holds what RegisterTaskDefinition takes,
and beside it ``taskDefinition`` what DescribeTaskDefinition gives: a field that is only there is read-only.
"""

_DESCRIBED: Final = "taskDefinition"
_CONTAINERS: Final = "containerDefinitions"
_LONGEST_COMPARED: Final = 64
"""Longer names are not compared with the known ones: ``difflib`` takes quadratic time."""


def unknown_fields(definition: Json, known: FieldTree) -> tuple[Notice, ...]:
    """Every field that ECS does not know, in any case, with the nearest one that it knows.

    They are not errors: AWS adds fields faster than its SDKs are published.

    :param definition: in any shape that :func:`~fargate_guard.taskdef.instrument` takes.
    :param known: what ECS knows. The read-only fields of a described definition are not unknown.
    :raises TaskDefinitionError: not a task definition.
    """
    target = locate(definition)
    if target.task is None:
        return tuple(_unknown_in(target.containers, target.path, known.get(_CONTAINERS)))
    taken = {name: below for name, below in known.items() if name != _DESCRIBED}
    found = list(_unknown_in(target.task.object, target.task.path, {**taken, **dict.fromkeys(_read_only(known))}))
    if target.shape is Shape.DESCRIBE:
        beside = {_DESCRIBED: None, "tags": known.get("tags")}
        top = {key: value for key, value in definition.items() if str(key).lower() != "responsemetadata"}
        found += _unknown_in(top, "$", beside)
    return tuple(found)


def registrable(definition: Json, known: FieldTree) -> Json:
    """The input of RegisterTaskDefinition: what can be given to boto3, or to ``--cli-input-json``.

    Known fields are spelled as the API does, read-only ones and explicit nulls are dropped (ECS reads null as
    absent, but its clients refuse it), and ``{"taskDefinition": …, "tags": …}`` becomes one object. Unknown fields
    stay. An array of containers becomes ``{"containerDefinitions": …}``; whoever registers it adds the rest.

    :raises TaskDefinitionError: not a task definition, or two keys of one object that differ only in case.
    """
    target = locate(definition)
    if target.task is None:
        return {_CONTAINERS: _spelled(target.containers, target.path, known.get(_CONTAINERS))}
    taken = {name: below for name, below in known.items() if name != _DESCRIBED}
    result: dict[str, Json] = _spelled(target.task.object, target.task.path, taken)
    read_only = {name.lower() for name in _read_only(known)}
    result = {name: value for name, value in result.items() if name.lower() not in read_only}
    if target.shape is Shape.DESCRIBE:
        top = Fields(definition, "$")
        tags = _spelled(top.get("tags"), top.at("tags"), known.get("tags"))
        if tags:
            result["tags"] = tags
    return result


def _read_only(known: FieldTree) -> list[str]:
    """What DescribeTaskDefinition gives and RegisterTaskDefinition does not take: ``revision``, ``status``…"""
    return [name for name in known.get(_DESCRIBED) or {} if name not in known]


def _by_folded_name(known: FieldTree) -> dict[str, str]:
    return {name.lower(): name for name in known}


def _unknown_in(value: Json, path: str, known: FieldTree | None) -> Iterator[Notice]:
    """ECS nests no array directly in another, so one level of them is looked through."""
    if known is None:
        return
    items = [(value, path)]
    if isinstance(value, list):
        items = [(item, f"{path}[{index}]") for index, item in enumerate(value)]
    folded: dict[str, str] = {}
    for item, where in items:
        if not isinstance(item, dict):
            continue
        for key, below in item.items():
            name = key
            if key not in known:
                folded = folded or _by_folded_name(known)
                name = folded.get(str(key).lower())
            if name is None:
                yield Notice(_joined(where, str(key)), _message(str(key), folded))
            elif known[name] is not None and isinstance(below, (dict, list)):
                yield from _unknown_in(below, _joined(where, str(key)), known[name])


def _message(key: str, names: dict[str, str]) -> str:
    if len(key) > _LONGEST_COMPARED:
        return f"unknown field `{key[:_LONGEST_COMPARED]}…`; carried through"
    import difflib  # only a mistake should cost this

    near = difflib.get_close_matches(key.lower(), list(names), n=1)
    if not near:
        return f"unknown field `{key}`; carried through"
    name = names[near[0]]
    if key[:1].isupper():
        name = name[:1].upper() + name[1:]
    return f"unknown field `{key}`; did you mean `{name}`? Carried through as it is"


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if re.fullmatch(r"[\w-]+", key) else f"{path}[{json.dumps(key)}]"


def _spelled(value: Json, path: str, known: FieldTree | None) -> Json:
    if known is None:
        return copied(value)
    if isinstance(value, list):
        return [
            _object_spelled(item, f"{path}[{index}]", known) if isinstance(item, dict) else copied(item)
            for index, item in enumerate(value)
        ]
    return _object_spelled(value, path, known) if isinstance(value, dict) else copied(value)


def _object_spelled(value: dict[str, Json], path: str, known: FieldTree) -> dict[str, Json]:
    Fields(value, path)  # refuses two keys that differ only in case
    names = _by_folded_name(known)
    result = {}
    for key, below in value.items():
        name = names.get(str(key).lower())
        if name is None:
            result[key] = copied(below)
        elif below is not None:
            result[name] = _spelled(below, _joined(path, str(key)), known[name])
    return result
