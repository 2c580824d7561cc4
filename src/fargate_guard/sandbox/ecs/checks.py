"""What ECS refuses at CreateService, UpdateService and RunTask, and moto lets pass."""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import InvalidSecurityGroupNotFoundError, InvalidSubnetIdError
from moto.ec2.models import ec2_backends
from moto.ecs.exceptions import InvalidParameterException
from moto.elbv2.models import elbv2_backends

Json = dict[str, Any]


def check_service(account_id: str, region: str, settings: Json, record: Json) -> None:
    """Refuse services that ECS refuses.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html

    :raises InvalidParameterException: worded as ECS words it.
    """
    check_task_network(account_id, region, settings, record)
    containers = {container["name"]: container for container in record["containerDefinitions"]}
    groups = elbv2_backends[account_id][region].target_groups
    for load_balancer in settings.get("loadBalancers") or []:
        arn = load_balancer.get("targetGroupArn")
        name, port = load_balancer.get("containerName"), load_balancer.get("containerPort")
        if arn is None:
            continue
        if arn not in groups:
            raise InvalidParameterException(f"The target group {arn} does not exist.")
        if not groups[arn].load_balancer_arns:
            message = f"The target group with targetGroupArn {arn} does not have an associated load balancer."
            raise InvalidParameterException(message)
        if name not in containers:
            raise InvalidParameterException(f"The container {name} does not exist in the task definition.")
        if port not in [mapping.get("containerPort") for mapping in containers[name]["portMappings"]]:
            message = f"The container {name} did not have a container port {port} defined."
            raise InvalidParameterException(message)


def check_task_network(account_id: str, region: str, settings: Json, record: Json) -> None:
    """Refuse awsvpc tasks without an existing network.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html

    :raises InvalidParameterException: worded as ECS words it.
    """
    network = (settings.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if network is None:
        if record.get("networkMode") == "awsvpc":
            message = "Network Configuration must be provided when networkMode 'awsvpc' is specified."
            raise InvalidParameterException(message)
        return
    subnets = network.get("subnets") or []
    if not subnets:
        message = "subnets can not be empty."
        raise InvalidParameterException(message)
    ec2 = ec2_backends[account_id][region]
    for subnet in subnets:
        try:
            ec2.get_subnet(subnet)
        except InvalidSubnetIdError as error:
            message = (
                f"Error retrieving subnet information for [{subnet}]: {error.message} "
                "(ErrorCode: InvalidSubnetID.NotFound)"
            )
            raise InvalidParameterException(message) from error
    try:
        ec2.describe_security_groups(group_ids=network.get("securityGroups") or [])
    except InvalidSecurityGroupNotFoundError as error:
        message = (
            f"Error retrieving security group information for {network.get('securityGroups')}: "
            f"{error.message} (ErrorCode: InvalidGroup.NotFound)"
        )
        raise InvalidParameterException(message) from error
