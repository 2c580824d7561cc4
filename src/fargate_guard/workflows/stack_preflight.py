"""What CloudFormation would find out only after minutes, and take back: refused before anything is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.aws import ec2
from fargate_guard.aws.errors import AccessDenied
from fargate_guard.aws.logs import log_group
from fargate_guard.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fargate_guard.stacks.states import Stack
    from fargate_guard.workflows.context import Context
    from fargate_guard.workload_input import WorkloadInput


def refuse_missing_log_groups(context: Context, workloads: Sequence[WorkloadInput]) -> None:
    """Refuse a container whose log group is not there: its task would not start.

    :raises PreflightError: with the workload and the log group.
    """
    from fargate_guard.stacks.workloads import existing_log_groups

    for name, groups in existing_log_groups(context.config, workloads, context.region).items():
        for group in groups:
            if not _is_there(context, group):
                raise PreflightError(
                    f"the log group {group}, which a container of {name} writes to, does not exist",
                    where=f"the task definition of the workload {name}",
                    why="the container would not start",
                    fix="set create_log_groups: true for the workload, or create the log group, or add"
                    ' "awslogs-create-group": "true" to the container\'s log options',
                )


def _is_there(context: Context, group: str) -> bool:
    try:
        return log_group(context.aws, group) is not None
    except AccessDenied as error:
        context.observer.note(f"whether the log group {group} exists is not known: {error.message}")
        return True


def refuse_another_vpc(context: Context, stack: Stack | None) -> None:
    """Refuse to move a live deployment to another VPC within its stack.

    CloudFormation makes the new VPC before it deletes the old one, and keeps internet gateway and load balancer,
    each of which is of one VPC. https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html

    :raises PreflightError: when the configuration asks for that.
    """
    current = stack.outputs.get("VpcId") if stack is not None else None
    if stack is None or current is None:
        return
    wanted, network = context.config.network.vpc_id, context.config.network
    made_here = "VpcId" not in stack.parameters
    balanced = "LoadBalancerName" in stack.parameters and context.config.agent.topology == "orchestrator"
    if made_here and wanted is None:
        vpc = ec2.vpc(context.aws, current)
        if vpc is not None and vpc["CidrBlock"] != network.cidr:
            raise _another_vpc(
                stack, "network.cidr", f"{current} has {vpc['CidrBlock']}, and {network.cidr} is wanted"
            )
    elif made_here and wanted == current:
        raise _another_vpc(stack, "network.vpc_id", f"the stack itself made {current}, and would delete it")
    elif balanced and wanted != current:
        raise _another_vpc(stack, "network.vpc_id", f"it is in {current}, and {wanted or 'a new one'} is wanted")


def _another_vpc(stack: Stack, key: str, difference: str) -> PreflightError:
    return PreflightError(
        f"the stack {stack.name} cannot move to another VPC",
        where=f"fguard.yaml: {key}",
        why=f"{difference}; internet gateway and load balancer are of one VPC, so that CloudFormation would fail"
        " and take it all back",
        fix=f"put {key} back"
        "\nor deploy with the new network under another `name`, move what sends to the old orchestrator,"
        " and destroy the old one"
        "\nor, where the workloads may stop meanwhile: fguard destroy, then fguard deploy --method cloudformation",
    )
