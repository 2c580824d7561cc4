"""EC2: what is in use cannot be deleted, and endpoints and gateways have their interfaces in the right place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models import EC2Backend
from moto.ec2.models.security_groups import SecurityGroupRule

from fargate_guard.sandbox.ecs.network import free_address
from fargate_guard.sandbox.mends.ec2_descriptions import check_rule
from fargate_guard.sandbox.mends.override import override
from fargate_guard.sandbox.mends.thrown_away import not_made_anew

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def mend() -> None:
    """Mend what moto gets wrong about networks."""
    override(EC2Backend, "reset", not_made_anew)
    override(EC2Backend, "delete_subnet", _delete_subnet)
    override(EC2Backend, "delete_security_group", _delete_security_group)
    override(EC2Backend, "delete_vpc", _delete_vpc)
    override(EC2Backend, "detach_internet_gateway", _detach_internet_gateway)
    override(EC2Backend, "create_vpc_endpoint", _create_vpc_endpoint)
    override(EC2Backend, "create_nat_gateway", _create_nat_gateway)
    override(EC2Backend, "delete_nat_gateway", _delete_nat_gateway)
    for side in ("ingress", "egress"):
        override(EC2Backend, f"update_security_group_rule_descriptions_{side}", _update_descriptions(side))
    if not hasattr(SecurityGroupRule, "mended_by_fguard"):
        SecurityGroupRule.mended_by_fguard = True  # type: ignore[attr-defined]
        SecurityGroupRule.description = property(_rule_description)  # type: ignore[assignment, method-assign]


def _rule_description(rule: Any) -> str | None:
    """Rules that name a security group have a description, too.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRule.html
    """
    for source in (rule.ip_range, rule.source_group):
        if source.get("Description"):
            return str(source["Description"])
    return None


def _update_descriptions(side: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def mended(original: Callable[..., Any]) -> Callable[..., Any]:
        def update_security_group_rule_descriptions(self: Any, **rule: Any) -> Any:
            """Rules that name a security group can get another description, too.

            https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_UpdateSecurityGroupRuleDescriptionsIngress.html
            """
            check_rule(rule)
            group = original(self, **rule)
            descriptions = {
                each.get("GroupId"): each.get("Description") for each in rule.get("source_groups") or ()
            }
            wanted = (rule["ip_protocol"], str(rule["from_port"]), str(rule["to_port"]))
            for each in getattr(group, f"{side}_rules"):
                source = each.source_group.get("GroupId")
                if (each.ip_protocol, str(each.from_port), str(each.to_port)) == wanted and source in descriptions:
                    each.source_group["Description"] = descriptions[source]
            return group

        return update_security_group_rule_descriptions

    return mended


def _delete_subnet(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_subnet(self: Any, subnet_id: str) -> Any:
        """Subnets with network interfaces stay.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSubnet.html
        """
        if any(eni.subnet.id == subnet_id for eni in self.enis.values()):
            message = f"The subnet '{subnet_id}' has dependencies and cannot be deleted."
            raise DependencyViolationError(message)
        return original(self, subnet_id)

    return delete_subnet


def _delete_security_group(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_security_group(self: Any, name: str | None = None, group_id: str | None = None) -> Any:
        """Security groups of network interfaces, and those other groups name in a rule, stay.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html
        """
        if group_id is not None:
            used = any(group.id == group_id for eni in self.enis.values() for group in eni.group_set)
            if used or _named_by_others(self, group_id):
                message = f"resource {group_id} has a dependent object"
                raise DependencyViolationError(message)
        return original(self, name=name, group_id=group_id)

    return delete_security_group


def _named_by_others(ec2: Any, group_id: str) -> bool:
    rules: Iterable[Any] = (
        rule
        for groups in ec2.groups.values()
        for group in groups.values()
        if group.id != group_id
        for rule in (*group.ingress_rules, *group.egress_rules)
    )
    return any(rule.source_group.get("GroupId") == group_id for rule in rules)


def _delete_vpc(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_vpc(self: Any, vpc_id: str) -> Any:
        """VPCs with an internet gateway or with security groups of their own stay.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpc.html
        """
        gateways = [g for g in self.internet_gateways.values() if g.vpc is not None and g.vpc.id == vpc_id]
        groups = [g for g in self.groups.get(vpc_id, {}).values() if g.name != "default"]
        if gateways or groups:
            message = f"The vpc '{vpc_id}' has dependencies and cannot be deleted."
            raise DependencyViolationError(message)
        return original(self, vpc_id)

    return delete_vpc


def _detach_internet_gateway(original: Callable[..., Any]) -> Callable[..., Any]:
    def detach_internet_gateway(self: Any, internet_gateway_id: str, vpc_id: str) -> Any:
        """Internet gateways stay while public addresses are in use.

        https://docs.aws.amazon.com/vpc/latest/userguide/delete-igw.html
        """
        if any(eni.public_ip and eni.vpc_id == vpc_id for eni in self.enis.values()):
            message = (
                f"Network {vpc_id} has some mapped public address(es). "
                "Please unmap those public address(es) before detaching the gateway."
            )
            raise DependencyViolationError(message)
        return original(self, internet_gateway_id, vpc_id)

    return detach_internet_gateway


def _create_vpc_endpoint(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_vpc_endpoint(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Interfaces of an endpoint have addresses of their subnets and the endpoint's security groups.

        https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html
        """
        endpoint = original(self, *args, **kwargs)
        groups = [self.get_security_group_from_id(group) for group in endpoint.security_group_ids or []]
        for interface_id in endpoint.network_interface_ids or []:
            interface = self.enis[interface_id]
            _settle(self, interface, f"VPC Endpoint Interface {endpoint.id}", "vpc_endpoint")
            interface._group_set = groups or interface._group_set  # noqa: SLF001 - moto has no other way
        return endpoint

    return create_vpc_endpoint


def _create_nat_gateway(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_nat_gateway(self: Any, *args: Any, **kwargs: Any) -> Any:
        """A gateway's interface has an address of its subnet and no security group; a gateway is a public one.

        https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html
        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNatGateway.html
        """
        gateway = original(self, *args, **kwargs)
        gateway.connectivity_type = gateway.connectivity_type or "public"
        interface = gateway._eni  # noqa: SLF001 - moto has no other way
        _settle(self, interface, f"Interface for NAT Gateway {gateway.id}", "nat_gateway")
        interface._group_set = []  # noqa: SLF001 - moto has no other way
        return gateway

    return create_nat_gateway


def _settle(ec2: Any, interface: Any, description: str, interface_type: str) -> None:
    interface.private_ip_address = free_address(ec2, interface.subnet)
    interface.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": interface.private_ip_address}]
    interface.description = description
    interface.interface_type = interface_type
    interface.requester_managed = True
    interface.status = "in-use"


def _delete_nat_gateway(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_nat_gateway(self: Any, nat_gateway_id: str) -> Any:
        """The interface goes with the gateway, and the elastic address is free again.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNatGateway.html
        """
        gateway = original(self, nat_gateway_id)
        interface = gateway._eni  # noqa: SLF001 - moto has no other way
        self.enis.pop(interface.id, None)
        for address in self.addresses:
            if address.eni is interface:
                address.eni = address.association_id = None
        return gateway

    return delete_nat_gateway
