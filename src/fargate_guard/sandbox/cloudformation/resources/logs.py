"""CloudWatch Logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, Setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

    Properties = Mapping[str, Any]

Json = Any


class LogGroup(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html."""

    name = "AWS::Logs::LogGroup"
    not_simulated = frozenset(
        {
            *("BearerTokenAuthenticationEnabled", "DataProtectionPolicy", "DeletionProtectionEnabled"),
            *("FieldIndexPolicies", "ResourcePolicyDocument"),
        }
    )
    service = "logs"
    creates, deletes, key, physical = "CreateLogGroup", "DeleteLogGroup", "logGroupName", "{logGroupName}"
    attributes = {"Arn": "arn"}
    settings = (Setting("PutRetentionPolicy", ("RetentionInDays",)),)
    name_property, longest_name = "LogGroupName", 512

    def put(self, setting: Setting, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Without a retention, log lines stay for ever."""
        if "RetentionInDays" in properties:
            super().put(setting, physical_id, properties, context)
        else:
            self.call(context, "DeleteRetentionPolicy", {"logGroupName": physical_id})

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Keys are associated and disassociated."""
        if old.get("KmsKeyId") == new.get("KmsKeyId"):
            return
        if "KmsKeyId" in new:
            request = {"logGroupName": physical_id, "kmsKeyId": new["KmsKeyId"]}
            self.call(context, "AssociateKmsKey", request)
        else:
            self.call(context, "DisassociateKmsKey", {"logGroupName": physical_id})

    def tagged(self, physical_id: str, context: ResourceContext) -> str:
        """Log groups are tagged by ARN, without the ``:*`` at its end."""
        return f"arn:{context.partition}:logs:{context.region}:{context.account_id}:log-group:{physical_id}"

    def description(
        self,
        physical_id: str,
        properties: Properties,
        context: ResourceContext,
    ) -> Properties | None:
        """Find the group among those whose names begin like it."""
        request = {"logGroupNamePrefix": physical_id}
        groups = self.call(context, "DescribeLogGroups", request)["logGroups"]
        group = next((group for group in groups if group["logGroupName"] == physical_id), None)
        if group is None:
            return None
        group = {"retentionInDays": None, "kmsKeyId": None, **group}
        if "Tags" not in properties:
            return group
        resource = {"resourceArn": self.tagged(physical_id, context)}
        return {**group, **self.call(context, "ListTagsForResource", resource)}


TYPES = (LogGroup(),)
