"""The calls that describe stacks, their resources and events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.core.responses import ActionResult

from fargate_guard.sandbox.cloudformation import shapes
from fargate_guard.sandbox.cloudformation.calls import Calls
from fargate_guard.sandbox.cloudformation.errors import ValidationFailed

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.stack import Stack

STACKS_PER_PAGE = 50
EVENTS_PER_PAGE = 100
RESOURCES_PER_PAGE = 100


class DescriptionCalls(Calls):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html."""

    def describe_stacks(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html."""
        name = self._get_param("StackName")
        stacks = [self._backend.stack_of(name)] if name else self._backend.live_stacks()
        return self._page("Stacks", [shapes.stack(each) for each in stacks], STACKS_PER_PAGE)

    def list_stacks(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html."""
        wanted = self._get_param("StackStatusFilter") or []
        stacks = [each for each in reversed(self._backend.stacks.values()) if not wanted or each.status in wanted]
        return self._page("StackSummaries", [shapes.stack_summary(each) for each in stacks], STACKS_PER_PAGE)

    def describe_stack_events(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html."""
        stack = self._known_stack("Stack [{}] does not exist")
        events = [shapes.event(stack, each) for each in reversed(stack.events)]
        return self._page("StackEvents", events, EVENTS_PER_PAGE)

    def describe_stack_resources(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html."""
        logical_id = self._get_param("LogicalResourceId")
        if self._get_param("StackName"):
            stack = self._known_stack("Stack with id {} does not exist")
        else:
            stack = self._owner(self._get_param("PhysicalResourceId"))
        resources = [each for each in shapes.shown(stack) if logical_id in {None, each.logical_id}]
        return ActionResult({"StackResources": [shapes.resource(stack, each) for each in resources]})

    def describe_stack_resource(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html."""
        stack = self._known_stack("Stack '{}' does not exist")
        logical_id = self._get_param("LogicalResourceId")
        resource = stack.resources.get(logical_id)
        if resource is None:
            message = f"Resource {logical_id} does not exist for stack {stack.name}"
            raise ValidationFailed(message)
        return ActionResult({"StackResourceDetail": shapes.resource_detail(stack, resource)})

    def list_stack_resources(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html."""
        stack = self._known_stack("Stack with id {} does not exist")
        summaries = [shapes.resource_summary(each) for each in shapes.shown(stack)]
        return self._page("StackResourceSummaries", summaries, RESOURCES_PER_PAGE)

    def list_exports(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListExports.html."""
        exports = [
            {"ExportingStackId": stack.id, "Name": name, "Value": value}
            for name, (stack, value) in self._backend.exports().items()
        ]
        return self._page("Exports", exports, STACKS_PER_PAGE)

    def list_imports(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListImports.html."""
        name = self._get_param("ExportName")
        importers = self._backend.importers(name)
        if not importers:
            message = f"Export '{name}' is not imported by any stack."
            raise ValidationFailed(message)
        return self._page("Imports", importers, STACKS_PER_PAGE)

    def _known_stack(self, refusal: str) -> Stack:
        name = self._get_param("StackName")
        found = self._backend.find(name)
        if found is None:
            raise ValidationFailed(refusal.format(name))
        return found

    def _owner(self, physical_id: str) -> Stack:
        for stack in self._backend.live_stacks():
            for resource in stack.resources.values():
                if resource.physical_id == physical_id:
                    return stack
        message = f"Stack for {physical_id} does not exist"
        raise ValidationFailed(message)
