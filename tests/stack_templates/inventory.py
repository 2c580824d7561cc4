"""Everything that a deployment made, as boto3 sees it, with names for identifiers: comparable with another's."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Resource = dict[str, Any]

VOLATILE = {
    *("CreatedTime", "createdAt", "createdBy", "updatedAt", "creationTime", "CreateTime"),
    *("CreationTime", "CreateDate", "CreationTimestamp", "CreationDate", "registeredAt", "registeredBy"),
    *("RoleId", "RoleLastUsed", "RoleName", "events", "deployments", "taskSets", "runningCount"),
    *("pendingCount", "statistics", "storedBytes", "OwnerId", "Alarms", "SecurityGroupRuleId"),
    *("SecurityGroupRuleArn", "SubnetArn", "VpcArn", "SecurityGroupArn", "currentServiceDeployment"),
    *("NatGatewayAddresses", "AssociationId", "PublicIp", "PrivateIpAddress", "NetworkInterfaceId"),
    *("AllocationId", "NetworkInterfaceIds", "DnsEntries", "RouteTableAssociationId"),
    *("ResponseMetadata", "activeServicesCount", "registeredContainerInstancesCount"),
    *("runningTasksCount", "pendingTasksCount", "arn", "Arn", "CanonicalHostedZoneId", "logGroupArn"),
    *("AvailabilityZoneId", "currentServiceRevisions", "metricFilterCount", "PolicyARN"),
    *("ScalableTargetARN", "taskDefinitionArn", "revision", "DhcpOptionsId", "AvailableIpAddressCount"),
    *("TargetGroupName", "GroupOwnerId", "NetworkAclAssociationId"),
}
"""What differs from one deployment to the next, and names that are generated."""


class Inventory:
    """The resources of one deployment in an account."""

    def __init__(self, client: Callable[[str], Any], deployment: str, names: Mapping[str, str]) -> None:
        """:param client: plain boto3 for a service.

        :param names: what to call what is there besides, the access key for one: identifier to name.
        """
        self._client, self._deployment, self._names = client, deployment, dict(names)

    def resources(self) -> dict[str, Any]:
        """Every resource under a name that does not depend on identifiers."""
        collected: dict[str, Resource] = {}
        self._names |= self._prefix_lists()
        for collect in (
            self._network,
            self._security_groups,
            self._balancers,
            self._roles,
            self._ecs,
            self._others,
        ):
            for key, identifiers, found in collect():
                self._names |= dict.fromkeys(filter(None, identifiers), f"<{key}>")
                collected[key] = found
        text = json.dumps(_settled(collected), default=str, sort_keys=True)
        for identifier in sorted(self._names, key=len, reverse=True):
            text = text.replace(identifier, self._names[identifier])
        result: dict[str, Any] = _sorted_lists(json.loads(text))
        return result

    def _mine(self, tags: Iterable[Any]) -> bool:
        return {"Key": "fguard:deployment", "Value": self._deployment} in list(tags)

    def _prefix_lists(self) -> dict[str, str]:
        """AWS's own, which gateway endpoints' routes lead to; every sandbox gives them other identifiers."""
        listed = self._client("ec2").describe_managed_prefix_lists()["PrefixLists"]
        return {one["PrefixListId"]: f"<{one['PrefixListName']}>" for one in listed}

    def _network(self) -> Iterator[tuple[str, list[str], Resource]]:
        ec2 = self._client("ec2")
        calls: list[tuple[str, Callable[..., Any], str, str]] = [
            ("vpc", ec2.describe_vpcs, "Vpcs", "VpcId"),
            ("subnet", ec2.describe_subnets, "Subnets", "SubnetId"),
            ("gateway", ec2.describe_internet_gateways, "InternetGateways", "InternetGatewayId"),
            ("nat", ec2.describe_nat_gateways, "NatGateways", "NatGatewayId"),
            ("address", ec2.describe_addresses, "Addresses", "AllocationId"),
            ("routes", ec2.describe_route_tables, "RouteTables", "RouteTableId"),
            ("endpoint", ec2.describe_vpc_endpoints, "VpcEndpoints", "VpcEndpointId"),
        ]
        for kind, call, key, identifier in calls:
            for one in call()[key]:
                if self._mine(one.get("Tags", [])) and one.get("State") not in ("deleted", "deleting"):
                    name = {tag["Key"]: tag["Value"] for tag in one["Tags"]}.get("Name")
                    yield f"{kind} {name}", [one[identifier]], one

    def _security_groups(self) -> Iterator[tuple[str, list[str], Resource]]:
        ec2 = self._client("ec2")
        for group in ec2.describe_security_groups()["SecurityGroups"]:
            if self._mine(group.get("Tags", [])) and group["GroupName"] != "default":
                of_group = [{"Name": "group-id", "Values": [group["GroupId"]]}]
                rules = ec2.describe_security_group_rules(Filters=of_group)["SecurityGroupRules"]
                # CloudFormation cannot tag a rule.
                group["rules"] = [{key: value for key, value in rule.items() if key != "Tags"} for rule in rules]
                del group["IpPermissions"], group["IpPermissionsEgress"]
                yield f"security group {group['GroupName']}", [group["GroupId"]], group

    def _balancers(self) -> Iterator[tuple[str, list[str], Resource]]:
        elbv2 = self._client("elbv2")
        for balancer in elbv2.describe_load_balancers()["LoadBalancers"]:
            arn, name = balancer["LoadBalancerArn"], balancer["LoadBalancerName"]
            if self._mine(self._tags_of(arn)):
                attributes = elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
                found = {**balancer, "attributes": _set(attributes), "tags": self._tags_of(arn)}
                yield f"balancer {name}", [arn, balancer["DNSName"]], found
            for listener in elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
                tags = self._tags_of(listener["ListenerArn"])
                if self._mine(tags):
                    key = f"listener {name}:{listener['Port']}"
                    # Terraform says the same twice, as the action's target group and as its ForwardConfig.
                    said_once = {"ForwardConfig": None, "Order": None}
                    actions = [one | said_once for one in listener["DefaultActions"]]
                    yield key, [listener["ListenerArn"]], {**listener, "DefaultActions": actions, "tags": tags}
        for group in elbv2.describe_target_groups()["TargetGroups"]:
            arn = group["TargetGroupArn"]
            tags = self._tags_of(arn)
            if self._mine(tags):
                name = {tag["Key"]: tag["Value"] for tag in tags}["Name"]
                attributes = elbv2.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
                yield f"target group {name}", [arn], {**group, "attributes": _set(attributes), "tags": tags}

    def _tags_of(self, arn: str) -> list[dict[str, str]]:
        described = self._client("elbv2").describe_tags(ResourceArns=[arn])["TagDescriptions"]
        return list(described[0]["Tags"])

    def _roles(self) -> Iterator[tuple[str, list[str], Resource]]:
        iam = self._client("iam")
        for role in iam.list_roles()["Roles"]:
            tags = iam.list_role_tags(RoleName=role["RoleName"])["Tags"]
            if self._mine(tags):
                policies = {
                    name: {_statement(one) for one in _policy(iam, role["RoleName"], name)["Statement"]}
                    for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
                }
                told = {name: sorted(statements) for name, statements in policies.items()}
                trust = sorted(_statement(one) for one in role["AssumeRolePolicyDocument"]["Statement"])
                found = {"description": role["Description"], "tags": tags, "policies": told, "trust": trust}
                yield f"role {role['Description']}", [role["Arn"], role["RoleName"]], found

    def _ecs(self) -> Iterator[tuple[str, list[str], Resource]]:
        ecs = self._client("ecs")
        with_tags = {"include": ["TAGS", "SETTINGS"]}
        arns = ecs.list_clusters()["clusterArns"]
        for cluster in ecs.describe_clusters(clusters=arns, **with_tags)["clusters"]:
            ours = {"key": "fguard:deployment", "value": self._deployment}
            if ours in cluster.get("tags", []) and cluster["status"] == "ACTIVE":
                yield f"cluster {cluster['clusterName']}", [], cluster
            for arn in ecs.list_services(cluster=cluster["clusterArn"])["serviceArns"]:
                described = ecs.describe_services(cluster=cluster["clusterArn"], services=[arn], include=["TAGS"])
                [service] = described["services"]
                if ours in service.get("tags", []):
                    yield f"service {service['serviceName']}", [arn], service
        for arn in ecs.list_task_definitions()["taskDefinitionArns"]:
            described = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
            if {"key": "fguard:deployment", "value": self._deployment} in described["tags"]:
                definition = {**described["taskDefinition"], "tags": described["tags"]}
                yield f"task definition {definition['family']}", [arn], definition

    def _others(self) -> Iterator[tuple[str, list[str], Resource]]:
        logs, scaling = self._client("logs"), self._client("application-autoscaling")
        for group in logs.describe_log_groups()["logGroups"]:
            name = group["logGroupName"]
            tags = logs.list_tags_log_group(logGroupName=name)["tags"]
            group["tags"] = {key: value for key, value in tags.items() if not key.startswith("aws:")}
            if tags.get("fguard:deployment") == self._deployment:
                yield f"log group {name}", [], group
        for target in scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]:
            yield f"scalable target {target['ResourceId']}", [], target
        for policy in scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]:
            yield f"scaling policy {policy['PolicyName']}", [], policy


def _set(attributes: list[dict[str, str]]) -> dict[str, str]:
    """Attributes that are not the default; Terraform also says those that are."""
    defaults = ("false", "", "any_availability_zone")
    return {one["Key"]: one["Value"] for one in attributes if one["Value"] not in defaults}


def _policy(iam: Any, role: str, name: str) -> dict[str, Any]:
    document: dict[str, Any] = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    return document


def _statement(statement: dict[str, Any]) -> str:
    """A statement's meaning: neither its name, nor whether one thing stands alone or in a list."""
    meant = {key: value for key, value in statement.items() if key != "Sid"}
    return json.dumps(_listed(meant), sort_keys=True)


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    return sorted(set(value)) if isinstance(value, list) else [value]


