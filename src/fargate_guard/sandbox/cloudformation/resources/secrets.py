"""Secrets Manager, Systems Manager's parameters and KMS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, Setting, at, found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

    Properties = Mapping[str, Any]

Json = Any


class Secret(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html."""

    name = "AWS::SecretsManager::Secret"
    service = "secretsmanager"
    creates, deletes, key, physical = "CreateSecret", "DeleteSecret", "SecretId", "ARN"
    describes = ("DescribeSecret", "SecretId", "")
    attributes = {"Id": "@"}
    renames = {"ReplicaRegions": "AddReplicaRegions"}
    settings = (Setting("UpdateSecret", ("Description", "KmsKeyId", "SecretString"), at_creation=False),)
    ignored = frozenset({"GenerateSecretString"})
    name_property, longest_name = "Name", 512

    def create_request(self, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """Generate the secret where the template wants it generated."""
        request = super().create_request(properties, context)
        rules = properties.get("GenerateSecretString")
        return request if rules is None else {**request, "SecretString": self._generated(rules, context)}

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Other rules make another secret."""
        rules = new.get("GenerateSecretString")
        if rules is not None and rules != old.get("GenerateSecretString"):
            request = {"SecretId": physical_id, "SecretString": self._generated(rules, context)}
            self.call(context, "UpdateSecret", request)

    def _generated(self, rules: Properties, context: ResourceContext) -> str:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html."""
        password = self.call(context, "GetRandomPassword", self.request("GetRandomPassword", rules, context))
        secret = str(password["RandomPassword"])
        if "GenerateStringKey" not in rules:
            return secret
        return json.dumps({**json.loads(rules["SecretStringTemplate"]), rules["GenerateStringKey"]: secret})

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """CloudFormation leaves no time for recovery."""
        if self.description(physical_id, properties, context) is not None:
            request = {"SecretId": physical_id, "ForceDeleteWithoutRecovery": True}
            self.call(context, "DeleteSecret", request)

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Secrets about to be deleted are gone for CloudFormation."""
        secret = super().description(physical_id, properties, context)
        return None if secret is None or secret.get("DeletedDate") else {"Tags": [], **secret}


class ResourcePolicy(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-resourcepolicy.html."""

    name = "AWS::SecretsManager::ResourcePolicy"
    service = "secretsmanager"
    creates, deletes, key, physical = "PutResourcePolicy", "DeleteResourcePolicy", "SecretId", "ARN"
    attributes = {"Id": "@"}
    settings = (Setting("PutResourcePolicy", ("ResourcePolicy", "BlockPublicPolicy"), at_creation=False),)

    def description(
        self,
        physical_id: str,
        properties: Properties,
        context: ResourceContext,
    ) -> Properties | None:
        """A secret without a policy answers none."""
        answer = found(lambda: self.call(context, "GetResourcePolicy", {"SecretId": physical_id}))
        if not at(answer, "ResourcePolicy"):
            return None
        return {"ResourcePolicy": answer["ResourcePolicy"], "SecretId": properties["SecretId"]}


class Parameter(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ssm-parameter.html."""

    name = "AWS::SSM::Parameter"
    service = "ssm"
    creates, deletes, key, physical = "PutParameter", "DeleteParameter", "Name", "{Name}"
    describes = ("GetParameter", "Name", "Parameter")
    attributes = {"Type": "Type", "Value": "Value", "Arn": "ARN"}
    name_property, longest_name = "Name", 1011

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Overwrite the parameter."""
        if old != new:
            request = self.request("PutParameter", new, context)
            self.call(context, "PutParameter", {**request, "Name": physical_id, "Overwrite": True})

    def tag_parameters(self) -> dict[str, str]:
        """Systems Manager tags several kinds of resources."""
        return {"ResourceType": "Parameter"}


class Key(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kms-key.html."""

    name = "AWS::KMS::Key"
    service = "kms"
    creates, deletes, key, physical = "CreateKey", "ScheduleKeyDeletion", "KeyId", "KeyMetadata.KeyId"
    describes = ("DescribeKey", "KeyId", "KeyMetadata")
    attributes = {"KeyId": "@", "Arn": "Arn"}
    renames = {"KeyPolicy": "Policy"}
    settings = (
        Setting("PutKeyPolicy", ("KeyPolicy", "BypassPolicyLockoutSafetyCheck"), at_creation=False),
        Setting("UpdateKeyDescription", ("Description",), at_creation=False),
        Setting("EnableKeyRotation", ("EnableKeyRotation", "RotationPeriodInDays")),
        Setting("EnableKey", ("Enabled",)),
    )
    defaults = {"EnableKeyRotation": False, "Enabled": True, "Description": ""}

    def put(self, setting: Setting, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Switches have an operation for each position."""
        if setting.operation not in ("EnableKeyRotation", "EnableKey"):
            fixed = {"PolicyName": "default"} if setting.operation == "PutKeyPolicy" else {}
            super().put(setting, physical_id, {**properties, **fixed}, context)
        elif str(properties.get(setting.properties[0], True)).lower() == "true":
            super().put(setting, physical_id, properties, context)
        else:
            operation = setting.operation.replace("Enable", "Disable", 1)
            self.call(context, operation, {"KeyId": physical_id})

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Keys go after a waiting period."""
        if self.description(physical_id, properties, context) is not None:
            days = int(properties.get("PendingWindowInDays", 30))
            self.call(context, self.deletes, {"KeyId": physical_id, "PendingWindowInDays": days})

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Keys that wait for their deletion are gone for CloudFormation."""
        key = super().description(physical_id, properties, context)
        if key is None or key.get("KeyState") == "PendingDeletion":
            return None
        which = {"KeyId": physical_id}
        policy = self.call(context, "GetKeyPolicy", {**which, "PolicyName": "default"})["Policy"]
        rotation = self.call(context, "GetKeyRotationStatus", which)["KeyRotationEnabled"]
        return {**key, "Policy": policy, "EnableKeyRotation": rotation}


class Alias(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kms-alias.html."""

    name = "AWS::KMS::Alias"
    service = "kms"
    creates, deletes, key, physical = "CreateAlias", "DeleteAlias", "AliasName", "{AliasName}"
    settings = (Setting("UpdateAlias", ("TargetKeyId",), at_creation=False),)

    def description(
        self,
        physical_id: str,
        properties: Properties,  # noqa: ARG002
        context: ResourceContext,
    ) -> Properties | None:
        """Find the alias among all."""
        aliases = self.call(context, "ListAliases", {})["Aliases"]
        return next((alias for alias in aliases if alias["AliasName"] == physical_id), None)


TYPES = (Secret(), ResourcePolicy(), Parameter(), Key(), Alias())
