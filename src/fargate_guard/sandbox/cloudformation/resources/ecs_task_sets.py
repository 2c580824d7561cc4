"""ECS: the task sets of services that ECS does not deploy itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resource_type import Made
from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, at, found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

    Properties = Mapping[str, Any]

Json = Any


class TaskSet(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-taskset.html."""

    name = "AWS::ECS::TaskSet"
    service = "ecs"
    creates, deletes = "CreateTaskSet", "DeleteTaskSet"

    def physical_id(self, answer: Properties, request: Properties) -> str:
        """Cluster, service and ID, as the type's primary identifier has it."""
        return "|".join((request["cluster"], request["service"], answer["taskSet"]["id"]))

    def made(self, physical_id: str, properties: Properties, context: ResourceContext) -> Made:  # noqa: ARG002
        """``Fn::GetAtt`` gives the ID."""
        return Made(physical_id, {"Id": physical_id.rpartition("|")[2]})

    def identity(self, physical_id: str, properties: Properties) -> dict[str, Json]:
        """What the operations on task sets want."""
        which = {"cluster": properties["Cluster"], "service": properties["Service"]}
        return {**which, "taskSet": physical_id.rpartition("|")[2]}

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """CloudFormation deletes task sets whatever their scale is."""
        if self.description(physical_id, properties, context) is not None:
            self.call(context, self.deletes, {**self.identity(physical_id, properties), "force": True})

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Only the scale changes."""
        if old.get("Scale") != new.get("Scale"):
            share = {"scale": new.get("Scale", {"Value": 100, "Unit": "PERCENT"})}
            request = self.request("UpdateTaskSet", share, context)
            self.call(context, "UpdateTaskSet", {**request, **self.identity(physical_id, new)})

    def retag(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """The sandbox's task sets keep the tags that they were made with."""

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """One that drains is gone for CloudFormation."""
        answer = self._task_set(physical_id, properties, context)
        return None if answer is None or answer["status"] == "DRAINING" else answer

    def _task_set(self, physical_id: str, properties: Properties, context: ResourceContext) -> Json:
        which = self.identity(physical_id, properties)
        request = {"cluster": which["cluster"], "service": which["service"], "taskSets": [which["taskSet"]]}
        return at(found(lambda: self.call(context, "DescribeTaskSets", request)), "taskSets.0")

    def deleting(self, physical_id: str, properties: Properties, context: ResourceContext) -> str | None:
        """Wait until its last task has stopped."""
        left = self._task_set(physical_id, properties, context)
        return None if left is None else f"task set {left['id']} is draining"


class PrimaryTaskSet(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-primarytaskset.html."""

    name = "AWS::ECS::PrimaryTaskSet"
    service = "ecs"
    creates = "UpdateServicePrimaryTaskSet"
    renames = {"TaskSetId": "primaryTaskSet"}

    def physical_id(self, answer: Properties, request: Properties) -> str:  # noqa: ARG002
        """A service has one."""
        return f"{request['cluster']}|{request['service']}"

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:  # noqa: ARG002
        """Make another one primary."""
        if old != new:
            self.call(context, self.creates, self.request(self.creates, new, context))

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Which one is primary stays as it is."""

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:  # noqa: ARG002
        """What the template says; a service that is gone has none."""
        request = {"cluster": properties["Cluster"], "services": [properties["Service"]]}
        return (
            properties
            if at(found(lambda: self.call(context, "DescribeServices", request)), "services.0")
            else None
        )


TYPES = (TaskSet(), PrimaryTaskSet())
