"""Ingress rules that somebody added to the deployment's security groups: neither method sees these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from fargate_guard.aws.session import Aws


@dataclass(frozen=True, slots=True)
class SurplusRule:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRule.html."""

    rule_id: str
    group_id: str
    admits: str
    """Protocol, ports and source, for people."""
    remove_with: str
    """A command line."""

    def __str__(self) -> str:
        rule = f"{self.group_id} admits {self.admits} ({self.rule_id})"
        return f"{rule}, which the deployment did not make: `{self.remove_with}`"


def find_surplus_rules(aws: Aws, group_ids: Collection[str], known: Collection[str]) -> tuple[SurplusRule, ...]:
    """Return the groups' ingress rules that are not among ``known``.

    :param known: ids of the rules that the deployment made.
    """
    if not group_ids:
        return ()
    rules = aws.pages(
        "ec2",
        "describe_security_group_rules",
        "SecurityGroupRules",
        about=", ".join(group_ids),
        Filters=[{"Name": "group-id", "Values": list(group_ids)}],
    )
    found = (rule for rule in rules if not rule["IsEgress"] and rule["SecurityGroupRuleId"] not in known)
    return tuple(_surplus(rule, aws.region) for rule in found)


def _surplus(rule: dict[str, Any], region: str) -> SurplusRule:
    group, rule_id = rule["GroupId"], rule["SecurityGroupRuleId"]
    source = (
        rule.get("CidrIpv4")
        or rule.get("CidrIpv6")
        or (rule.get("ReferencedGroupInfo") or {}).get("GroupId")
        or rule.get("PrefixListId")
        or "an unknown source"
    )
    ports = "everything"
    if rule["IpProtocol"] != "-1":
        first, last = rule.get("FromPort", -1), rule.get("ToPort", -1)
        ports = f"{rule['IpProtocol']} {first}" + ("" if first == last else f"-{last}")
    command = "aws ec2 revoke-security-group-ingress"
    return SurplusRule(
        rule_id,
        group,
        f"{ports} from {source}",
        f"{command} --group-id {group} --security-group-rule-ids {rule_id} --region {region}",
    )
