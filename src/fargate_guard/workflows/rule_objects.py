"""Definitions of rule files as Sysdig's objects, and back. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fargate_guard.falco.definitions import Definition, tidied
from fargate_guard.falco.item_checks import SYSTEM_CALLS
from fargate_guard.sysdig.errors import BrokenAnswer
from fargate_guard.sysdig.rules import FALCO, PATHS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sysdig.rules import Stored

_PARTS_OF_EXCEPTION = ("name", "fields", "comps", "values")


def definition_of_stored(stored: Stored) -> Definition:
    """Return what an object of Sysdig's defines.

    :raises BrokenAnswer: when it has another shape than documented.
    """
    where = f"{PATHS[stored.kind]}/{stored.object_id}"
    try:
        json.dumps(stored.raw, ensure_ascii=False).encode()
        body, append = _READERS[stored.kind](stored.raw)
    except (UnicodeEncodeError, RecursionError):
        raise BrokenAnswer(
            f"Sysdig Secure's {stored.kind} {stored.name!r} cannot be written as text",
            where=where,
            why="it holds half a character (a lone surrogate), or is nested too deep",
            fix="mend it in Sysdig",
        ) from None
    except (KeyError, TypeError, AttributeError) as wrong:
        raise BrokenAnswer(
            f"Sysdig Secure's {stored.kind} {stored.name!r} has another shape than documented",
            where=where,
            why=f"{type(wrong).__name__}: {wrong}",
        ) from None
    return tidied(Definition(stored.kind, stored.name, body, append))


def document_of(definition: Definition) -> dict[str, Any]:
    """Return what Sysdig is sent for a definition."""
    body, append = definition.body, definition.append
    if definition.kind == "list":
        return {"name": definition.name, "items": {"items": body["items"]}, "append": append}
    if definition.kind == "macro":
        return {"name": definition.name, "condition": _condition(body["condition"]), "append": append}
    details: dict[str, Any] = {
        "ruleType": FALCO,
        "source": body.get("source", SYSTEM_CALLS),
        "append": append,
        "exceptions": body.get("exceptions", []),
    }
    details |= {key: body[key] for key in ("output", "priority") if key in body}
    if "condition" in body:
        details["condition"] = _condition(body["condition"])
    return {
        "name": definition.name,
        "description": body.get("desc", ""),
        "tags": body.get("tags", []),
        "details": details,
    }


def _condition(text: str) -> dict[str, Any]:
    return {"condition": text, "components": []}


def _list(raw: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    return {"items": list(raw["items"]["items"])}, bool(raw.get("append"))


def _macro(raw: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    return {"condition": str(raw["condition"]["condition"])}, bool(raw.get("append"))


def _rule(raw: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    details = raw["details"]
    append = bool(details.get("append"))
    body: dict[str, Any] = {"desc": raw.get("description") or None}
    if details.get("condition"):
        body["condition"] = str(details["condition"]["condition"])
    body |= {key: details.get(key) or None for key in ("output", "priority", "source")}
    body["tags"] = list(raw.get("tags") or ())
    body["exceptions"] = [
        {key: one[key] for key in _PARTS_OF_EXCEPTION if one.get(key) is not None}
        for one in details.get("exceptions") or ()
    ]
    return {key: value for key, value in body.items() if value is not None}, append


_READERS = {"list": _list, "macro": _macro, "rule": _rule}
