"""DynamoDB's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, Setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

    Properties = Mapping[str, Any]

Json = Any


class Table(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html."""

    name = "AWS::DynamoDB::Table"
    not_simulated = frozenset(
        {"ContributorInsightsSpecification", "ImportSourceSpecification", "KinesisStreamSpecification"}
    )
    service = "dynamodb"
    creates, deletes, key, physical = "CreateTable", "DeleteTable", "TableName", "TableDescription.TableName"
    describes = ("DescribeTable", "TableName", "Table")
    attributes = {"Arn": "TableArn", "StreamArn": "LatestStreamArn"}
    renames = {"SSEEnabled": "Enabled"}
    settings = (
        Setting("UpdateTable", ("BillingMode", "ProvisionedThroughput"), at_creation=False),
        Setting("UpdateTable", ("StreamSpecification",), at_creation=False),
        Setting("UpdateTable", ("SSESpecification",), at_creation=False),
        Setting("UpdateTable", ("DeletionProtectionEnabled",), at_creation=False),
        Setting("UpdateTable", ("TableClass",), at_creation=False),
        Setting("UpdateContinuousBackups", ("PointInTimeRecoverySpecification",)),
        Setting("UpdateTimeToLive", ("TimeToLiveSpecification",)),
    )
    name_property, longest_name = "TableName", 255

    def create_request(self, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """A stream is enabled by having a view type."""
        return _with_stream(super().create_request(properties, context))

    def request(self, operation: str, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """A stream is enabled by having a view type."""
        return _with_stream(super().request(operation, properties, context))

    def tagged(self, physical_id: str, context: ResourceContext) -> str:
        """Tables are tagged by ARN."""
        return f"arn:{context.partition}:dynamodb:{context.region}:{context.account_id}:table/{physical_id}"

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Words as the template has them."""
        table = super().description(physical_id, properties, context)
        if table is None:
            return None
        which = {"TableName": physical_id}
        extra: dict[str, Json] = {"BillingMode": table.get("BillingModeSummary", {}).get("BillingMode")}
        if "PointInTimeRecoverySpecification" in properties:
            backups = self.call(context, "DescribeContinuousBackups", which)["ContinuousBackupsDescription"]
            state = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
            extra["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": state == "ENABLED"}
        if "TimeToLiveSpecification" in properties:
            living = self.call(context, "DescribeTimeToLive", which)["TimeToLiveDescription"]
            enabled = living.get("TimeToLiveStatus") == "ENABLED"
            extra["TimeToLiveSpecification"] = {**living, "Enabled": enabled}
        if "SSESpecification" in properties:
            encryption = table.get("SSEDescription", {})
            on = encryption.get("Status") == "ENABLED"
            extra["SSESpecification"] = {
                **encryption,
                "Enabled": on,
                "KMSMasterKeyId": encryption.get("KMSMasterKeyArn"),
            }
        return {**table, **extra}


def _with_stream(request: dict[str, Json]) -> dict[str, Json]:
    if "StreamSpecification" in request:
        request["StreamSpecification"]["StreamEnabled"] = True
    return request


TYPES = (Table(),)
