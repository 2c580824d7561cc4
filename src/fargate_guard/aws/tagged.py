"""What carries a deployment's tag, asked of each service itself.

The Resource Groups Tagging API is one call for everything, but it lags behind by minutes and goes on listing what
was deleted. So it only adds candidates that cannot be found otherwise, and each of those is confirmed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.aws import ec2, ecs
from fargate_guard.aws.cloudformation import find_stack
from fargate_guard.aws.errors import NotFound
from fargate_guard.aws.logs import log_group
from fargate_guard.aws.parallel import batches, each
from fargate_guard.deployment import DEPLOYMENT_TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.aws.session import Aws

Json = dict[str, Any]

LOAD_BALANCERS_PER_CALL = 20
ROLE_NAME_PREFIX = 32
"""The Terraform modules cut the generated names of roles to this length before the random suffix."""
STACK_NAME_IN_ROLE = 20
"""Letters of a long stack's name with which CloudFormation begins, at least, the generated names of its roles."""


def tagged_resources(aws: Aws, deployment: str) -> list[str]:
    """Return the ARNs of all that exists and has the deployment's tag; INACTIVE things of ECS do not count."""
    looks: tuple[Callable[[Aws, str], list[str]], ...] = (
        _ec2,
        _ecs,
        _load_balancing,
        _log_groups,
        _roles,
        _secrets,
        _scalable_targets,
        _candidates,
    )
    found = each(lambda look: look(aws, deployment), looks)
    return list(dict.fromkeys(arn for arns in found for arn in arns))


def _prefix(deployment: str) -> str:
    """Return how the Terraform modules begin names; a deployment's own name has no underscore."""
    return f"fguard_{deployment}_"


def _ec2(aws: Aws, deployment: str) -> list[str]:
    filters = [{"Name": "key", "Values": [DEPLOYMENT_TAG]}, {"Name": "value", "Values": [deployment]}]
    tags = aws.pages("ec2", "describe_tags", "Tags", about=deployment, Filters=filters)
    found = {str(tag["ResourceId"]): str(tag["ResourceType"]) for tag in tags}
    existing = ec2.existing(aws, found)
    identity = aws.identity()
    where = f"arn:{identity.partition}:ec2:{aws.region}:{identity.account_id}"
    return [
        f"{where}:{ec2.KINDS.get(resource.partition('-')[0], kind)}/{resource}"
        for resource, kind in found.items()
        if resource in existing and not resource.startswith("sgr-")  # rules go with their group
    ]


def _ecs(aws: Aws, deployment: str) -> list[str]:
    arns = ecs.cluster_arns(aws)
    found = [
        cluster["clusterArn"]
        for cluster in ecs.clusters(aws, arns, tags=True)
        if cluster["status"] != "INACTIVE" and _is_tagged(cluster, deployment)
    ]
    services = each(lambda cluster: ecs.services(aws, cluster, ecs.service_arns(aws, cluster), tags=True), arns)
    found += [
        service["serviceArn"]
        for described in services
        for service in described
        if service["status"] != "INACTIVE" and _is_tagged(service, deployment)
    ]
    return found


def _load_balancing(aws: Aws, deployment: str) -> list[str]:
    arns = [
        *(one["LoadBalancerArn"] for one in aws.pages("elbv2", "describe_load_balancers", "LoadBalancers")),
        *(one["TargetGroupArn"] for one in aws.pages("elbv2", "describe_target_groups", "TargetGroups")),
    ]
    return [
        described["ResourceArn"]
        for batch in batches(arns, LOAD_BALANCERS_PER_CALL)
        for described in aws.call("elbv2", "describe_tags", ResourceArns=list(batch))["TagDescriptions"]
        if _is_tagged(described, deployment)
    ]


def _log_groups(aws: Aws, deployment: str) -> list[str]:
    groups = aws.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=f"/fguard/{deployment}/")
    arns = [str(group["arn"]).removesuffix(":*") for group in groups]

    def tags(arn: str) -> Json:
        found: Json = aws.call("logs", "list_tags_for_resource", about=arn, resourceArn=arn)["tags"]
        return found

    return [
        arn for arn, found in zip(arns, each(tags, arns), strict=True) if found.get(DEPLOYMENT_TAG) == deployment
    ]


