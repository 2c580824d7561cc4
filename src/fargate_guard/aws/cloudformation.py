"""CloudFormation's calls: stacks, change sets, events, drift, and the ways out of a state.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/Welcome.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.aws.errors import AwsError
from fargate_guard.stacks.events import STACK, StackEvent
from fargate_guard.stacks.states import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fargate_guard.aws.session import Aws

Json = dict[str, Any]

LARGEST_BODY = 51_200
"""Bytes; a larger template must be in S3
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html)."""
_SERVICE = "cloudformation"


def find_stack(aws: Aws, name: str) -> Stack | None:
    """Return a stack by name or ARN; None where there is none. By its ARN a deleted one is still found."""
    try:
        found = aws.call(_SERVICE, "describe_stacks", about=name, StackName=name)["Stacks"]
    except AwsError as error:
        if is_absent(error):
            return None
        raise
    return _stack(found[0]) if found else None


def is_absent(error: AwsError) -> bool:
    """Whether CloudFormation refused because there is no such stack; it has no code of its own for that."""
    return error.code == "ValidationError" and "does not exist" in (error.why or "")


def _stack(found: Json) -> Stack:
    updated = found.get("LastUpdatedTime") or found.get("CreationTime")
    return Stack(
        name=str(found["StackName"]),
        stack_id=str(found["StackId"]),
        status=str(found["StackStatus"]),
        reason=found.get("StackStatusReason") or None,
        outputs={one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())},
        parameters=tuple(one["ParameterKey"] for one in found.get("Parameters", ())),
        tags={one["Key"]: one["Value"] for one in found.get("Tags", ())},
        protected=bool(found.get("EnableTerminationProtection")),
        role_arn=found.get("RoleARN") or None,
        updated=updated.isoformat() if updated else "",
    )


# Change sets


def create_change_set(
    aws: Aws,
    stack: str,
    name: str,
    *,
    creates: bool,
    template: Mapping[str, str],
    parameters: Mapping[str, str | None],
    capabilities: Sequence[str],
    tags: Mapping[str, str],
    role_arn: str | None = None,
) -> tuple[str, str]:
    """Begin a change set; returns its ARN and the stack's. Nothing is changed by it.

    :param template: ``TemplateBody`` or ``TemplateURL``.
    :param parameters: None keeps a parameter's value.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
    """
    listed: list[Json] = [
        {"ParameterKey": key, "UsePreviousValue": True}
        if value is None
        else {"ParameterKey": key, "ParameterValue": value}
        for key, value in parameters.items()
    ]
    made = aws.call(
        _SERVICE,
        "create_change_set",
        about=stack,
        StackName=stack,
        ChangeSetName=name,
        ClientToken=name,
        ChangeSetType="CREATE" if creates else "UPDATE",
        Parameters=listed,
        Capabilities=list(capabilities),
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        IncludeNestedStacks=True,
        **template,
        **({"RoleARN": role_arn} if role_arn else {}),
    )
    return str(made["Id"]), str(made["StackId"])


def describe_change_set(aws: Aws, change_set: str) -> Json:
    """Return what is known about a change set, all its pages of ``Changes`` in one."""
    described: Json = {}
    changes: list[Json] = []
    token: Json = {}
    while True:
        page = aws.call(_SERVICE, "describe_change_set", about=change_set, ChangeSetName=change_set, **token)
        described = described or page
        changes += page.get("Changes") or []
        if not page.get("NextToken"):
            return {**described, "Changes": changes}
        token = {"NextToken": page["NextToken"]}


def change_sets(aws: Aws, stack: str) -> list[str]:
    """Return the ARNs of the change sets that a stack has."""
    found = aws.pages(_SERVICE, "list_change_sets", "Summaries", about=stack, StackName=stack)
    return [str(one["ChangeSetId"]) for one in found]


def delete_change_set(aws: Aws, change_set: str) -> None:
    """Delete a change set that was not executed; gone already is fine."""
    try:
        aws.call(_SERVICE, "delete_change_set", about=change_set, ChangeSetName=change_set)
    except AwsError as error:
        if "NotFound" not in error.code and not is_absent(error):
            raise


def execute_change_set(aws: Aws, change_set: str, token: str) -> None:
    """Carry a change set out.

    :param token: the same one makes a repeated request harmless.
    """
    aws.call(_SERVICE, "execute_change_set", about=change_set, ChangeSetName=change_set, ClientRequestToken=token)


# What there is


def resources(aws: Aws, stack: str) -> list[Json]:
    """Return ``StackResourceSummaries``: logical and physical IDs, types, status."""
    found = aws.pages(_SERVICE, "list_stack_resources", "StackResourceSummaries", about=stack, StackName=stack)
    return list(found)


def events_newest_first(aws: Aws, stack: str, *, depth: int = 0) -> Iterator[StackEvent]:
    """Yield a stack's events, page by page as they are wanted.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html
    """
    found = aws.pages(_SERVICE, "describe_stack_events", "StackEvents", about=stack, StackName=stack)
    return (StackEvent.of(event, depth=depth) for event in found)


def newest_event(aws: Aws, stack: str) -> StackEvent | None:
    """Return the latest event; None for a stack without any."""
    return next(events_newest_first(aws, stack), None)


def nested_stacks(listed: Sequence[StackEvent]) -> list[str]:
    """Return the ARNs of nested stacks that the events name."""
    found = (
        event.physical_id
        for event in listed
        if event.resource_type == STACK and event.physical_id != event.stack_id
    )
    return list(dict.fromkeys(filter(None, found)))


# Operations


def delete_stack(
    aws: Aws, stack: str, token: str, *, retain: Sequence[str] = (), role_arn: str | None = None
) -> None:
    """Begin to delete a stack.

    :param retain: logical IDs of resources to leave; only for a stack in DELETE_FAILED.
    """
    more: Json = {"RetainResources": list(retain)} if retain else {}
    more |= {"RoleARN": role_arn} if role_arn else {}
    aws.call(_SERVICE, "delete_stack", about=stack, StackName=stack, ClientRequestToken=token, **more)


def cancel_update(aws: Aws, stack: str, token: str) -> None:
    """Ask for a running update to be rolled back."""
    aws.call(_SERVICE, "cancel_update_stack", about=stack, StackName=stack, ClientRequestToken=token)


def continue_rollback(aws: Aws, stack: str, token: str, *, skip: Sequence[str] = ()) -> None:
    """Go on with a rollback that failed.

    :param skip: logical IDs of resources to leave as they are; in nested stacks ``Nested-Stack-Name.Resource``.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html
    """
    more: Json = {"ResourcesToSkip": list(skip)} if skip else {}
    aws.call(_SERVICE, "continue_update_rollback", about=stack, StackName=stack, ClientRequestToken=token, **more)


def roll_back(aws: Aws, stack: str, token: str) -> None:
    """Roll back an update that failed and was left."""
    aws.call(_SERVICE, "rollback_stack", about=stack, StackName=stack, ClientRequestToken=token)


def protect(aws: Aws, stack: str, *, on: bool) -> None:
    """Turn termination protection on or off."""
    aws.call(
        _SERVICE, "update_termination_protection", about=stack, StackName=stack, EnableTerminationProtection=on
    )


# Drift


def start_drift_detection(aws: Aws, stack: str) -> str:
    """Begin to compare a stack's resources with what is there; returns the detection's id."""
    return str(aws.call(_SERVICE, "detect_stack_drift", about=stack, StackName=stack)["StackDriftDetectionId"])


def drift_detection(aws: Aws, detection: str) -> tuple[str, str]:
    """Return a detection's status (``DETECTION_IN_PROGRESS``, ``_COMPLETE``, ``_FAILED``) and the reason."""
    found = aws.call(
        _SERVICE, "describe_stack_drift_detection_status", about=detection, StackDriftDetectionId=detection
    )
    return str(found["DetectionStatus"]), str(found.get("DetectionStatusReason") or "")


def drifted_resources(aws: Aws, stack: str) -> list[Json]:
    """Return ``StackResourceDrifts`` of what was changed or deleted."""
    drifts: list[Json] = []
    token: Json = {}
    while True:
        page = aws.call(
            _SERVICE,
            "describe_stack_resource_drifts",
            about=stack,
            StackName=stack,
            StackResourceDriftStatusFilters=["MODIFIED", "DELETED"],
            **token,
        )
        drifts += page.get("StackResourceDrifts") or []
        if not page.get("NextToken"):
            return drifts
        token = {"NextToken": page["NextToken"]}
