"""What a destroyed deployment left behind, each with the command that removes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.aws.tagged import tagged_resources

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws


@dataclass(frozen=True, slots=True)
class Leftover:
    """A resource that still carries the deployment's tag."""

    resource: str
    """ARN; for a scalable target its resource id."""
    remove_with: str
    """A command line."""


_EC2 = {
    "vpc-endpoint": "delete-vpc-endpoints --vpc-endpoint-ids",
    "natgateway": "delete-nat-gateway --nat-gateway-id",
    "elastic-ip": "release-address --allocation-id",
    "network-interface": "delete-network-interface --network-interface-id",
    "security-group": "delete-security-group --group-id",
    "subnet": "delete-subnet --subnet-id",
    "route-table": "delete-route-table --route-table-id",
    "internet-gateway": "delete-internet-gateway --internet-gateway-id",
    "vpc": "delete-vpc --vpc-id",
}
"""In the order in which EC2 lets them go."""
_ELBV2 = {
    "loadbalancer": "delete-load-balancer --load-balancer-arn",
    "targetgroup": "delete-target-group --target-group-arn",
    "listener": "delete-listener --listener-arn",
}


def find_leftovers(aws: Aws, deployment: str) -> tuple[Leftover, ...]:
    """Look for everything that exists and is tagged with the deployment; in an order that it can be removed in."""
    found = sorted(tagged_resources(aws, deployment), key=_rank)
    return tuple(Leftover(arn, _removal(arn, aws.region)) for arn in found)


def _rank(arn: str) -> tuple[int, int]:
    """Users of a thing come before it: scalable targets, services, load balancers, clusters, and networks last."""
    if not arn.startswith("arn:"):
        return 0, 0
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    kind = resource.partition("/")[0]
    order = ("service", "task-definition", "loadbalancer", "targetgroup", "cluster")
    if kind in order:
        return 1, order.index(kind)
    return (3, list(_EC2).index(kind)) if service == "ec2" and kind in _EC2 else (2, 0)


def _removal(arn: str, region: str) -> str:
    if not arn.startswith("arn:"):
        return (
            "aws application-autoscaling deregister-scalable-target --service-namespace ecs"
            f" --scalable-dimension ecs:service:DesiredCount --resource-id {arn} --region {region}"
        )
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    kind, _, name = resource.partition("/")
    command = {
        "ec2": f"aws ec2 {_EC2[kind]} {name}" if kind in _EC2 else None,
        "ecs": _ecs(kind, name, arn),
        "elasticloadbalancing": f"aws elbv2 {_ELBV2.get(kind, 'describe-tags --resource-arns')} {arn}",
        "logs": f"aws logs delete-log-group --log-group-name {resource.removeprefix('log-group:')}",
        "iam": _role(name.rpartition("/")[2]),
        "cloudformation": f"aws cloudformation delete-stack --stack-name {name.partition('/')[0]}",
        "secretsmanager": f"aws secretsmanager delete-secret --secret-id {arn} --force-delete-without-recovery",
    }.get(service)
    return (
        f"{command or f'aws resourcegroupstaggingapi get-resources --resource-arn-list {arn}'} --region {region}"
    )


def _role(name: str) -> str:
    return (
        f"aws iam delete-role-policy --role-name {name} --policy-name execution;"
        f" aws iam delete-role --role-name {name}"
    )


def _ecs(kind: str, name: str, arn: str) -> str:
    if kind == "service":
        return f"aws ecs delete-service --cluster {name.partition('/')[0]} --service {arn} --force"
    if kind == "task-definition":
        return f"aws ecs deregister-task-definition --task-definition {name}"
    return f"aws ecs delete-cluster --cluster {name}"