def differences(one: Inventory, other: Inventory) -> dict[str, tuple[Any, Any]]:
    """The fields in which two deployments differ, as in ``service web: desiredCount``, with both values."""
    here, there = one.resources(), other.resources()
    return {
        f"{key}: {field}": values
        for key in here.keys() | there.keys()
        for field in here.get(key, {}).keys() | there.get(key, {}).keys()
        if (values := (here.get(key, {}).get(field), there.get(key, {}).get(field))) and values[0] != values[1]
    }


def _settled(value: Any) -> Any:
    """A description without what is volatile, without CloudFormation's own tags, and without what is not set."""
    if isinstance(value, dict):
        settled = {key: _settled(item) for key, item in value.items() if key not in VOLATILE}
        return {key: item for key, item in settled.items() if item not in (None, False, [], {})}
    if isinstance(value, list):
        return [_settled(item) for item in value if not _of_cloudformation(item)]
    return value


def _of_cloudformation(item: Any) -> bool:
    return isinstance(item, dict) and str(item.get("Key", item.get("key", ""))).startswith("aws:")


def _sorted_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted_lists(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((_sorted_lists(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return _revision(value) if isinstance(value, str) else value


def _revision(text: str) -> str:
    return re.sub(r"(task-definition/[^:]+):\d+", r"\1", text)
