"""The calls about drift: what differs from what CloudFormation made."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult

from fargate_guard.sandbox.cloudformation.calls import Calls
from fargate_guard.sandbox.cloudformation.drift import check_resource, detect_drift, property_differences
from fargate_guard.sandbox.cloudformation.errors import ValidationFailed
from fargate_guard.sandbox.cloudformation.masking import masked
from fargate_guard.sandbox.cloudformation.shapes import present
from fargate_guard.sandbox.cloudformation.stack import moment

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.stack import Stack, StackResource

DRIFTS_PER_PAGE = 100
DETECTABLE = frozenset(
    {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "IMPORT_COMPLETE"}
)


class DriftCalls(Calls):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html."""

    def detect_stack_drift(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DetectStackDrift.html."""
        stack = self._drifting_stack()
        backend = self._backend
        wanted = self._get_param("LogicalResourceIds") or []
        drifted = detect_drift(stack, backend.type_of, wanted, backend.now)
        detection_id = str(uuid.uuid4())
        backend.drift_detections[detection_id] = {
            "StackId": stack.id,
            "StackDriftDetectionId": detection_id,
            "StackDriftStatus": stack.drift,
            "DriftedStackResourceCount": drifted,
            "Timestamp": moment(backend.now),
            "due": backend.now + backend.world.pace.seconds("resource"),
        }
        return ActionResult({"StackDriftDetectionId": detection_id})

    def describe_stack_drift_detection_status(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackDriftDetectionStatus.html."""
        wanted = self._get_param("StackDriftDetectionId")
        found = self._backend.drift_detections.get(wanted)
        if found is None:
            message = f"Stack drift detection with id {wanted} does not exist"
            raise ValidationFailed(message)
        known = {key: value for key, value in found.items() if key != "due"}
        if self._backend.now < found["due"]:
            kept = ("StackId", "StackDriftDetectionId", "Timestamp")
            return ActionResult({**{key: known[key] for key in kept}, "DetectionStatus": "DETECTION_IN_PROGRESS"})
        return ActionResult({**known, "DetectionStatus": "DETECTION_COMPLETE"})

    def detect_stack_resource_drift(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DetectStackResourceDrift.html."""
        stack = self._drifting_stack()
        logical_id = self._get_param("LogicalResourceId")
        resource = stack.resources.get(logical_id)
        if resource is None:
            message = f"Resource {logical_id} does not exist for stack {stack.name}"
            raise ValidationFailed(message)
        check_resource(stack, resource, self._backend.type_of, self._backend.now)
        return ActionResult({"StackResourceDrift": self._shape(stack, resource)})

    def describe_stack_resource_drifts(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResourceDrifts.html."""
        stack = self._backend.stack_of(self._get_param("StackName"))
        wanted = self._get_param("StackResourceDriftStatusFilters") or []
        drifts = [
            self._shape(stack, resource)
            for resource in stack.resources.values()
            if resource.drift != "NOT_CHECKED" and (not wanted or resource.drift in wanted)
        ]
        return self._page("StackResourceDrifts", drifts, DRIFTS_PER_PAGE)

    def _drifting_stack(self) -> Stack:
        stack = self._backend.live_stack_of(self._get_param("StackName"))
        if stack.status not in DETECTABLE:
            message = (
                f"Stack [{stack.id}] is in [{stack.status}] state. Drift detection cannot be performed on a stack "
                "in this state."
            )
            raise ValidationFailed(message)
        return stack

    @staticmethod
    def _shape(stack: Stack, resource: StackResource) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackResourceDrift.html."""
        expected = masked(resource.properties, stack.parameters)
        actual = None if resource.live is None else masked(dict(resource.live), stack.parameters)
        return present(
            {
                "StackId": stack.id,
                "LogicalResourceId": resource.logical_id,
                "PhysicalResourceId": resource.physical_id,
                "ResourceType": resource.type,
                "ExpectedProperties": json.dumps(expected, separators=(",", ":")),
                "ActualProperties": None if actual is None else json.dumps(actual, separators=(",", ":")),
                "PropertyDifferences": [] if actual is None else property_differences(expected, actual),
                "StackResourceDriftStatus": resource.drift,
                "Timestamp": moment(resource.drift_checked_at or 0.0),
            }
        )
