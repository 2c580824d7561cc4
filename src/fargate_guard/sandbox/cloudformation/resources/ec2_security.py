"""Security groups and their rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resource_type import ResourceFailed
from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, at
from fargate_guard.sandbox.cloudformation.resources.observed import as_declared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

    Properties = Mapping[str, Any]

Json = Any
EVERYWHERE = {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}
"""The outbound rule of a group that declares none."""


def permission(rule: Properties) -> dict[str, Json]:
    """Return a rule of a template as an ``IpPermission``.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html
    """
    described = {"Description": rule["Description"]} if rule.get("Description") else {}
    entry: dict[str, Json] = {"IpProtocol": str(rule["IpProtocol"])}
    for port in ("FromPort", "ToPort"):
        if port in rule and str(rule["IpProtocol"]) != "-1":
            entry[port] = int(rule[port])
    group = rule.get("SourceSecurityGroupId") or rule.get("DestinationSecurityGroupId")
    prefix_list = rule.get("SourcePrefixListId") or rule.get("DestinationPrefixListId")
    sources = {
        "IpRanges": {"CidrIp": rule.get("CidrIp")},
        "Ipv6Ranges": {"CidrIpv6": rule.get("CidrIpv6")},
        "UserIdGroupPairs": {"GroupId": group},
        "PrefixListIds": {"PrefixListId": prefix_list},
    }
    given = {name: [{**source, **described}] for name, source in sources.items() if any(source.values())}
    if len(given) != 1:
        message = "You must specify exactly one source or destination of a security group rule"
        raise ResourceFailed(message)
    return {**entry, **given}


def declared_rule(live: Properties) -> dict[str, Json]:
    """Return a ``SecurityGroupRule`` as a template declares it.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRule.html
    """
    side = "Destination" if live["IsEgress"] else "Source"
    fields = {
        "IpProtocol": live["IpProtocol"],
        "FromPort": live.get("FromPort"),
        "ToPort": live.get("ToPort"),
        "CidrIp": live.get("CidrIpv4"),
        "CidrIpv6": live.get("CidrIpv6"),
        f"{side}PrefixListId": live.get("PrefixListId"),
        f"{side}SecurityGroupId": at(live, "ReferencedGroupInfo.GroupId"),
        "Description": live.get("Description"),
        "GroupId": live["GroupId"],
    }
    return {name: value for name, value in fields.items() if value is not None}


class SecurityGroup(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html."""

    name = "AWS::EC2::SecurityGroup"
    service = "ec2"
    creates, deletes, key, physical = "CreateSecurityGroup", "DeleteSecurityGroup", "GroupId", "GroupId"
    describes = ("DescribeSecurityGroups", "GroupIds", "SecurityGroups.0")
    attributes = {"GroupId": "@", "Id": "@", "VpcId": "VpcId", "GroupName": "GroupName"}
    renames = {"GroupDescription": "Description"}
    ignored = frozenset({"SecurityGroupIngress", "SecurityGroupEgress"})
    name_property = "GroupName"
    longest_name = 255
    tag_type = "security-group"

    def finish(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """A new group lets everything out: declared rules take that one's place."""
        self._rules(physical_id, "Ingress", [], properties.get("SecurityGroupIngress"), context)
        self._rules(physical_id, "Egress", [EVERYWHERE], properties.get("SecurityGroupEgress"), context)

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Authorize what is new and revoke what is gone."""
        for side in ("Ingress", "Egress"):
            name = f"SecurityGroup{side}"
            default = [EVERYWHERE] if side == "Egress" else []
            self._rules(physical_id, side, old.get(name) or default, new.get(name), context)

    def _rules(
        self, group: str, side: str, old: list[Json], new: list[Json] | None, context: ResourceContext
    ) -> None:
        new = new or ([EVERYWHERE] if side == "Egress" else [])
        for rule in old:
            if rule not in new:
                self._apply("Revoke", side, group, rule, context)
        for rule in new:
            if rule not in old:
                self._apply("Authorize", side, group, rule, context)

    def _apply(self, verb: str, side: str, group: str, rule: Properties, context: ResourceContext) -> None:
        request = {"GroupId": group, "IpPermissions": [permission(rule)]}
        self.call(context, f"{verb}SecurityGroup{side}", request)

    def live(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Rules of the group, those of separate resources left out as far as they are not declared here."""
        live = super().live(physical_id, properties, context)
        if live is None:
            return None
        wanted = [{"Name": "group-id", "Values": [physical_id]}]
        rules = self.call(context, "DescribeSecurityGroupRules", {"Filters": wanted})["SecurityGroupRules"]
        found = {}
        for side, egress in (("SecurityGroupIngress", False), ("SecurityGroupEgress", True)):
            if side in properties:
                there = [declared_rule(rule) for rule in rules if rule["IsEgress"] is egress]
                bare = [{key: value for key, value in rule.items() if key != "GroupId"} for rule in there]
                found[side] = as_declared([_without_ports(rule) for rule in properties[side]], bare)
        return {**live, **{side: _again(properties[side], rules) for side, rules in found.items()}}


def _without_ports(rule: Properties) -> Properties:
    """Rules for every protocol have no ports, even when the template gives some.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-ec2-securitygroup-ingress.html
    """
    if str(rule.get("IpProtocol")) != "-1":
        return rule
    return {key: value for key, value in rule.items() if key not in ("FromPort", "ToPort")}


def _again(declared: list[Json], live: list[Json]) -> list[Json]:
    """Return the declared rules when nothing differs."""
    return declared if live == [_without_ports(rule) for rule in declared] else live


class _Rule(ApiType):
    service = "ec2"
    key = "SecurityGroupRuleIds"
    physical = "SecurityGroupRules.0.SecurityGroupRuleId"
    attributes = {"Id": "@"}
    describes = ("DescribeSecurityGroupRules", "SecurityGroupRuleIds", "SecurityGroupRules.0")
    not_simulated = frozenset({"GroupName", "SourceSecurityGroupName", "SourceSecurityGroupOwnerId"})
    egress = False

    def create_request(self, properties: Properties, context: ResourceContext) -> dict[str, Json]:  # noqa: ARG002
        """One permission."""
        return {"GroupId": properties["GroupId"], "IpPermissions": [permission(properties)]}

    def identity(self, physical_id: str, properties: Properties) -> dict[str, Json]:
        """Rules are revoked by ID."""
        return {"GroupId": properties["GroupId"], "SecurityGroupRuleIds": [physical_id]}

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:  # noqa: ARG002
        """Only the description can change."""
        if old != new:
            side = "Egress" if self.egress else "Ingress"
            described = {"Description": "", **new}
            request = {"GroupId": new["GroupId"], "IpPermissions": [permission(described)]}
            self.call(context, f"UpdateSecurityGroupRuleDescriptions{side}", request)

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Say it as a template does."""
        rule = super().description(physical_id, properties, context)
        if rule is None:
            return None
        ports = {key: properties[key] for key in ("FromPort", "ToPort") if key in properties}
        return {**(ports if str(rule["IpProtocol"]) == "-1" else {}), **declared_rule(rule)}


class SecurityGroupIngress(_Rule):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroupingress.html."""

    name = "AWS::EC2::SecurityGroupIngress"
    creates, deletes = "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"


class SecurityGroupEgress(_Rule):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroupegress.html."""

    name = "AWS::EC2::SecurityGroupEgress"
    creates, deletes = "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupEgress"
    egress = True


TYPES = (SecurityGroup(), SecurityGroupIngress(), SecurityGroupEgress())
