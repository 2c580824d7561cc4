"""What starts tasks: EventBridge's rules and schedules, and Step Functions' state machines.

The sandbox keeps them; it starts nothing by them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

    Properties = Mapping[str, Any]

Json = Any


class Rule(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-rule.html."""

    name = "AWS::Events::Rule"
    service = "events"
    creates, deletes, key, physical = "PutRule", "DeleteRule", "Name", "{Name}"
    describes = ("DescribeRule", "Name", "")
    attributes = {"Arn": "Arn"}
    not_simulated = frozenset({"EventBusName"})
    name_property = "Name"

    def finish(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Targets are put by a call of their own."""
        if properties.get("Targets"):
            targets = {"Targets": properties["Targets"]}
            self.call(context, "PutTargets", {**self.request("PutTargets", targets, context), "Rule": physical_id})

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Put both anew."""
        kept = {target["Id"] for target in new.get("Targets") or ()}
        gone = [target["Id"] for target in old.get("Targets") or () if target["Id"] not in kept]
        if gone:
            self.call(context, "RemoveTargets", {"Rule": physical_id, "Ids": gone})
        self.call(context, "PutRule", self.request("PutRule", {**new, "Name": physical_id}, context))
        self.finish(physical_id, new, context)

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """A rule goes without its targets."""
        ids = [target["Id"] for target in properties.get("Targets") or ()]
        if ids and self.description(physical_id, properties, context) is not None:
            self.call(context, "RemoveTargets", {"Rule": physical_id, "Ids": ids})
        super().delete(physical_id, properties, context)


class Schedule(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-scheduler-schedule.html."""

    name = "AWS::Scheduler::Schedule"
    service = "scheduler"
    creates, deletes, key, physical = "CreateSchedule", "DeleteSchedule", "Name", "{Name}"
    attributes = {"Arn": "Arn"}
    name_property = "Name"

    def identity(self, physical_id: str, properties: Properties) -> dict[str, Json]:
        """Name and group."""
        group = {"GroupName": properties["GroupName"]} if properties.get("GroupName") else {}
        return {"Name": physical_id, **group}

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:  # noqa: ARG002
        """An update says all of it."""
        request = self.request("UpdateSchedule", {**new, "Name": physical_id}, context)
        self.call(context, "UpdateSchedule", request)

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """GetSchedule."""
        which = self.identity(physical_id, properties)
        answer: Properties | None = found(lambda: self.call(context, "GetSchedule", which))
        return answer


class StateMachine(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html."""

    name = "AWS::StepFunctions::StateMachine"
    service = "stepfunctions"
    creates, deletes = "CreateStateMachine", "DeleteStateMachine"
    key, physical = "stateMachineArn", "stateMachineArn"
    describes = ("DescribeStateMachine", "stateMachineArn", "")
    attributes = {"Arn": "@", "Name": "name"}
    renames = {"StateMachineName": "name", "StateMachineType": "type"}
    not_simulated = frozenset({"DefinitionS3Location"})
    name_property, longest_name = "StateMachineName", 80

    def request(self, operation: str, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """The definition is text, or an object, with substitutions in it."""
        others = {key: value for key, value in properties.items() if key not in ("Definition", "DefinitionString")}
        return {**super().request(operation, others, context), "definition": _definition(properties)}

    def live(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """The definition is compared with its substitutions."""
        live = super().live(physical_id, properties, context)
        found = self.description(physical_id, properties, context)
        if live is None or found is None:
            return None
        as_made = found["definition"] == _definition(properties)
        ours = ("Definition", "DefinitionString", "DefinitionSubstitutions")
        told = {key: properties[key] if as_made else found["definition"] for key in ours if key in properties}
        return {**live, **told}

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:  # noqa: ARG002
        """Update what may change."""
        request = self.request("UpdateStateMachine", new, context)
        self.call(context, "UpdateStateMachine", {**request, "stateMachineArn": physical_id})

    def retag(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Tags stay as they were made."""


def _definition(properties: Properties) -> str:
    text = properties.get("DefinitionString") or json.dumps(properties.get("Definition") or {})
    for key, value in (properties.get("DefinitionSubstitutions") or {}).items():
        text = text.replace(f"${{{key}}}", str(value))
    return str(text)


TYPES = (Rule(), Schedule(), StateMachine())
