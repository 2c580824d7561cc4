"""The calls on stack sets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult

from fargate_guard.sandbox.cloudformation import stack_sets_shapes as shapes
from fargate_guard.sandbox.cloudformation.calls import Calls, Json
from fargate_guard.sandbox.cloudformation.capabilities import check_capabilities
from fargate_guard.sandbox.cloudformation.errors import NotSimulated, ValidationFailed
from fargate_guard.sandbox.cloudformation.stack_sets import SERVICE_MANAGED, Place, StackSet
from fargate_guard.sandbox.cloudformation.stack_sets_accounts import (
    NO_ACCESS,
    accounts_below,
    check_creation,
    has_access,
    set_access,
    target_accounts,
)
from fargate_guard.sandbox.cloudformation.stack_sets_errors import (
    InvalidOperation,
    NameAlreadyExists,
    StackInstanceNotFound,
    StackSetNotEmpty,
)
from fargate_guard.sandbox.cloudformation.stack_sets_registry import StackSets, stack_sets_of
from fargate_guard.sandbox.cloudformation.submission import template_text
from fargate_guard.sandbox.cloudformation.template import Template, check_template, parse_template

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.stack_sets import StackInstance

NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")
SETTINGS = (
    *("Description", "AdministrationRoleARN", "ExecutionRoleName", "AutoDeployment", "ManagedExecution"),
    "ClientRequestToken",
)
PAGE = 100
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackInstances.html"""


