"""What AWS's error codes mean for a deployment: which quota, which IAM action."""

from __future__ import annotations

import re
from dataclasses import dataclass

QUOTA = re.compile(
    r"\b(?!RequestLimitExceeded)(\w*LimitExceeded(?:Exception)?|TooManyLoadBalancers|TooManyTargetGroups|TooManyListeners|"
    r"ServiceQuotaExceeded(?:Exception)?|\w*QuotaExceeded(?:Exception)?)\b"
)
"""RequestLimitExceeded is EC2's word for throttling, not for a quota."""

THROTTLED = re.compile(
    r"RequestLimitExceeded|Throttling\w*|ThrottledException|TooManyRequestsException|Rate exceeded"
)
DENIED = re.compile(
    r"is not authorized to perform|\bAccessDenied\w*|UnauthorizedOperation|AuthorizationError\w*|StatusCode: 403"
)
_ACTION = re.compile(r"not authorized to perform:? ([a-z0-9-]+:\w+)")
_OPERATION = re.compile(r"operation error ([^:]+): (\w+)")

IAM_PREFIXES = {
    "application auto scaling": "application-autoscaling",
    "cloudwatch logs": "logs",
    "elastic load balancing v2": "elasticloadbalancing",
    "secrets manager": "secretsmanager",
    "service discovery": "servicediscovery",
}
"""The provider's names of services whose IAM prefix is not just the name in lower case."""


IAM_ACTIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
}
"""Operations whose IAM action has another name
(https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html)."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A service quota (https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html)."""

    name: str
    service: str = ""
    """Service Quotas' service code, e.g. ``vpc``."""
    code: str = ""
    """Service Quotas' quota code, e.g. ``L-F678F1CE``."""

    @property
    def request_command(self) -> str:
        """How to ask for more."""
        if not self.code:
            return "https://console.aws.amazon.com/servicequotas/home"
        return (
            f"aws service-quotas request-service-quota-increase --service-code {self.service} "
            f"--quota-code {self.code} --desired-value N"
        )


QUOTAS = {
    "VpcLimitExceeded": Quota("VPCs per Region", "vpc", "L-F678F1CE"),
    "InternetGatewayLimitExceeded": Quota("Internet gateways per Region (as many as VPCs)", "vpc", "L-F678F1CE"),
    "NatGatewayLimitExceeded": Quota("NAT gateways per Availability Zone", "vpc", "L-FE5A380F"),
    "AddressLimitExceeded": Quota("EC2-VPC Elastic IPs", "ec2", "L-0263D0A3"),
    "SubnetLimitExceeded": Quota("Subnets per VPC", "vpc", "L-407747CB"),
    "RouteTableLimitExceeded": Quota("Route tables per VPC", "vpc", "L-589F43AA"),
    "SecurityGroupLimitExceeded": Quota("VPC security groups per Region", "vpc", "L-E79EC296"),
    "RulesPerSecurityGroupLimitExceeded": Quota(
        "Inbound or outbound rules per security group", "vpc", "L-0EA8095F"
    ),
    "VpcEndpointLimitExceeded": Quota("Interface VPC endpoints per VPC", "vpc", "L-29B6F2EB"),
    "NetworkInterfaceLimitExceeded": Quota("Network interfaces per Region", "vpc", "L-DF5E4CA3"),
    "TooManyLoadBalancers": Quota("Network Load Balancers per Region", "elasticloadbalancing", "L-69A177A2"),
    "TooManyTargetGroups": Quota("Target Groups per Region", "elasticloadbalancing", "L-B22855CB"),
}
"""The quotas that a deployment can meet, by the error code that AWS answers with."""

_BY_OPERATION = {
    "CreateRole": Quota("Roles per account", "iam", "L-FE177D64"),
    "CreateCluster": Quota("Clusters per account", "ecs", "L-21C621EB"),
}


def quota_for(code: str, sentence: str) -> Quota:
    """The quota behind an error code; the code itself serves as name where it is not known."""
    known = QUOTAS.get(code)
    if known is not None:
        return known
    operation = _OPERATION.search(sentence)
    if operation is not None and operation[2] in _BY_OPERATION:
        return _BY_OPERATION[operation[2]]
    return Quota(f"{code} ({operation[1]} {operation[2]})" if operation is not None else code)


def denied_action(sentence: str) -> str | None:
    """The IAM action that was refused, e.g. ``ec2:CreateVpc``."""
    named = _ACTION.search(sentence)
    if named is not None:
        return named[1]
    operation = _OPERATION.search(sentence)
    if operation is None:
        return None
    service = operation[1].strip().lower()
    action = f"{IAM_PREFIXES.get(service, service.replace(' ', ''))}:{operation[2]}"
    return IAM_ACTIONS.get(action, action)
