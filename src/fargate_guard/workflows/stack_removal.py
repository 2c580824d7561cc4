"""Taking a deployment's stack away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.aws import cloudformation
from fargate_guard.stacks.template import stack_name
from fargate_guard.workflows.stack_deploy import stack_outputs
from fargate_guard.workflows.stack_operation import removal_plan, remove_stack
from fargate_guard.workflows.stack_owner import deployment_owner, refuse_foreign_removal
from fargate_guard.workflows.stack_repair import followed

if TYPE_CHECKING:
    from fargate_guard.stacks.states import Stack
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.destroy import Asking

LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"


def remove_deployed_stack(context: Context, asking: Asking) -> tuple[str, ...]:
    """Show what goes, ask, and delete the stack; returns the logical IDs of what is gone, else its name.

    What CloudFormation is doing with it is followed first, be it a deletion that an earlier run began.

    :raises PreflightError: when the stack is not this deployment's, or while others send to its orchestrator.
    :raises Declined: when the plan is not approved.
    """
    stack = cloudformation.find_stack(context.aws, stack_name(context.config))
    refuse_foreign_removal(context, stack, deployment_owner(context.config))
    stack = followed(context, stack)
    if stack is None or stack.is_gone:
        asking.approved(None)
        return ()
    asking.refuse_while_used(_orchestrator_host(context, stack))
    asking.approved(removal_plan(context, stack))
    context.observer.step("Delete the stack")
    return remove_stack(context, stack) or (stack.name,)


def _orchestrator_host(context: Context, stack: Stack) -> str | None:
    """Return the load balancer's name, also of a stack that is not complete."""
    outputs = stack_outputs(context, stack)
    if outputs is not None:
        return outputs.orchestrator.host if outputs.orchestrator else None
    return host_of_load_balancer(context, stack)


def host_of_load_balancer(context: Context, stack: Stack) -> str | None:
    """Return the DNS name of the load balancer among a stack's resources; None where there is none."""
    from fargate_guard.aws.elbv2 import load_balancer

    for one in cloudformation.resources(context.aws, stack.stack_id):
        arn = one.get("PhysicalResourceId")
        if one["ResourceType"] == LOAD_BALANCER and arn and one["ResourceStatus"] != "DELETE_COMPLETE":
            found = load_balancer(context.aws, str(arn))
            return str(found["DNSName"]) if found else None
    return None
