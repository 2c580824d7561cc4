"""The stack sets of one account and Region: looking them up, and the operations on them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.errors import ValidationFailed
from fargate_guard.sandbox.cloudformation.stack_sets import Outcome, StackInstance, StackSet, StackSetOperation
from fargate_guard.sandbox.cloudformation.stack_sets_accounts import accounts_below, inactive_accounts
from fargate_guard.sandbox.cloudformation.stack_sets_errors import (
    OperationIdExists,
    OperationInProgress,
    OperationNotFound,
    StackSetNotFound,
)
from fargate_guard.sandbox.cloudformation.stack_sets_work import advance_operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.backend import StackBackend

Json = dict[str, Any]


class StackSets:
    """The stack sets of one account and Region."""

    def __init__(self, backend: StackBackend) -> None:
        """Begin without any.

        :param backend: knows the time, the account and the Region.
        """
        self.backend = backend
        self.sets: list[StackSet] = []
        """Oldest first; deleted ones stay."""

    def find(self, name: str) -> StackSet | None:
        """Find a stack set by name, ID or ARN; a deleted one by its ID only."""
        short = name.rsplit("stackset/", maxsplit=1)[-1]
        for each in self.sets:
            if each.id == short or (each.name == short and each.status == "ACTIVE"):
                return each
        return None

    def of(self, name: str) -> StackSet:
        """Find a stack set.

        :raises StackSetNotFound: "StackSet x not found".
        """
        found = self.find(name)
        if found is None:
            raise StackSetNotFound(name)
        return found

    def operation_of(self, stack_set: StackSet, operation_id: str) -> StackSetOperation:
        """Find an operation.

        :raises OperationNotFound: when there is none.
        """
        found = stack_set.operations.get(operation_id)
        if found is None:
            message = f"Operation {operation_id} not found"
            raise OperationNotFound(message)
        return found

    def start(
        self,
        stack_set: StackSet,
        action: str,
        places: Mapping[tuple[str, str], str | None],
        request: Json,
        *,
        queues: bool = False,
    ) -> StackSetOperation:
        """Begin an operation; its first step follows when time goes on.

        :param places: accounts and Regions, each with the account's organizational unit.
        :param queues: whether it waits for another one, as with managed execution.
        :raises OperationInProgress: while another one runs.
        """
        operation_id = request.get("OperationId") or str(uuid.uuid4())
        if operation_id in stack_set.operations:
            message = f"Operation {operation_id} already exists"
            raise OperationIdExists(message)
        other = stack_set.running
        if other is not None and not (stack_set.is_managed or queues):
            message = f"Another Operation on StackSet {stack_set.arn} is in progress: {other.id}"
            raise OperationInProgress(message)
        preferences = dict(request.get("OperationPreferences") or {})
        places = self._without_skipped(stack_set, action, places, request)
        operation = StackSetOperation(
            id=operation_id,
            action=action,
            created_at=self.backend.now,
            preferences=preferences,
            regions=_ordered({region for _, region in places}, preferences.get("RegionOrder") or []),
            outcomes={place: Outcome(*place, unit=unit) for place, unit in places.items()},
            overrides=request.get("ParameterOverrides"),
            targets=request.get("DeploymentTargets"),
            retain_stacks=bool(request.get("RetainStacks")),
        )
        stack_set.operations[operation_id] = operation
        for place, unit in places.items():
            if action == "CREATE":
                stack_set.instances.setdefault(place, StackInstance(*place, unit=unit))
            if place in stack_set.instances and action != "DETECT_DRIFT":
                instance = stack_set.instances[place]
                instance.status, instance.detailed_status, instance.reason = "OUTDATED", "PENDING", None
        operation.status = "QUEUED" if other is not None else "RUNNING"
        return operation

    def _without_skipped(
        self,
        stack_set: StackSet,
        action: str,
        places: Mapping[tuple[str, str], str | None],
        request: Json,
    ) -> dict[tuple[str, str], str | None]:
        """Skip suspended accounts, unless their stacks are only to be forgotten.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackInstanceComprehensiveStatus.html
        https://repost.aws/knowledge-center/cloudformation-removal-stacksets
        """
        inactive = inactive_accounts(stack_set.account) if stack_set.is_service_managed else frozenset()
        if action == "DELETE" and request.get("RetainStacks"):
            inactive = frozenset()
        for place in places:
            if place[0] in inactive and place in stack_set.instances:
                instance = stack_set.instances[place]
                instance.status, instance.detailed_status = "OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT"
        return {place: unit for place, unit in places.items() if place[0] not in inactive}

    def advance(self) -> None:
        """Let every stack set's oldest operation go on, and begin those that the organization asks for."""
        for stack_set in self.sets:
            running = stack_set.running
            if running is not None:
                advance_operation(stack_set, running, self.backend.now)
            elif stack_set.status == "ACTIVE" and stack_set.deploys_automatically and stack_set.units:
                self._follow_organization(stack_set)

    def _follow_organization(self, stack_set: StackSet) -> None:
        """Accounts that join an organizational unit get stacks; those of accounts that leave go.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-manage-auto-deployment.html
        """
        inactive = inactive_accounts(stack_set.account)
        for unit, regions in stack_set.units.items():
            try:
                accounts = set(accounts_below(stack_set.account, unit))
            except ValidationFailed:
                continue  # the unit is gone
            known = stack_set.members.setdefault(unit, accounts)
            joined, left = accounts - known - inactive, known - accounts
            stack_set.members[unit] = (known | joined) - left
            joining = {(account, region): unit for account in sorted(joined) for region in sorted(regions)}
            joining = {place: unit for place, unit in joining.items() if place not in stack_set.instances}
            leaving = {
                place: instance.unit
                for place, instance in stack_set.instances.items()
                if instance.unit == unit and place[0] in left and instance.status != "INOPERABLE"
            }
            for action, places in (("CREATE", joining), ("DELETE", leaving)):
                if places:
                    self._start_automatic(stack_set, action, places)

    def _start_automatic(
        self, stack_set: StackSet, action: str, places: Mapping[tuple[str, str], str | None]
    ) -> None:
        """Begin an operation of the organization's; it is queued behind one that runs.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperation.html (QUEUED)
        """
        retain = (stack_set.settings.get("AutoDeployment") or {}).get("RetainStacksOnAccountRemoval")
        request = {"RetainStacks": retain} if action == "DELETE" else {}
        self.start(stack_set, action, places, request, queues=True)


def _ordered(regions: set[str], order: list[str]) -> list[str]:
    """Return Regions in the order that is asked for, the others alphabetically after them."""
    named = [region for region in order if region in regions]
    return [*named, *sorted(regions.difference(named))]


def stack_sets_of(backend: StackBackend) -> StackSets:
    """Return the stack sets of an account and Region; they go when moto empties the account."""
    known: StackSets | None = backend.__dict__.get("stack_sets")
    if known is None:
        known = backend.__dict__["stack_sets"] = StackSets(backend)
    return known


def advance_stack_sets(backend: StackBackend) -> None:
    """Let operations on stack sets go on."""
    if "stack_sets" in backend.__dict__:
        stack_sets_of(backend).advance()
