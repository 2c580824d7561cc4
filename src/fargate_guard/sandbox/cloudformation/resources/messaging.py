"""SNS and SQS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, found
from fargate_guard.sandbox.cloudformation.resources.request import attribute_text
from fargate_guard.sandbox.cloudformation.resources.schemas import schema_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

    Properties = Mapping[str, Any]

Json = Any


class _Attributed(ApiType):
    """A type most of whose properties are one map of attributes, all of them text."""

    gets = ""
    sets = ""

    def attributes_in(self, properties: Properties) -> dict[str, str]:
        """Return the properties that are attributes."""
        names = schema_of(self.name).properties - {"Tags", "Subscription", self.name_property}
        return {key: attribute_text(value) for key, value in properties.items() if key in names}

    def create_request(self, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """Name, attributes, tags."""
        request = super().create_request(properties, context)
        return {**request, "Attributes": self.attributes_in(properties)}

    def put_attributes(self, physical_id: str, changed: dict[str, str], context: ResourceContext) -> None:
        """Set attributes."""
        self.call(context, self.sets, {self.key: physical_id, "Attributes": changed})

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Set what differs."""
        before = self.attributes_in(old)
        changed = {key: value for key, value in self.attributes_in(new).items() if before.get(key) != value}
        if changed:
            self.put_attributes(physical_id, changed, context)

    def description(
        self,
        physical_id: str,
        properties: Properties,  # noqa: ARG002
        context: ResourceContext,
    ) -> Properties | None:
        """All attributes."""
        request = {self.key: physical_id, **({"AttributeNames": ["All"]} if self.service == "sqs" else {})}
        answer = found(lambda: self.call(context, self.gets, request))
        return None if answer is None else answer["Attributes"]


class Topic(_Attributed):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-topic.html."""

    name = "AWS::SNS::Topic"
    not_simulated = frozenset({"ArchivePolicy", "DataProtectionPolicy", "DeliveryStatusLogging"})
    service = "sns"
    creates, deletes, key, physical = "CreateTopic", "DeleteTopic", "TopicArn", "TopicArn"
    gets, sets = "GetTopicAttributes", "SetTopicAttributes"
    attributes = {"TopicArn": "@", "TopicName": "Name"}
    renames = {"TopicName": "Name"}
    name_property, longest_name = "TopicName", 256

    def finish(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Subscriptions come after the topic."""
        for subscription in properties.get("Subscription") or ():
            self.call(context, "Subscribe", {"TopicArn": physical_id, **subscription})

    def put_attributes(self, physical_id: str, changed: dict[str, str], context: ResourceContext) -> None:
        """SNS sets one attribute at a time."""
        for key, value in changed.items():
            request = {"TopicArn": physical_id, "AttributeName": key, "AttributeValue": value}
            self.call(context, self.sets, request)

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """The name is part of the ARN."""
        topic = super().description(physical_id, properties, context)
        return topic and {**topic, "Name": physical_id.rsplit(":", 1)[-1]}


class Queue(_Attributed):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html."""

    name = "AWS::SQS::Queue"
    service = "sqs"
    creates, deletes, key, physical = "CreateQueue", "DeleteQueue", "QueueUrl", "QueueUrl"
    gets, sets = "GetQueueAttributes", "SetQueueAttributes"
    attributes = {"Arn": "QueueArn", "QueueUrl": "@", "QueueName": "Name"}
    name_property, longest_name = "QueueName", 80

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """The name is part of the URL."""
        queue = super().description(physical_id, properties, context)
        return queue and {**queue, "Name": physical_id.rsplit("/", 1)[-1]}


TYPES = (Topic(), Queue())
