"""Looking for drift in the stacks of a stack set.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-drift.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.stack_sets import Outcome, StackInstance

DETECTING = "DETECTION_IN_PROGRESS"


def begin_detection(cloudformation: Any, instance: StackInstance, outcome: Outcome) -> None:
    """Let a stack be compared with what is there; one that is not stable cannot be.

    :param cloudformation: a client of the stack's account and Region.
    """
    from botocore.exceptions import ClientError

    outcome.step = "drift"
    try:
        found = cloudformation.detect_stack_drift(StackName=instance.stack_id)
    except ClientError as error:
        outcome.status, outcome.reason = "FAILED", error.response["Error"]["Message"]
        return
    outcome.detection_id = found["StackDriftDetectionId"]


def look_at_detection(cloudformation: Any, instance: StackInstance, outcome: Outcome) -> None:
    """Take over what the stack's own detection found, as soon as it is over."""
    found = cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=outcome.detection_id)
    if found["DetectionStatus"] == DETECTING:
        return
    outcome.status = "SUCCEEDED"
    instance.drift = found["StackDriftStatus"]
    instance.drift_checked_at = found["Timestamp"].timestamp()
