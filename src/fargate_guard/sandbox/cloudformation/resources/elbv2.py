"""Load balancers, target groups, listeners and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resource_type import ResourceFailed
from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, Setting, at, found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

    Properties = Mapping[str, Any]

Json = Any


class _Elbv2Type(ApiType):
    """A type whose attributes have calls of their own.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Operations.html
    """

    service = "elbv2"
    attributes_of: str = ""
    """Operation that describes the resource's attributes."""
    attributes_property: str = ""

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Add tags and the attributes that the template sets."""
        there = super().description(physical_id, properties, context)
        if there is None:
            return None
        tags = self.call(context, "DescribeTags", {"ResourceArns": [physical_id]})
        extra = {"Tags": at(tags, "TagDescriptions.0.Tags") or []}
        declared = properties.get(self.attributes_property)
        if declared:
            answer = self.call(context, self.attributes_of, {self.key: physical_id})
            names = {attribute["Key"] for attribute in declared}
            extra["Attributes"] = [each for each in answer["Attributes"] if each["Key"] in names]
        return {**there, **extra}


class LoadBalancer(_Elbv2Type):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-loadbalancer.html."""

    name = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    not_simulated = frozenset(
        {"EnableCapacityReservationProvisionStabilize", "Ipv4IpamPoolId", "MinimumLoadBalancerCapacity"}
    )
    creates, deletes = "CreateLoadBalancer", "DeleteLoadBalancer"
    key, physical = "LoadBalancerArn", "LoadBalancers.0.LoadBalancerArn"
    describes = ("DescribeLoadBalancers", "LoadBalancerArns", "LoadBalancers.0")
    attributes = {
        "LoadBalancerArn": "@",
        "DNSName": "DNSName",
        "CanonicalHostedZoneID": "CanonicalHostedZoneId",
        "LoadBalancerName": "LoadBalancerName",
        "LoadBalancerFullName": "FullName",
        "SecurityGroups": "SecurityGroups",
    }
    renames = {"LoadBalancerAttributes": "Attributes", "Name": "Name"}
    attributes_of, attributes_property = "DescribeLoadBalancerAttributes", "LoadBalancerAttributes"
    settings = (
        Setting("ModifyLoadBalancerAttributes", ("LoadBalancerAttributes",)),
        Setting("SetSecurityGroups", ("SecurityGroups",), at_creation=False),
        Setting("SetSecurityGroups", ("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic", "SecurityGroups")),
        Setting("SetSubnets", ("Subnets", "SubnetMappings"), at_creation=False),
        Setting("SetIpAddressType", ("IpAddressType",), at_creation=False),
    )
    name_property, longest_name = "Name", 32

    def finish(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """The security groups were set by the creation, their enforcement was not."""
        enforcement = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"
        for setting in self.settings:
            needed = setting.properties[0] in (enforcement, "LoadBalancerAttributes")
            if needed and setting.properties[0] in properties:
                self.put(setting, physical_id, properties, context)

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Subnets are listed by zone."""
        balancer = super().description(physical_id, properties, context)
        if balancer is None:
            return None
        subnets = [zone["SubnetId"] for zone in balancer.get("AvailabilityZones", [])]
        full_name = physical_id.rsplit(":loadbalancer/", maxsplit=1)[-1]
        return {**balancer, "Name": balancer["LoadBalancerName"], "Subnets": subnets, "FullName": full_name}

    def pending(self, physical_id: str, properties: Properties, context: ResourceContext) -> str | None:
        """Wait until the load balancer is active."""
        balancer = self.description(physical_id, properties, context)
        state = at(balancer, "State.Code")
        if state in (None, "failed"):
            message = f"Load balancer '{physical_id}' did not stabilize: {at(balancer, 'State.Reason')}"
            raise ResourceFailed(message)
        return None if state == "active" else f"load balancer {physical_id} is {state}"


class TargetGroup(_Elbv2Type):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-targetgroup.html."""

    name = "AWS::ElasticLoadBalancingV2::TargetGroup"
    creates, deletes = "CreateTargetGroup", "DeleteTargetGroup"
    key, physical = "TargetGroupArn", "TargetGroups.0.TargetGroupArn"
    describes = ("DescribeTargetGroups", "TargetGroupArns", "TargetGroups.0")
    attributes = {
        "TargetGroupArn": "@",
        "TargetGroupName": "TargetGroupName",
        "TargetGroupFullName": "FullName",
        "LoadBalancerArns": "LoadBalancerArns",
    }
    renames = {"TargetGroupAttributes": "Attributes"}
    attributes_of, attributes_property = "DescribeTargetGroupAttributes", "TargetGroupAttributes"
    settings = (
        Setting(
            "ModifyTargetGroup",
            (
                "HealthCheckEnabled",
                "HealthCheckIntervalSeconds",
                "HealthCheckPath",
                "HealthCheckPort",
                "HealthCheckProtocol",
                "HealthCheckTimeoutSeconds",
                "HealthyThresholdCount",
                "UnhealthyThresholdCount",
                "Matcher",
            ),
            at_creation=False,
        ),
        Setting("ModifyTargetGroupAttributes", ("TargetGroupAttributes",)),
        Setting("RegisterTargets", ("Targets",)),
    )
    name_property, longest_name = "Name", 32

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Targets that are gone from the template are deregistered."""
        gone = [target for target in old.get("Targets") or [] if target not in (new.get("Targets") or [])]
        if gone:
            request = self.request("DeregisterTargets", {"Targets": gone}, context)
            self.call(context, "DeregisterTargets", {self.key: physical_id, **request})

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Names as the template has them."""
        group = super().description(physical_id, properties, context)
        if group is None:
            return None
        full_name = physical_id.rsplit(":", 1)[-1]
        return {**group, "Name": group["TargetGroupName"], "FullName": full_name}


class Listener(_Elbv2Type):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-listener.html."""

    name = "AWS::ElasticLoadBalancingV2::Listener"
    creates, deletes = "CreateListener", "DeleteListener"
    key, physical = "ListenerArn", "Listeners.0.ListenerArn"
    describes = ("DescribeListeners", "ListenerArns", "Listeners.0")
    attributes = {"ListenerArn": "@"}
    renames = {"ListenerAttributes": "Attributes"}
    attributes_of, attributes_property = "DescribeListenerAttributes", "ListenerAttributes"
    settings = (
        Setting(
            "ModifyListener",
            (
                "Port",
                "Protocol",
                "SslPolicy",
                "Certificates",
                "DefaultActions",
                "AlpnPolicy",
                "MutualAuthentication",
            ),
            at_creation=False,
        ),
        Setting("ModifyListenerAttributes", ("ListenerAttributes",)),
    )


class ListenerRule(_Elbv2Type):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-listenerrule.html."""

    name = "AWS::ElasticLoadBalancingV2::ListenerRule"
    creates, deletes = "CreateRule", "DeleteRule"
    key, physical = "RuleArn", "Rules.0.RuleArn"
    describes = ("DescribeRules", "RuleArns", "Rules.0")
    attributes = {"RuleArn": "@", "IsDefault": "IsDefault"}
    settings = (Setting("ModifyRule", ("Conditions", "Actions", "Transforms"), at_creation=False),)

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Priorities have a call of their own."""
        if str(old.get("Priority")) != str(new.get("Priority")):
            priority = {"RuleArn": physical_id, "Priority": int(new["Priority"])}
            self.call(context, "SetRulePriorities", {"RulePriorities": [priority]})

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """The listener is part of the rule's ARN."""
        rule = found(lambda: super(ListenerRule, self).description(physical_id, properties, context))
        return None if rule is None else {**rule, "ListenerArn": properties.get("ListenerArn")}


TYPES = (LoadBalancer(), TargetGroup(), Listener(), ListenerRule())
