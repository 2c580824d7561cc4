"""An API's answer in the words of a template: what drift detection compares."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from fargate_guard.sandbox.cloudformation.resources.request import NO_RENAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = Any
_MISSING = object()


def as_declared(declared: Json, actual: Json, renames: Mapping[str, str] = NO_RENAMES) -> Json:
    """Return what an API answers in the form in which a template declares it.

    Only what the template declares is looked at, as drift detection does
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html). Lists are compared
    without their order, and ``"80"`` is 80.

    :return: ``declared`` itself where they agree.
    """
    if isinstance(declared, dict):
        return _object(declared, _document(actual), renames)
    if isinstance(declared, list):
        return _list(declared, _document(actual), renames)
    return declared if _same_scalar(declared, actual) else actual


def _document(actual: Json) -> Json:
    """Policies come as text, IAM's also percent-encoded."""
    if not isinstance(actual, str):
        return actual
    for text in (actual, unquote(actual)):
        try:
            return json.loads(text)
        except ValueError:
            continue
    return actual


def _object(declared: Mapping[str, Json], actual: Json, renames: Mapping[str, str]) -> Json:
    if not isinstance(actual, dict):
        return actual
    found = {}
    for key, value in declared.items():
        live = _member(actual, renames.get(key, key))
        if live is not _MISSING:
            found[key] = as_declared(value, live, renames)
    return found


def _member(actual: Mapping[str, Json], key: str) -> Json:
    if key in actual:
        return actual[key]
    return next((value for name, value in actual.items() if name.lower() == key.lower()), _MISSING)


def _list(declared: list[Json], actual: Json, renames: Mapping[str, str]) -> Json:
    if not isinstance(actual, list):
        return actual
    rest = list(actual)
    changed = []
    for item in declared:
        twin = next((live for live in rest if as_declared(item, live, renames) == item), _MISSING)
        if twin is _MISSING:
            changed.append(item)
        else:
            rest.remove(twin)
    if not changed and not rest:
        return declared
    kept = [item for item in declared if item not in changed]
    return kept + [_capitalised(live, renames) for live in rest]


def _capitalised(value: Json, renames: Mapping[str, str]) -> Json:
    """Write what nobody declared as a template would."""
    names = {member: key for key, member in renames.items()}
    if isinstance(value, dict):
        return {
            names.get(key, key[:1].upper() + key[1:]): _capitalised(item, renames) for key, item in value.items()
        }
    return [_capitalised(item, renames) for item in value] if isinstance(value, list) else value


def _same_scalar(declared: Json, actual: Json) -> bool:
    if isinstance(declared, bool) or isinstance(actual, bool):
        return str(declared).lower() == str(actual).lower()
    if isinstance(actual, (int, float)):
        try:
            return float(declared) == actual
        except (TypeError, ValueError):
            return False
    return str(declared) == str(actual)
