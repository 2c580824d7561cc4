"""Parameters that name something in the account: it has to be there.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.errors import Unfulfilled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fargate_guard.sandbox.cloudformation.parameters import Parameter

LOOK_UPS: dict[str, tuple[str, str, str]] = {
    "AWS::EC2::VPC::Id": ("ec2", "describe_vpcs", "VpcIds"),
    "AWS::EC2::Subnet::Id": ("ec2", "describe_subnets", "SubnetIds"),
    "AWS::EC2::SecurityGroup::Id": ("ec2", "describe_security_groups", "GroupIds"),
}
"""Service, operation and argument that find what a parameter's type names."""


def check_existence(parameters: Mapping[str, Parameter], client: Callable[[str], Any]) -> None:
    """Refuse values that name nothing.

    :raises Unfulfilled: "Parameter validation failed: parameter value … for parameter name … does not exist".
    """
    from botocore.exceptions import ClientError

    for parameter in parameters.values():
        found = LOOK_UPS.get(parameter.type.removeprefix("List<").removesuffix(">"))
        if found is None:
            continue
        service, operation, argument = found
        values = parameter.resolved if isinstance(parameter.resolved, list) else [parameter.resolved]
        for value in values:
            try:
                getattr(client(service), operation)(**{argument: [value]})
            except ClientError as error:
                message = (
                    f"Parameter validation failed: parameter value {value} for parameter name {parameter.key} "
                    "does not exist"
                )
                raise Unfulfilled(message) from error
