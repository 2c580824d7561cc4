"""Application Auto Scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

    Properties = Mapping[str, Any]

Json = Any
TARGET = ("ResourceId", "ScalableDimension", "ServiceNamespace")
"""What a scalable target is known by, and the parts of its physical ID."""


class ScalableTarget(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalabletarget.html."""

    name = "AWS::ApplicationAutoScaling::ScalableTarget"
    service = "application-autoscaling"
    creates, deletes = "RegisterScalableTarget", "DeregisterScalableTarget"
    attributes = {"Id": "@"}
    ignored = frozenset({"ScheduledActions"})

    def physical_id(self, answer: Properties, request: Properties) -> str:  # noqa: ARG002
        """``service/cluster/name|ecs:service:DesiredCount|ecs``."""
        return "|".join(request[part] for part in TARGET)

    def identity(self, physical_id: str, properties: Properties) -> dict[str, Json]:  # noqa: ARG002
        """Its three parts."""
        return dict(zip(TARGET, physical_id.split("|"), strict=True))

    def finish(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Scheduled actions come after the target."""
        self._schedule(physical_id, [], properties.get("ScheduledActions") or [], context)

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Registering again changes the target."""
        if old != new:
            self.call(context, self.creates, self.request(self.creates, new, context))
        before, after = (properties.get("ScheduledActions") or [] for properties in (old, new))
        self._schedule(physical_id, before, after, context)

    def _schedule(self, target: str, old: list[Json], new: list[Json], context: ResourceContext) -> None:
        names = {action["ScheduledActionName"] for action in new}
        which = self.identity(target, {})
        for action in old:
            if action["ScheduledActionName"] not in names:
                request = {**which, "ScheduledActionName": action["ScheduledActionName"]}
                self.call(context, "DeleteScheduledAction", request)
        for action in new:
            if action not in old:
                self.call(
                    context, "PutScheduledAction", {**which, **self.request("PutScheduledAction", action, context)}
                )

    def tagged(self, physical_id: str, context: ResourceContext) -> str:
        """Targets are tagged by ARN."""
        return str(at(self.description(physical_id, {}, context), "ScalableTargetARN"))

    def description(
        self,
        physical_id: str,
        properties: Properties,
        context: ResourceContext,
    ) -> Properties | None:
        """Find the target by its parts."""
        which = self.identity(physical_id, properties)
        request = {"ResourceIds": [which.pop("ResourceId")], **which}
        return at(self.call(context, "DescribeScalableTargets", request), "ScalableTargets.0")  # type: ignore[no-any-return]


class ScalingPolicy(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalingpolicy.html."""

    name = "AWS::ApplicationAutoScaling::ScalingPolicy"
    service = "application-autoscaling"
    creates, deletes, physical = "PutScalingPolicy", "DeleteScalingPolicy", "PolicyARN"
    attributes = {"Arn": "@"}

    def create_request(self, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """The target may be given as a whole."""
        return {**super().create_request(properties, context), **self._target(properties)}

    @staticmethod
    def _target(properties: Properties) -> dict[str, Json]:
        if "ScalingTargetId" in properties:
            return dict(zip(TARGET, properties["ScalingTargetId"].split("|"), strict=True))
        return {part: properties[part] for part in TARGET}

    def identity(self, physical_id: str, properties: Properties) -> dict[str, Json]:  # noqa: ARG002
        """Name and target."""
        return {"PolicyName": properties["PolicyName"], **self._target(properties)}

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:  # noqa: ARG002
        """Put the policy anew."""
        if old != new:
            request = self.request(self.creates, new, context)
            self.call(context, self.creates, {**request, **self._target(new)})

    def description(
        self,
        physical_id: str,  # noqa: ARG002
        properties: Properties,
        context: ResourceContext,
    ) -> Properties | None:
        """Find the policy by name and target."""
        request = self.identity("", properties)
        names = [request.pop("PolicyName")]
        answer = self.call(context, "DescribeScalingPolicies", {**request, "PolicyNames": names})
        return at(answer, "ScalingPolicies.0")  # type: ignore[no-any-return]


TYPES = (ScalableTarget(), ScalingPolicy())
