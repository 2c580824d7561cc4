"""CloudFormation's own types: macros, nested stacks and wait handles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fargate_guard.sandbox.cloudformation.resource_type import Made, ResourceFailed
from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, at, found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.backend import StackBackend
    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

    Properties = Mapping[str, Any]

Json = Any
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
"""A nested stack has those that its parent was given; the parent's are checked with the nested template."""


def backend(context: ResourceContext) -> StackBackend:
    """Return CloudFormation of the stack's account and Region."""
    from moto.cloudformation.models import cloudformation_backends

    return cast("StackBackend", cloudformation_backends[context.account_id][context.region])


class Macro(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-macro.html."""

    name = "AWS::CloudFormation::Macro"
    service = "cloudformation"

    def create(self, properties: Properties, context: ResourceContext) -> Made:
        """Register the macro; names are unique in an account and Region."""
        self.check(properties, context)
        name = str(properties["Name"])
        if name in backend(context).macros:
            message = f"{name} already exists"
            raise ResourceFailed(message)
        backend(context).macros[name] = dict(properties)
        return Made(name)

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:  # noqa: ARG002
        """Register it anew."""
        backend(context).macros[physical_id] = dict(new)

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:  # noqa: ARG002
        """Forget the macro."""
        backend(context).macros.pop(physical_id, None)

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:  # noqa: ARG002
        """What it was registered with."""
        return backend(context).macros.get(physical_id)


class WaitConditionHandle(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-waitconditionhandle.html."""

    name = "AWS::CloudFormation::WaitConditionHandle"
    service = "cloudformation"

    def create(self, properties: Properties, context: ResourceContext) -> Made:
        """A URL to which nobody needs to send anything: wait conditions are not simulated."""
        self.check(properties, context)
        host = f"cloudformation-waitcondition-{context.region}.s3.{context.region}.amazonaws.com"
        return Made(f"https://{host}/{context.stack_id}/{context.token}/{context.logical_id}")

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Nothing is there to be deleted."""

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:  # noqa: ARG002
        """It has no properties."""
        return {}


class NestedStack(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stack.html."""

    name = "AWS::CloudFormation::Stack"
    service = "cloudformation"
    creates, deletes, key, physical = "CreateStack", "DeleteStack", "StackName", "StackId"
    describes = ("DescribeStacks", "StackName", "Stacks.0")

    def create_request(self, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """A nested stack that fails is left to its parent's rollback."""
        return {
            **self._wanted(properties, context),
            "StackName": context.generated_name(128),
            "OnFailure": "DO_NOTHING",
            **(
                {"TimeoutInMinutes": int(properties["TimeoutInMinutes"])}
                if "TimeoutInMinutes" in properties
                else {}
            ),
        }

    def _wanted(self, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        parameters = [
            {"ParameterKey": key, "ParameterValue": ",".join(value) if isinstance(value, list) else str(value)}
            for key, value in (properties.get("Parameters") or {}).items()
        ]
        tags = {
            key: value for key, value in self.all_tags(properties, context).items() if not key.startswith("aws:")
        }
        return {
            "TemplateURL": properties["TemplateURL"],
            "Parameters": parameters,
            "Capabilities": CAPABILITIES,
            "NotificationARNs": list(properties.get("NotificationARNs") or []),
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }

    def finish(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:  # noqa: ARG002
        """Tell CloudFormation whose stack it is."""
        stacks = backend(context).stacks
        stacks[physical_id].parent = stacks.get(context.stack_id)

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:  # noqa: ARG002
        """Update the nested stack; only its template may have changed, behind the same URL."""
        from botocore.exceptions import ClientError

        try:
            self.call(context, "UpdateStack", {**self._wanted(new, context), "StackName": physical_id})
        except ClientError as error:
            if "No updates are to be performed" not in error.response["Error"]["Message"]:
                raise

    def retag(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Tags are part of the update."""

    def made(self, physical_id: str, properties: Properties, context: ResourceContext) -> Made:
        """``Outputs.Name``, as far as the stack has come; the engine asks :meth:`outputs` when it is stable."""
        return Made(physical_id, self.outputs(physical_id, properties, context))

    def outputs(self, physical_id: str, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """Return the stack's outputs as attributes."""
        stack = self.description(physical_id, properties, context) or {}
        return {f"Outputs.{each['OutputKey']}": each["OutputValue"] for each in stack.get("Outputs") or ()}

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Deleted stacks are shown by ID."""
        stack = found(lambda: super(NestedStack, self).description(physical_id, properties, context))
        if stack is None or stack["StackStatus"] in ("DELETE_COMPLETE", "DELETE_IN_PROGRESS"):
            return None
        parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters") or ()}
        return {**stack, "Parameters": parameters}

    def _status(self, physical_id: str, context: ResourceContext) -> tuple[str, str]:
        stack = at(self.call(context, "DescribeStacks", {"StackName": physical_id}), "Stacks.0")
        return stack["StackStatus"], stack.get("StackStatusReason", "")

    def pending(self, physical_id: str, properties: Properties, context: ResourceContext) -> str | None:
        """Wait until the nested stack is complete."""
        status, reason = self._status(physical_id, context)
        if status.endswith("_IN_PROGRESS"):
            return f"nested stack {physical_id} is {status}"
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return None
        if status == "UPDATE_ROLLBACK_COMPLETE" and self._is_as_wanted(physical_id, properties, context):
            return None
        verb = "updated" if status.startswith("UPDATE") else "created"
        message = f"Embedded stack {physical_id} was not successfully {verb}: {reason}".rstrip(": ")
        raise ResourceFailed(message)

    def _is_as_wanted(self, physical_id: str, properties: Properties, context: ResourceContext) -> bool:
        """Whether the nested stack rolled back to what its parent, rolling back as well, wants."""
        from fargate_guard.sandbox.cloudformation.submission import text_at

        target = backend(context).stacks[physical_id].target
        text = text_at(backend(context), properties["TemplateURL"])
        live = self.live(physical_id, properties, context) or {}
        return (
            target is not None
            and target.template.text == text
            and live.get("Parameters") == properties.get("Parameters")
        )

    def deleting(self, physical_id: str, properties: Properties, context: ResourceContext) -> str | None:  # noqa: ARG002
        """Wait until the nested stack is gone."""
        status, reason = self._status(physical_id, context)
        if status == "DELETE_FAILED":
            message = f"Embedded stack {physical_id} was not successfully deleted: {reason}"
            raise ResourceFailed(message)
        return None if status == "DELETE_COMPLETE" else f"nested stack {physical_id} is {status}"


TYPES = (Macro(), WaitConditionHandle(), NestedStack())
