"""Load balancers, listeners and the health of targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.aws.errors import NotFound

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws

Json = dict[str, Any]


def load_balancer(aws: Aws, arn: str) -> Json | None:
    """Describe a load balancer, None when there is none."""
    return _first(aws, "describe_load_balancers", "LoadBalancers", arn, LoadBalancerArns=[arn])


def target_group(aws: Aws, arn: str) -> Json | None:
    """Describe a target group, None when there is none."""
    return _first(aws, "describe_target_groups", "TargetGroups", arn, TargetGroupArns=[arn])


def listeners(aws: Aws, load_balancer_arn: str) -> list[Json]:
    """Describe a load balancer's listeners; none when it does not exist."""
    try:
        return list(
            aws.pages(
                "elbv2",
                "describe_listeners",
                "Listeners",
                about=load_balancer_arn,
                LoadBalancerArn=load_balancer_arn,
            )
        )
    except NotFound:
        return []


def target_health(aws: Aws, target_group_arn: str) -> list[Json]:
    """Describe the health of a target group's targets; none when it does not exist."""
    try:
        found = aws.call(
            "elbv2", "describe_target_health", about=target_group_arn, TargetGroupArn=target_group_arn
        )
    except NotFound:
        return []
    return list(found["TargetHealthDescriptions"])


def _first(aws: Aws, operation: str, key: str, arn: str, **parameters: Any) -> Json | None:
    try:
        found = aws.call("elbv2", operation, about=arn, **parameters)[key]
    except NotFound:
        return None
    return dict(found[0]) if found else None
