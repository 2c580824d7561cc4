"""Cloud Map's private namespaces and services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, Setting, at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

    Properties = Mapping[str, Any]

Json = Any


class PrivateDnsNamespace(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-servicediscovery-privatednsnamespace.html."""

    name = "AWS::ServiceDiscovery::PrivateDnsNamespace"
    service = "servicediscovery"
    creates, deletes, key, physical = "CreatePrivateDnsNamespace", "DeleteNamespace", "Id", "Id"
    describes = ("GetNamespace", "Id", "Namespace")
    attributes = {"Id": "@", "Arn": "Arn", "HostedZoneId": "Properties.DnsProperties.HostedZoneId"}

    def call(self, context: ResourceContext, operation: str, request: Properties) -> dict[str, Json]:
        """The API answers an operation, which knows the namespace."""
        answer = super().call(context, operation, request)
        if operation != self.creates:
            return answer
        done = super().call(context, "GetOperation", {"OperationId": answer["OperationId"]})
        return {"Id": at(done, "Operation.Targets.NAMESPACE")}

    def tagged(self, physical_id: str, context: ResourceContext) -> str:
        """Namespaces are tagged by ARN."""
        return str(at(self.description(physical_id, {}, context), "Arn"))


class DiscoveryService(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-servicediscovery-service.html."""

    name = "AWS::ServiceDiscovery::Service"
    not_simulated = frozenset({"ServiceAttributes"})
    service = "servicediscovery"
    creates, deletes, key, physical = "CreateService", "DeleteService", "Id", "Service.Id"
    describes = ("GetService", "Id", "Service")
    attributes = {"Id": "@", "Arn": "Arn", "Name": "Name"}
    settings = (Setting("UpdateService", ("Description", "DnsConfig", "HealthCheckConfig"), at_creation=False),)
    name_property = "Name"

    def put(self, setting: Setting, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Changes are one structure."""
        chosen = {key: properties[key] for key in setting.properties if key in properties}
        if isinstance(chosen.get("DnsConfig"), dict):
            chosen["DnsConfig"] = {"DnsRecords": chosen["DnsConfig"]["DnsRecords"]}
        request = self.request(setting.operation, {"Service": chosen}, context)
        self.call(context, setting.operation, {"Id": physical_id, **request})

    def tagged(self, physical_id: str, context: ResourceContext) -> str:
        """Services are tagged by ARN."""
        return str(at(self.description(physical_id, {}, context), "Arn"))


TYPES = (PrivateDnsNamespace(), DiscoveryService())
