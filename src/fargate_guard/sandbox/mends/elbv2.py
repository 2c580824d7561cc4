"""Load balancers: ARNs and defaults of network load balancers, and the health of registered tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.elbv2 import models

from fargate_guard.sandbox.mends.override import override

if TYPE_CHECKING:
    from collections.abc import Callable

REASONS = {
    "initial": ("Elb.InitialHealthChecking", "Initial health checks in progress"),
    "unhealthy": ("Target.FailedHealthChecks", "Health checks failed"),
    "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
}
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html"""


def mend() -> None:
    """Mend what moto gets wrong about load balancers."""
    override(models.ELBv2Backend, "create_load_balancer", _create_load_balancer)
    override(models.FakeTargetGroup, "health_for", _health_for)


def _create_load_balancer(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_load_balancer(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Network load balancers have ``net`` in their ARN and are active when first looked at.

        https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html
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
        return balancer

    return create_load_balancer


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
