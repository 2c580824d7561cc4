"""Look into a container definition that may be malformed: what cannot be read is left out, nothing is refused."""

from __future__ import annotations

import json

from fargate_guard.taskdef.errors import TaskDefinitionError
from fargate_guard.taskdef.fields import Fields, Json


def inner(parent: Fields, field: str) -> Fields | None:
    """The object in a field; None where there is none, or one that cannot be read."""
    try:
        return parent.child(field)
    except TaskDefinitionError:
        return None


def objects(parent: Fields, field: str) -> list[Fields]:
    """The objects of an array field that can be read."""
    items = parent.get(field)
    found = []
    for index, item in enumerate(items if isinstance(items, list) else []):
        try:
            found.append(Fields(item, f"{parent.at(field)}[{index}]"))
        except TaskDefinitionError:
            continue
    return found


def strings(parent: Fields, field: str) -> tuple[str, ...]:
    """The items of an array field; one that is no text (an expression of a template) as JSON."""
    items = parent.get(field)
    return tuple(
        item if isinstance(item, str) else json.dumps(item) for item in (items if isinstance(items, list) else [])
    )


def truth(parent: Fields, field: str) -> bool | None:
    """A boolean, also one that is written as text, as CloudFormation takes it; None for anything else."""
    value = parent.get(field)
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def names(parent: Fields, field: str) -> set[str]:
    """The names of the objects of an array field."""
    items = parent.get(field)
    found = (
        value
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, dict)
        for key, value in item.items()
        if key in ("name", "Name") or str(key).lower() == "name"
    )
    return {name for name in found if isinstance(name, str)}


def variables(container: Fields, field: str) -> dict[str, Json]:
    """``environment`` or ``secrets`` by name; of a name that stands twice, the last."""
    value_key = "value" if field == "environment" else "valueFrom"
    named = ((entry.get("name"), entry.get(value_key)) for entry in objects(container, field))
    return {name: value for name, value in named if isinstance(name, str)}