class StackSetCalls(Calls):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html."""

    @property
    def _sets(self) -> StackSets:
        return stack_sets_of(self._backend)

    def _known(self) -> StackSet:
        if self._request.get("CallAs", "SELF") != "SELF":
            what = "delegated administrators of stack sets"
            raise NotSimulated(what)
        return self._sets.of(self._request["StackSetName"])

    def _summaries(self, items: list[Any]) -> ActionResult:
        return self._page("Summaries", items, int(self._request.get("MaxResults") or PAGE))

    # Stack sets.

    def create_stack_set(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html."""
        request = self._request
        name = request["StackSetName"]
        if not NAME.fullmatch(name):
            message = (
                f"1 validation error detected: Value '{name}' at 'stackSetName' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
            )
            raise ValidationFailed(message)
        existing = self._sets.find(name)
        if existing is not None:
            token = request.get("ClientRequestToken")
            if token and token == existing.settings.get("ClientRequestToken"):
                return ActionResult({"StackSetId": existing.id})
            message = f"StackSet {name} already exists"
            raise NameAlreadyExists(message)
        stack_set = StackSet(
            name=name,
            account=self.current_account,
            region=self.region,
            partition=self.partition,
            template=self._template(),
            parameters=list(request.get("Parameters") or []),
            capabilities=list(request.get("Capabilities") or []),
            tags=list(request.get("Tags") or []),
            permission_model=request.get("PermissionModel") or "SELF_MANAGED",
            settings={key: request[key] for key in SETTINGS if key in request},
        )
        self._check_model(stack_set)
        self._sets.sets.append(stack_set)
        return ActionResult({"StackSetId": stack_set.id})

    def _template(self, stack_set: StackSet | None = None) -> str:
        request = self._request
        if stack_set is not None and request.get("UsePreviousTemplate"):
            text = stack_set.template
        else:
            text = template_text(self._backend, request)
        template = Template(text, parse_template(text))
        check_template(template)
        check_capabilities(template, request.get("Capabilities") or [])
        return text

    def _check_model(self, stack_set: StackSet) -> None:
        automatic = stack_set.settings.get("AutoDeployment")
        if stack_set.permission_model != SERVICE_MANAGED:
            if automatic:
                message = "AutoDeployment is only supported for StackSets with SERVICE_MANAGED permission model"
                raise ValidationFailed(message)
            return
        if not has_access(self.current_account):
            raise ValidationFailed(NO_ACCESS)
        if not automatic:
            message = "AutoDeployment is required when using SERVICE_MANAGED PermissionModel"
            raise ValidationFailed(message)

    def update_stack_set(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStackSet.html."""
        request, stack_set = self._request, self._known()
        template = self._template(stack_set)
        if request.get("AutoDeployment") and (request.get("DeploymentTargets") or request.get("Regions")):
            message = "AutoDeployment cannot be specified together with DeploymentTargets or Regions"
            raise ValidationFailed(message)
        parameters = _with_previous(stack_set, request.get("Parameters") or [])
        places = self._places(stack_set, request) if request.get("Regions") else _all_places(stack_set)
        operation = self._sets.start(stack_set, "UPDATE", places, {**request, "ParameterOverrides": None})
        stack_set.template, stack_set.parameters = template, parameters
        stack_set.capabilities = list(request.get("Capabilities") or [])
        stack_set.tags = list(request.get("Tags") or stack_set.tags)
        if not stack_set.deploys_automatically:
            stack_set.members.clear()  # only accounts that join from now on are followed
        stack_set.settings |= {key: request[key] for key in SETTINGS if key in request}
        for instance in stack_set.instances.values():
            instance.status = "INOPERABLE" if instance.status == "INOPERABLE" else "OUTDATED"
        return ActionResult({"OperationId": operation.id})

    def delete_stack_set(self) -> EmptyResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStackSet.html."""
        stack_set = self._sets.find(self._request["StackSetName"])
        if stack_set is not None:
            if stack_set.instances:
                raise StackSetNotEmpty
            stack_set.status = "DELETED"
        return EmptyResult()

    def describe_stack_set(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackSet.html."""
        return ActionResult({"StackSet": shapes.stack_set_shape(self._known())})

    def list_stack_sets(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackSets.html."""
        wanted = self._request.get("Status")
        sets = [each for each in self._sets.sets if wanted in (None, each.status)]
        return self._summaries([shapes.stack_set_summary(each) for each in sets])

    # Instances.

    def _places(self, stack_set: StackSet, request: Json) -> dict[Place, str | None]:
        """Return the accounts and Regions that a request names."""
        if stack_set.is_service_managed and not has_access(self.current_account):
            raise ValidationFailed(NO_ACCESS)
        accounts = target_accounts(stack_set, request)
        return {(account, region): unit for region in request["Regions"] for account, unit in accounts.items()}

    def create_stack_instances(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackInstances.html."""
        request, stack_set = self._request, self._known()
        check_creation(request)
        places = self._places(stack_set, request)
        operation = self._sets.start(stack_set, "CREATE", places, request)
        targets = request.get("DeploymentTargets") or {}
        for unit in targets.get("OrganizationalUnitIds") or ():
            stack_set.units.setdefault(unit, set()).update(request["Regions"])
            stack_set.members.setdefault(unit, set(accounts_below(stack_set.account, unit)))
        return ActionResult({"OperationId": operation.id})

    def update_stack_instances(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStackInstances.html."""
        request, stack_set = self._request, self._known()
        places = {
            key: unit for key, unit in self._places(stack_set, request).items() if key in stack_set.instances
        }
        if not places:
            message = "No stack instances found for the given accounts and regions"
            raise StackInstanceNotFound(message)
        return ActionResult({"OperationId": self._sets.start(stack_set, "UPDATE", places, request).id})

    def delete_stack_instances(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStackInstances.html."""
        request, stack_set = self._request, self._known()
        wanted = self._places(stack_set, request)
        places = {key: unit for key, unit in wanted.items() if key in stack_set.instances}
        operation = self._sets.start(stack_set, "DELETE", places, request)
        targets = request.get("DeploymentTargets") or {}
        for unit in targets.get("OrganizationalUnitIds") or () if not targets.get("Accounts") else ():
            stack_set.units.get(unit, set()).difference_update(request["Regions"])
            if not stack_set.units.get(unit):
                stack_set.units.pop(unit, None)
        return ActionResult({"OperationId": operation.id})

    def describe_stack_instance(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackInstance.html."""
        request, stack_set = self._request, self._known()
        place = (request["StackInstanceAccount"], request["StackInstanceRegion"])
        if place not in stack_set.instances:
            where = f"account: {place[0]}, region: {place[1]}"
            message = f"Stack instance not found for stack set: {stack_set.name}, {where}"
            raise StackInstanceNotFound(message)
        return ActionResult({"StackInstance": shapes.instance_shape(stack_set, stack_set.instances[place])})

    def list_stack_instances(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackInstances.html."""
        request, stack_set = self._request, self._known()
        found = [each for each in stack_set.instances.values() if _is_wanted(each, request)]
        return self._summaries([shapes.instance_summary(stack_set, each) for each in found])

    # Operations.

    def describe_stack_set_operation(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackSetOperation.html."""
        stack_set = self._known()
        operation = self._sets.operation_of(stack_set, self._request["OperationId"])
        return ActionResult({"StackSetOperation": shapes.operation_shape(stack_set, operation)})

    def list_stack_set_operations(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackSetOperations.html."""
        operations = reversed(self._known().operations.values())
        return self._summaries([shapes.operation_summary(each) for each in operations])

    def list_stack_set_operation_results(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackSetOperationResults.html."""
        operation = self._sets.operation_of(self._known(), self._request["OperationId"])
        wanted = {each["Values"] for each in self._request.get("Filters") or ()}
        outcomes = [each for each in operation.outcomes.values() if not wanted or each.status in wanted]
        return self._summaries([shapes.outcome_shape(each) for each in outcomes])

    def stop_stack_set_operation(self) -> EmptyResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StopStackSetOperation.html."""
        operation = self._sets.operation_of(self._known(), self._request["OperationId"])
        if not operation.is_running:
            message = f"Operation {operation.id} is not in a state that can be stopped"
            raise InvalidOperation(message)
        operation.status = "STOPPING"
        return EmptyResult()

    def detect_stack_set_drift(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DetectStackSetDrift.html."""
        request, stack_set = self._request, self._known()
        places = {key: each.unit for key, each in stack_set.instances.items() if each.stack_id is not None}
        return ActionResult({"OperationId": self._sets.start(stack_set, "DETECT_DRIFT", places, request).id})

    # Organizations.

    def activate_organizations_access(self) -> EmptyResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ActivateOrganizationsAccess.html."""
        set_access(self.current_account, enabled=True)
        return EmptyResult()

    def deactivate_organizations_access(self) -> EmptyResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeactivateOrganizationsAccess.html."""
        set_access(self.current_account, enabled=False)
        return EmptyResult()

    def describe_organizations_access(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeOrganizationsAccess.html."""
        return ActionResult({"Status": "ENABLED" if has_access(self.current_account) else "DISABLED"})


def _with_previous(stack_set: StackSet, parameters: list[Json]) -> list[Json]:
    """Return parameters with their values.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html (UsePreviousValue)

    :raises ValidationFailed: when one that is to keep its value has none.
    """
    previous = {each["ParameterKey"]: each for each in stack_set.parameters}
    asked = [each["ParameterKey"] for each in parameters if each.get("UsePreviousValue")]
    unknown = [key for key in asked if key not in previous]
    if unknown:
        message = f"Invalid input for parameter key {unknown[0]}. Cannot specify usePreviousValue as true"
        raise ValidationFailed(f"{message} for a parameter key not in the previous template")
    return [previous[each["ParameterKey"]] if each.get("UsePreviousValue") else each for each in parameters]


def _all_places(stack_set: StackSet) -> dict[Place, str | None]:
    """Every instance; those that cannot be operated on are left out."""
    return {key: each.unit for key, each in stack_set.instances.items() if each.status != "INOPERABLE"}


def _is_wanted(instance: StackInstance, request: Json) -> bool:
    wanted = {each["Name"]: each["Values"] for each in request.get("Filters") or ()}
    return (
        request.get("StackInstanceAccount") in (None, instance.account)
        and request.get("StackInstanceRegion") in (None, instance.region)
        and wanted.get("DETAILED_STATUS") in (None, instance.detailed_status)
        and wanted.get("LAST_OPERATION_ID") in (None, instance.last_operation_id)
    )
