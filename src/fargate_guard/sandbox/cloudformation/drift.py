"""Drift: what a stack's resources are, against what the stack made them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.dynamic_references import resolve_references
from fargate_guard.sandbox.cloudformation.engine import differences
from fargate_guard.sandbox.cloudformation.resource_type import ResourceFailed
from fargate_guard.sandbox.cloudformation.resource_work import context_of, failing_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceType
    from fargate_guard.sandbox.cloudformation.stack import Stack, StackResource

Json = Any


def detect_drift(stack: Stack, type_of: Callable[[str], ResourceType], wanted: Collection[str], now: float) -> int:
    """Compare a stack's resources with what is there; return how many drifted.

    :param wanted: logical IDs; empty means all.
    """
    for resource in stack.resources.values():
        if resource.physical_id and (not wanted or resource.logical_id in wanted):
            check_resource(stack, resource, type_of, now)
    drifted = sum(each.drift in {"MODIFIED", "DELETED"} for each in stack.resources.values())
    stack.drift = "DRIFTED" if drifted else "IN_SYNC"
    stack.drift_checked_at = now
    return drifted


def check_resource(
    stack: Stack, resource: StackResource, type_of: Callable[[str], ResourceType], now: float
) -> None:
    """Compare one resource with what is there. Only properties that the template sets count."""
    context = context_of(stack, resource, dict(resource.tags))
    resource.drift_checked_at = now
    try:
        expected = resolve_references(resource.properties, context)
        kind = type_of(resource.type)
        live = failing_in_words(lambda: kind.live(resource.physical_id, expected, context))
    except ResourceFailed as failure:
        resource.drift, resource.live, resource.reason = "UNKNOWN", {}, failure.message
        return
    resource.live = live
    if live is None:
        resource.drift = "DELETED"
        return
    changed = differences(dict(expected), {key: live.get(key) for key in expected})
    resource.drift = "MODIFIED" if changed else "IN_SYNC"


def property_differences(expected: Mapping[str, Json], actual: Mapping[str, Json]) -> list[dict[str, str]]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_PropertyDifference.html."""
    found: list[dict[str, str]] = []
    for key in expected:
        _compare(f"/{key}", expected[key], actual.get(key), found)
    return found


def _compare(path: str, expected: Json, actual: Json, found: list[dict[str, str]]) -> None:
    if not differences({"": expected}, {"": actual}):
        return
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in {**expected, **actual}:
            _compare(f"{path}/{key}", expected.get(key), actual.get(key), found)
        return
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for number, pair in enumerate(zip(expected, actual, strict=True)):
            _compare(f"{path}/{number}", *pair, found)
        return
    kind = "REMOVE" if actual is None else "ADD" if expected is None else "NOT_EQUAL"
    shown = {"PropertyPath": path, "ExpectedValue": _text(expected), "ActualValue": _text(actual)}
    found.append({**shown, "DifferenceType": kind})


def _text(value: Json) -> str:
    if value is None:
        return "null"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
