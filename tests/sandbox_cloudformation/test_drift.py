"""Drift: what somebody changed behind CloudFormation's back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.sandbox_cloudformation.stacks import log_group, refused

if TYPE_CHECKING:
    from tests.sandbox_cloudformation.stacks import Stacks


def detected(stacks: Stacks) -> dict[str, Any]:
    """Detect drift, wait for it, and return the verdict."""
    detection = stacks.api.detect_stack_drift(StackName=stacks.name)["StackDriftDetectionId"]
    first = stacks.api.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
    assert first["DetectionStatus"] == "DETECTION_IN_PROGRESS"
    stacks.clock.advance(5)
    last: dict[str, Any] = stacks.api.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
    assert last["DetectionStatus"] == "DETECTION_COMPLETE"
    return last


def test_a_stack_as_it_was_made_is_in_sync(stacks: Stacks) -> None:
    stacks.create({"Log": log_group()})
    assert stacks.describe()["DriftInformation"] == {"StackDriftStatus": "NOT_CHECKED"}
    verdict = detected(stacks)
    assert (verdict["StackDriftStatus"], verdict["DriftedStackResourceCount"]) == ("IN_SYNC", 0)
    assert stacks.describe()["DriftInformation"]["StackDriftStatus"] == "IN_SYNC"


def test_changed_and_deleted_resources_have_drifted(stacks: Stacks) -> None:
    names = {name: f"/{stacks.name}/{name}" for name in ("same", "changed", "deleted")}
    stacks.create({name.title(): log_group(name=path) for name, path in names.items()})
    stacks.logs.put_retention_policy(logGroupName=names["changed"], retentionInDays=90)
    stacks.logs.delete_log_group(logGroupName=names["deleted"])
    verdict = detected(stacks)
    assert (verdict["StackDriftStatus"], verdict["DriftedStackResourceCount"]) == ("DRIFTED", 2)
    drifts = stacks.api.describe_stack_resource_drifts(StackName=stacks.name)["StackResourceDrifts"]
    found = {each["LogicalResourceId"]: each for each in drifts}
    assert {name: each["StackResourceDriftStatus"] for name, each in found.items()} == {
        "Same": "IN_SYNC",
        "Changed": "MODIFIED",
        "Deleted": "DELETED",
    }
    (difference,) = found["Changed"]["PropertyDifferences"]
    assert difference == {
        "PropertyPath": "/RetentionInDays",
        "ExpectedValue": "7",
        "ActualValue": "90",
        "DifferenceType": "NOT_EQUAL",
    }
    assert json.loads(found["Changed"]["ActualProperties"])["RetentionInDays"] == 90
    filtered = stacks.api.describe_stack_resource_drifts(
        StackName=stacks.name, StackResourceDriftStatusFilters=["DELETED"]
    )["StackResourceDrifts"]
    assert [each["LogicalResourceId"] for each in filtered] == ["Deleted"]
    (changed,) = [
        each["DriftInformation"]["StackResourceDriftStatus"]
        for each in stacks.api.list_stack_resources(StackName=stacks.name)["StackResourceSummaries"]
        if each["LogicalResourceId"] == "Changed"
    ]
    assert changed == "MODIFIED"


def test_one_resource_can_be_looked_at(stacks: Stacks) -> None:
    stacks.create({"Log": log_group(name=f"/{stacks.name}")})
    stacks.logs.put_retention_policy(logGroupName=f"/{stacks.name}", retentionInDays=90)
    call = stacks.api.detect_stack_resource_drift
    drift = call(StackName=stacks.name, LogicalResourceId="Log")["StackResourceDrift"]
    assert drift["StackResourceDriftStatus"] == "MODIFIED"
    code, message = refused(call, StackName=stacks.name, LogicalResourceId="Gone")
    assert (code, message) == ("ValidationError", f"Resource Gone does not exist for stack {stacks.name}")


def test_drift_is_not_detected_while_a_stack_changes(stacks: Stacks) -> None:
    stacks.hang("Log", "create")
    stacks.create({"Log": log_group()})
    code, message = refused(stacks.api.detect_stack_drift, StackName=stacks.name)
    assert code == "ValidationError"
    assert "[CREATE_IN_PROGRESS]" in message
