"""Stacks, resources and events as the CloudFormation API shows them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.stack import moment

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.stack import Event, Stack, StackResource

Json = dict[str, Any]


def stack(record: Stack) -> Json:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html."""
    target = record.target
    description = target.template.document.get("Description") if target is not None else None
    return present(
        {
            "StackId": record.id,
            "StackName": record.name,
            "ChangeSetId": record.executed_change_set,
            "Description": description,
            "Parameters": [each.described() for each in record.parameters.values()],
            "CreationTime": moment(record.created_at),
            "LastUpdatedTime": _moment(record.updated_at),
            "DeletionTime": _moment(record.deleted_at),
            "RollbackConfiguration": {},
            "StackStatus": record.status,
            "StackStatusReason": record.reason,
            "DisableRollback": record.disable_rollback,
            "NotificationARNs": record.notification_arns,
            "TimeoutInMinutes": record.timeout_minutes,
            "Capabilities": list(target.capabilities) if target is not None else [],
            "Outputs": record.outputs,
            "RoleARN": record.role_arn,
            "Tags": [{"Key": key, "Value": value} for key, value in (target.tags if target else {}).items()],
            "EnableTerminationProtection": record.termination_protection,
            **_family(record),
            "DriftInformation": drift_information(record),
        }
    )


def stack_summary(record: Stack) -> Json:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSummary.html."""
    target = record.target
    return present(
        {
            "StackId": record.id,
            "StackName": record.name,
            "TemplateDescription": target.template.document.get("Description") if target is not None else None,
            "CreationTime": moment(record.created_at),
            "LastUpdatedTime": _moment(record.updated_at),
            "DeletionTime": _moment(record.deleted_at),
            "StackStatus": record.status,
            "StackStatusReason": record.reason,
            **_family(record),
            "DriftInformation": drift_information(record),
        }
    )


def _family(record: Stack) -> Json:
    if record.parent is None:
        return {}
    return {"ParentId": record.parent.id, "RootId": record.root.id}


def drift_information(record: Stack | StackResource) -> Json:
    """Return when a stack was last compared with what is there, and the verdict."""
    return present({"StackDriftStatus": record.drift, "LastCheckTimestamp": _moment(record.drift_checked_at)})


def event(record: Stack, one: Event) -> Json:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html."""
    return present(
        {
            "StackId": record.id,
            "EventId": one.event_id,
            "StackName": record.name,
            "LogicalResourceId": one.logical_id,
            "PhysicalResourceId": one.physical_id,
            "ResourceType": one.type,
            "Timestamp": moment(one.at),
            "ResourceStatus": one.status,
            "ResourceStatusReason": one.reason,
            "ResourceProperties": one.properties,
            "ClientRequestToken": one.token,
        }
    )


def shown(record: Stack) -> list[StackResource]:
    """Return the resources that the API lists: those on which work has begun."""
    return [each for each in record.resources.values() if each.status]


def resource(record: Stack, one: StackResource) -> Json:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackResource.html."""
    return present(
        {
            "StackName": record.name,
            "StackId": record.id,
            "LogicalResourceId": one.logical_id,
            "PhysicalResourceId": one.physical_id or None,
            "ResourceType": one.type,
            "Timestamp": moment(one.updated_at),
            "ResourceStatus": one.status,
            "ResourceStatusReason": one.reason,
            "DriftInformation": resource_drift(one),
        }
    )


def resource_detail(record: Stack, one: StackResource) -> Json:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackResourceDetail.html."""
    metadata = one.definition.get("Metadata")
    detail = resource(record, one)
    detail["LastUpdatedTimestamp"] = detail.pop("Timestamp")
    return present({**detail, "Metadata": json.dumps(metadata) if metadata else "{}"})


def resource_summary(one: StackResource) -> Json:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackResourceSummary.html."""
    return present(
        {
            "LogicalResourceId": one.logical_id,
            "PhysicalResourceId": one.physical_id or None,
            "ResourceType": one.type,
            "LastUpdatedTimestamp": moment(one.updated_at),
            "ResourceStatus": one.status,
            "ResourceStatusReason": one.reason,
            "DriftInformation": resource_drift(one),
        }
    )


def resource_drift(one: StackResource) -> Json:
    """Return when a resource was last compared with what is there, and the verdict."""
    return present({"StackResourceDriftStatus": one.drift, "LastCheckTimestamp": _moment(one.drift_checked_at)})


def present(document: Json) -> Json:
    """Leave out what is None."""
    return {key: value for key, value in document.items() if value is not None}


def _moment(seconds: float | None) -> Any:
    return None if seconds is None else moment(seconds)
