"""Stack sets, instances and operations as the API answers them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.parameters import MASKED
from fargate_guard.sandbox.cloudformation.template import parse_template

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.stack_sets import (
        Outcome,
        StackInstance,
        StackSet,
        StackSetOperation,
    )

Json = dict[str, Any]
NO_GATE = "Function not found: AWSCloudFormationStackSetAccountGate"
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-account-gating.html"""


def _present(document: Json) -> Json:
    return {key: value for key, value in document.items() if value is not None}


def _moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def _shown(stack_set: StackSet, parameters: list[Json]) -> list[Json]:
    """Mask the values of NoEcho parameters.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html (NoEcho)
    """
    declared = parse_template(stack_set.template).get("Parameters") or {}
    secret = {key for key, one in declared.items() if str(one.get("NoEcho", "")).lower() == "true"}
    return [{**one, "ParameterValue": MASKED} if one["ParameterKey"] in secret else one for one in parameters]


def stack_set_shape(stack_set: StackSet) -> Json:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSet.html."""
    settings = stack_set.settings
    return _present(
        {
            **stack_set_summary(stack_set),
            "TemplateBody": stack_set.template,
            "Parameters": _shown(stack_set, stack_set.parameters),
            "Capabilities": stack_set.capabilities,
            "Tags": stack_set.tags,
            "StackSetARN": stack_set.arn,
            "AdministrationRoleARN": settings.get("AdministrationRoleARN"),
            "ExecutionRoleName": settings.get("ExecutionRoleName"),
            "OrganizationalUnitIds": sorted(stack_set.units) if stack_set.is_service_managed else None,
            "Regions": sorted({region for _, region in stack_set.instances}),
        }
    )


def stack_set_summary(stack_set: StackSet) -> Json:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetSummary.html."""
    settings = stack_set.settings
    automatic = settings.get("AutoDeployment")
    return _present(
        {
            "StackSetName": stack_set.name,
            "StackSetId": stack_set.id,
            "Description": settings.get("Description"),
            "Status": stack_set.status,
            "PermissionModel": stack_set.permission_model,
            "AutoDeployment": automatic if stack_set.is_service_managed else None,
            "ManagedExecution": settings.get("ManagedExecution") or {"Active": False},
        }
    )


def instance_shape(stack_set: StackSet, instance: StackInstance) -> Json:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackInstance.html."""
    overrides = _shown(stack_set, instance.overrides)
    return {**instance_summary(stack_set, instance), "ParameterOverrides": overrides}


def instance_summary(stack_set: StackSet, instance: StackInstance) -> Json:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackInstanceSummary.html."""
    return _present(
        {
            "StackSetId": stack_set.id,
            "Region": instance.region,
            "Account": instance.account,
            "StackId": instance.stack_id,
            "Status": instance.status,
            "StatusReason": instance.reason,
            "StackInstanceStatus": {"DetailedStatus": instance.detailed_status},
            "OrganizationalUnitId": instance.unit,
            "DriftStatus": instance.drift,
            "LastDriftCheckTimestamp": _moment(instance.drift_checked_at),
            "LastOperationId": instance.last_operation_id,
        }
    )


def operation_summary(operation: StackSetOperation) -> Json:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperationSummary.html."""
    failed = sum(outcome.status == "FAILED" for outcome in operation.outcomes.values())
    return _present(
        {
            "OperationId": operation.id,
            "Action": operation.action,
            "Status": operation.status,
            "CreationTimestamp": _moment(operation.created_at),
            "EndTimestamp": _moment(operation.ended_at),
            "StatusDetails": {"FailedStackInstancesCount": failed},
            "OperationPreferences": operation.preferences,
        }
    )


def operation_shape(stack_set: StackSet, operation: StackSetOperation) -> Json:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperation.html."""
    return _present(
        {
            **operation_summary(operation),
            "StackSetId": stack_set.id,
            "RetainStacks": operation.retain_stacks if operation.action == "DELETE" else None,
            "AdministrationRoleARN": stack_set.settings.get("AdministrationRoleARN"),
            "ExecutionRoleName": stack_set.settings.get("ExecutionRoleName"),
            "DeploymentTargets": operation.targets,
        }
    )


def outcome_shape(outcome: Outcome) -> Json:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperationResultSummary.html."""
    return _present(
        {
            "Account": outcome.account,
            "Region": outcome.region,
            "Status": outcome.status,
            "StatusReason": outcome.reason,
            "OrganizationalUnitId": outcome.unit,
            "AccountGateResult": {"Status": "SKIPPED", "StatusReason": NO_GATE},
        }
    )