def _roles(aws: Aws, deployment: str) -> list[str]:
    """The tagging API does not tell roles, whatever made them.

    https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html
    """
    begins = (_prefix(deployment)[:ROLE_NAME_PREFIX], f"fguard-{deployment}-"[:STACK_NAME_IN_ROLE])
    roles = [role for role in aws.pages("iam", "list_roles", "Roles") if role["RoleName"].startswith(begins)]

    def tagged(role: Json) -> bool:
        name = role["RoleName"]
        tags = list(aws.pages("iam", "list_role_tags", "Tags", about=name, RoleName=name))
        return _is_tagged({"Tags": tags}, deployment)

    return [str(role["Arn"]) for role, ours in zip(roles, each(tagged, roles), strict=True) if ours]


def _secrets(aws: Aws, deployment: str) -> list[str]:
    filters = [{"Key": "tag-key", "Values": [DEPLOYMENT_TAG]}, {"Key": "tag-value", "Values": [deployment]}]
    secrets = aws.pages("secretsmanager", "list_secrets", "SecretList", about=deployment, Filters=filters)
    return [str(secret["ARN"]) for secret in secrets if _is_tagged(secret, deployment)]


def _scalable_targets(aws: Aws, deployment: str) -> list[str]:
    """Return the resource ids of scalable targets of the deployment's services, as ``service/cluster/name``."""
    targets = aws.pages(
        "application-autoscaling", "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs"
    )
    ids = (str(target["ResourceId"]) for target in targets)
    return [resource for resource in ids if resource.rpartition("/")[2].startswith(_prefix(deployment))]


def _candidates(aws: Aws, deployment: str) -> list[str]:
    """Return what only the tagging API finds: task definitions, and log groups and roles with other names."""
    listed = aws.pages(
        "resourcegroupstaggingapi",
        "get_resources",
        "ResourceTagMappingList",
        about=deployment,
        TagFilters=[{"Key": DEPLOYMENT_TAG, "Values": [deployment]}],
    )
    arns = [str(resource["ResourceARN"]) for resource in listed]
    families = aws.pages(
        "ecs", "list_task_definition_families", "families", familyPrefix=_prefix(deployment), status="ACTIVE"
    )
    for family in families:
        arns += aws.pages(
            "ecs", "list_task_definitions", "taskDefinitionArns", familyPrefix=family, status="ACTIVE"
        )
    wanted = list(dict.fromkeys(arns))
    return [arn for arn, real in zip(wanted, each(lambda arn: _exists(aws, arn), wanted), strict=True) if real]


_ASKED_DIRECTLY = ("ec2", "elasticloadbalancing", "secretsmanager", "application-autoscaling")


def _exists(aws: Aws, arn: str) -> bool:
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    if service == "ecs":
        definition = ecs.task_definition(aws, arn) if resource.startswith("task-definition/") else None
        return definition is not None and definition["status"] == "ACTIVE"
    if service == "logs":
        return log_group(aws, resource.removeprefix("log-group:").removesuffix(":*")) is not None
    if service == "iam":
        return _role_exists(aws, resource)
    if service == "cloudformation":
        stack = find_stack(aws, arn)
        return stack is not None and not stack.is_gone
    return service not in _ASKED_DIRECTLY


def _role_exists(aws: Aws, resource: str) -> bool:
    try:
        aws.call("iam", "get_role", about=resource, RoleName=resource.rpartition("/")[2])
    except NotFound:
        return False
    return True


def _is_tagged(described: Json, deployment: str) -> bool:
    return (DEPLOYMENT_TAG, deployment) in set(_tags(described))


def _tags(described: Json) -> Iterator[tuple[str, str]]:
    """Yield name and value of tags, in the spelling of either family of APIs."""
    for tag in described.get("Tags") or described.get("tags") or ():
        yield tag.get("Key") or tag.get("key"), tag.get("Value") or tag.get("value") or ""
