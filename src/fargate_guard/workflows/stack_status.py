"""A stack's resources, and what was changed behind CloudFormation's back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.aws import cloudformation
from fargate_guard.aws.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.stacks.states import Stack
    from fargate_guard.workflows.context import Context

LOOK_SECONDS = 1.0
LONGEST_VALUE = 80
"""Letters of a property's value that fit on a line."""
_DONE = ("DETECTION_COMPLETE", "DETECTION_FAILED")
_DIFFERENCES = {"ADD": "was added", "REMOVE": "was removed", "NOT_EQUAL": "was changed"}


@dataclass(frozen=True, slots=True)
class StackResource:
    """One resource of a stack."""

    logical_id: str
    resource_type: str
    physical_id: str


def stack_resources(context: Context, stack: Stack) -> tuple[StackResource, ...]:
    """Return what a stack has made."""
    return tuple(
        StackResource(one["LogicalResourceId"], one["ResourceType"], str(one.get("PhysicalResourceId") or ""))
        for one in cloudformation.resources(context.aws, stack.stack_id)
        if one["ResourceStatus"] != "DELETE_COMPLETE"
    )


def stack_drift(context: Context, stack: Stack) -> tuple[str, ...] | None:
    """Ask CloudFormation what was changed outside it: a line per resource that is gone, or property that differs.

    None where it could not be told: in time, for want of a permission, or because an operation is under way; and
    where no difference was found, but not all resources could be read.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
    """
    try:
        status = _detected(context, stack)
        if status is None:
            return None
        differences = cloudformation.drifted_resources(context.aws, stack.stack_id)
        lines = tuple(line for drift in differences for line in _lines(drift))
        return lines if lines or status == "DETECTION_COMPLETE" else None
    except AwsError as error:
        context.observer.warning(f"drift is not known: {error.message}: {error.why}")
        return None


def _detected(context: Context, stack: Stack) -> str | None:
    """Look for drift and return how that ended; None where it has not ended in time."""
    seconds = context.config.cloudformation.drift_timeout
    deadline = context.stacks.clock() + seconds
    detection = cloudformation.start_drift_detection(context.aws, stack.stack_id)
    while True:
        status, reason = cloudformation.drift_detection(context.aws, detection)
        if status == "DETECTION_FAILED":  # some resources could not be read; what was read is still told
            context.observer.warning(f"CloudFormation could not look at all resources for drift: {reason}")
        if status in _DONE:
            return status
        if context.stacks.clock() > deadline:
            context.observer.warning(
                f"CloudFormation has not finished looking for drift within {seconds:.0f} seconds"
                " (cloudformation.drift_timeout)"
            )
            return None
        context.stacks.sleep(LOOK_SECONDS)


def _lines(drift: dict[str, Any]) -> Iterator[str]:
    who = f"{drift['LogicalResourceId']} ({drift['ResourceType']}, {drift.get('PhysicalResourceId', '')})"
    if drift["StackResourceDriftStatus"] == "DELETED":
        yield f"{who} is gone"
        return
    for difference in drift.get("PropertyDifferences") or ():
        what = _DIFFERENCES.get(difference["DifferenceType"], "differs")
        expected, actual = (_short(difference.get(key) or "") for key in ("ExpectedValue", "ActualValue"))
        values = {"ADD": f": {actual}", "REMOVE": f": {expected}"}.get(
            difference["DifferenceType"], f": expected {expected}, is {actual}"
        )
        yield f"{who} {difference['PropertyPath']} {what}{values}"


def _short(value: str) -> str:
    try:
        found = json.loads(value)
    except ValueError:
        found = value
    text = found if isinstance(found, str) else json.dumps(found)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."
