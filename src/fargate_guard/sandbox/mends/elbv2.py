"""Load balancers: ARNs and defaults of network load balancers, and the health of registered tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.elbv2 import models
from moto.elbv2.exceptions import ELBClientError

from fargate_guard.sandbox.ecs.network import free_address
from fargate_guard.sandbox.mends.override import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REASONS = {
    "initial": ("Elb.InitialHealthChecking", "Initial health checks in progress"),
    "unhealthy": ("Target.FailedHealthChecks", "Health checks failed"),
    "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
}
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html"""


def mend() -> None:
    """Mend what moto gets wrong about load balancers."""
    override(models.ELBv2Backend, "create_load_balancer", _create_load_balancer)
    override(models.ELBv2Backend, "delete_load_balancer", _delete_load_balancer)
    override(models.ELBv2Backend, "set_security_groups", _set_security_groups)
    override(models.ELBv2Backend, "set_subnets", _set_subnets)
    override(models.ELBv2Backend, "modify_listener", _modify_listener)
    override(models.FakeTargetGroup, "health_for", _health_for)


def _create_load_balancer(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_load_balancer(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Network load balancers have ``net`` in their ARN; they are active when first looked at.

        https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html
        On AWS they are provisioning for some minutes before; here that is left out:
        https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerState.html
        """
        balancer = original(self, *args, **kwargs)
        kind = {"network": "net", "gateway": "gwy"}.get(balancer.type)
        balancer.state = "active"
        if kind is None:
            return balancer
        old = balancer.arn
        balancer.arn = old.replace(":loadbalancer/app/", f":loadbalancer/{kind}/")
        self.load_balancers[balancer.arn] = self.load_balancers.pop(old)
        tags = self.tagging_service.get_tag_dict_for_resource(old)
        self.tagging_service.delete_all_tags_for_resource(old)
        self.tagging_service.tag_resource(
            balancer.arn, [{"Key": key, "Value": value} for key, value in tags.items()]
        )
        balancer.dns_name = balancer.dns_name.replace(".elb.amazonaws.com", "").replace(
            f".{self.region_name}", f".elb.{self.region_name}.amazonaws.com"
        )
        _attach(balancer, self.ec2_backend, balancer.subnets)
        return balancer

    return create_load_balancer


def _modify_listener(original: Callable[..., Any]) -> Callable[..., Any]:
    def modify_listener(self: Any, *args: Any, **kwargs: Any) -> Any:
        """A listener's new target group belongs to its load balancer.

        https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroup.html
        """
        listener = original(self, *args, **kwargs)
        for action in listener.default_actions:
            arn = action.data.get("TargetGroupArn")
            group = self.target_groups.get(arn)
            if group is not None and listener.load_balancer_arn not in group.load_balancer_arns:
                group.load_balancer_arns.append(listener.load_balancer_arn)
        return listener

    return modify_listener


def _interface_description(balancer: Any) -> str:
    return f"ELB {balancer.arn.split(':loadbalancer/')[-1]}"


def _attach(balancer: Any, ec2: Any, subnets: Iterable[Any]) -> None:
    """A network load balancer has an interface with its security groups in every subnet.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/network-load-balancers.html
    """
    for subnet in subnets:
        interface = ec2.create_network_interface(
            subnet=subnet,
            private_ip_address=free_address(ec2, subnet),
            group_ids=list(balancer.security_groups or []) or None,
            description=_interface_description(balancer),
        )
        interface.status = "in-use"
        interface.requester_managed = True
        interface.interface_type = "network_load_balancer"
        if not balancer.security_groups:
            interface._group_set = []  # noqa: SLF001 - moto has no other way


def _interfaces(balancer: Any, ec2: Any) -> list[Any]:
    description = _interface_description(balancer)
    return [interface for interface in ec2.enis.values() if interface.description == description]


def _delete_load_balancer(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_load_balancer(self: Any, arn: str) -> Any:
        """The interfaces go, and target groups are free for other load balancers.

        https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html
        """
        balancer = self.load_balancers.get(arn)
        if balancer is not None:
            if balancer.attrs.get("deletion_protection.enabled") == "true":
                message = f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
                raise ELBClientError("OperationNotPermitted", message)
            for interface in _interfaces(balancer, self.ec2_backend):
                del self.ec2_backend.enis[interface.id]
            for group in self.target_groups.values():
                group.load_balancer_arns = [each for each in group.load_balancer_arns if each != arn]
        return original(self, arn)

    return delete_load_balancer


def _set_security_groups(original: Callable[..., Any]) -> Callable[..., Any]:
    def set_security_groups(self: Any, arn: str, sec_groups: list[str]) -> Any:
        """The interfaces of a network load balancer have its security groups.

        https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSecurityGroups.html
        """
        answer = original(self, arn, sec_groups)
        ec2 = self.ec2_backend
        for interface in _interfaces(self.load_balancers[arn], ec2):
            interface._group_set = [ec2.get_security_group_from_id(group) for group in sec_groups]  # noqa: SLF001
        return answer

    return set_security_groups


def _set_subnets(original: Callable[..., Any]) -> Callable[..., Any]:
    def set_subnets(self: Any, arn: str, *args: Any, **kwargs: Any) -> Any:
        """The subnets replace the former ones, and the interfaces of a network load balancer go with them.

        https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSubnets.html
        """
        answer = original(self, arn, *args, **kwargs)
        balancer, ec2 = self.load_balancers[arn], self.ec2_backend
        if balancer.type != "network":
            return answer
        there = {interface.subnet.id: interface.id for interface in _interfaces(balancer, ec2)}
        wanted = {subnet.id: subnet for subnet in balancer.subnets}
        for subnet_id in there.keys() - wanted.keys():
            del ec2.enis[there[subnet_id]]
        _attach(balancer, ec2, [subnet for subnet_id, subnet in wanted.items() if subnet_id not in there])
        return answer

    return set_subnets


def _health_for(original: Callable[..., Any]) -> Callable[..., Any]:
    def health_for(self: Any, target: dict[str, Any], ec2_backend: Any) -> Any:
        """A task's target is as healthy as the scheduler says.

        https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html
        """
        health = original(self, target, ec2_backend)
        state = self.targets.get(target["Id"], {}).get("SandboxState")
        if state is not None:
            health.status = state
            health.reason, health.description = REASONS.get(state, (None, None))
        return health

    return health_for
