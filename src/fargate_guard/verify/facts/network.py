"""What EC2 and Elastic Load Balancing say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

ANYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True)
class Vpc:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Vpc.html."""

    vpc_id: str
    state: str
    cidrs: tuple[str, ...]
    dns_support: bool
    dns_hostnames: bool


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet with the default route of its route table."""

    subnet_id: str
    vpc_id: str
    zone: str
    state: str
    cidr: str
    free_addresses: int
    route_out: str | None
    """Target of the route to 0.0.0.0/0: ``igw-…``, ``nat-…``, ``tgw-…``...; None: no such route."""
    route_active: bool
    """False for a black hole: the target is gone."""

    @property
    def public(self) -> bool:
        """Whether the way out is an internet gateway, which needs public addresses."""
        return bool(self.route_out and self.route_out.startswith("igw-"))


@dataclass(frozen=True, slots=True)
class VpcEndpoint:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcEndpoint.html."""

    endpoint_id: str
    service_name: str
    state: str
    kind: str
    """``Gateway`` or ``Interface``."""
    private_dns: bool

    @classmethod
    def of(cls, endpoint: Mapping[str, Any]) -> Self:
        """Read DescribeVpcEndpoints."""
        return cls(
            endpoint_id=endpoint["VpcEndpointId"],
            service_name=endpoint["ServiceName"],
            state=endpoint["State"],
            kind=endpoint.get("VpcEndpointType") or "Gateway",
            private_dns=bool(endpoint.get("PrivateDnsEnabled")),
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One permission of a security group, one source or destination each."""

    protocol: str
    """``tcp``, ``udp``, ``icmp`` or ``-1`` (everything)."""
    from_port: int
    to_port: int
    peer: str
    """A CIDR block, a security group or a prefix list."""

    @property
    def anywhere(self) -> bool:
        """Whether every address in the world matches."""
        return self.peer in ANYWHERE

    def admits(self, port: int) -> bool:
        """Whether TCP to ``port`` matches."""
        return self.protocol == "-1" or (self.protocol == "tcp" and self.from_port <= port <= self.to_port)

    def permission(self) -> Json:
        """Return the rule as an ``IpPermissions`` entry, with which it can be revoked.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html
        """
        ports = {} if self.protocol == "-1" else {"FromPort": self.from_port, "ToPort": self.to_port}
        if self.peer.startswith("sg-"):
            peer: Json = {"UserIdGroupPairs": [{"GroupId": self.peer}]}
        elif self.peer.startswith("pl-"):
            peer = {"PrefixListIds": [{"PrefixListId": self.peer}]}
        elif ":" in self.peer:
            peer = {"Ipv6Ranges": [{"CidrIpv6": self.peer}]}
        else:
            peer = {"IpRanges": [{"CidrIp": self.peer}]}
        return {"IpProtocol": self.protocol, **ports, **peer}

    def __str__(self) -> str:
        ports = "all" if self.protocol == "-1" else f"{self.protocol} {self.from_port}-{self.to_port}"
        return f"{ports} {self.peer}"


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroup.html."""

    group_id: str
    vpc_id: str
    ingress: tuple[Rule, ...]
    egress: tuple[Rule, ...]

    @classmethod
    def of(cls, group: Mapping[str, Any]) -> Self:
        """Read DescribeSecurityGroups."""
        return cls(
            group_id=group["GroupId"],
            vpc_id=group.get("VpcId", ""),
            ingress=_rules(group.get("IpPermissions", ())),
            egress=_rules(group.get("IpPermissionsEgress", ())),
        )


def _rules(permissions: Any) -> tuple[Rule, ...]:
    rules = []
    for permission in permissions:
        peers = [
            *(block["CidrIp"] for block in permission.get("IpRanges", ())),
            *(block["CidrIpv6"] for block in permission.get("Ipv6Ranges", ())),
            *(pair["GroupId"] for pair in permission.get("UserIdGroupPairs", ())),
            *(prefix["PrefixListId"] for prefix in permission.get("PrefixListIds", ())),
        ]
        rules += [
            Rule(
                protocol=permission["IpProtocol"],
                from_port=permission.get("FromPort", 0),
                to_port=permission.get("ToPort", 65535),
                peer=peer,
            )
            for peer in peers
        ]
    return tuple(rules)


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancer.html."""

    arn: str
    dns_name: str
    state: str
    scheme: str
    kind: str
    """``network`` or ``application``."""
    zones: tuple[str, ...]
    security_group_ids: tuple[str, ...]

    @classmethod
    def of(cls, balancer: Mapping[str, Any]) -> Self:
        """Read DescribeLoadBalancers."""
        return cls(
            arn=balancer["LoadBalancerArn"],
            dns_name=balancer["DNSName"],
            state=(balancer.get("State") or {}).get("Code", ""),
            scheme=balancer.get("Scheme", ""),
            kind=balancer.get("Type", ""),
            zones=tuple(zone["ZoneName"] for zone in balancer.get("AvailabilityZones", ())),
            security_group_ids=tuple(balancer.get("SecurityGroups") or ()),
        )


@dataclass(frozen=True, slots=True)
class Listener:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Listener.html."""

    arn: str
    port: int
    protocol: str
    target_group_arns: tuple[str, ...]

    @classmethod
    def of(cls, listener: Mapping[str, Any]) -> Self:
        """Read DescribeListeners."""
        forwarded: list[str] = []
        for action in listener.get("DefaultActions", ()):
            groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or ()
            forwarded += [action["TargetGroupArn"]] if action.get("TargetGroupArn") else []
            forwarded += [group["TargetGroupArn"] for group in groups]
        return cls(
            arn=listener["ListenerArn"],
            port=listener.get("Port", 0),
            protocol=listener.get("Protocol", ""),
            target_group_arns=tuple(dict.fromkeys(forwarded)),
        )


@dataclass(frozen=True, slots=True)
class Target:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealthDescription.html."""

    address: str
    port: int
    state: str
    reason: str

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Self:
        """Read DescribeTargetHealth."""
        health = described.get("TargetHealth") or {}
        return cls(
            address=described["Target"]["Id"],
            port=described["Target"].get("Port", 0),
            state=health.get("State", ""),
            reason=health.get("Description") or health.get("Reason") or "",
        )
