"""One entrance for both methods: each command goes to the one that the deployment lives with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.workflows.access_key import required_variable
from fargate_guard.workflows.methods import Method, live_method, method_to_deploy, method_to_remove

if TYPE_CHECKING:
    from fargate_guard.deployment import DeploymentOutputs
    from fargate_guard.stacks.change_set import StackPlan
    from fargate_guard.terraform.plan import Plan
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.deploy import Deployed
    from fargate_guard.workflows.destroy import Destroyed
    from fargate_guard.workflows.observer import Approver


def plan_deployment(context: Context, method: str | None) -> tuple[Method, Plan | StackPlan]:
    """Return what a deploy would change; nothing is changed.

    :param method: ``--method``; None: the one that is deployed, else Terraform.
    """
    from fargate_guard.workflows.deploy import make_plan
    from fargate_guard.workflows.stack_deploy import make_stack_plan

    chosen = method_to_deploy(context, method)
    return chosen, (make_plan if chosen is Method.TERRAFORM else make_stack_plan)(context)


def bring_up(context: Context, method: str | None, approve: Approver) -> tuple[Method, Deployed]:
    """Bring AWS to what the configuration says.

    :raises PreflightError: when it would not work, or the deployment lives with the other method.
    """
    from fargate_guard.workflows.deploy import deploy
    from fargate_guard.workflows.stack_deploy import deploy_stack

    if context.config.sysdig.access_key.env:
        required_variable(context)
    chosen = method_to_deploy(context, method)
    return chosen, (deploy if chosen is Method.TERRAFORM else deploy_stack)(context, approve)


def outputs_of_deployment(context: Context) -> DeploymentOutputs:
    """Return what was built.

    :raises NotDeployed: when nothing, or not everything, is deployed.
    """
    from fargate_guard.workflows.stack_deploy import described_deployment
    from fargate_guard.workflows.verification import deployed_outputs

    if live_method(context) is Method.CLOUDFORMATION:
        found = described_deployment(context)
        if found.stack.stuck is not None:
            context.observer.warning(
                f"the stack {found.stack.name} is stuck ({found.stack.status}): {found.stack.stuck.meaning};"
                " nothing can be deployed before that is repaired: fguard deploy --repair"
            )
        return found.outputs
    return deployed_outputs(context)


def take_away(context: Context, approve: Approver, *, even_if_used: bool = False) -> Destroyed:
    """Remove the deployment, and look for leftovers."""
    from fargate_guard.workflows.destroy import destroy, remove_what_terraform_made
    from fargate_guard.workflows.stack_removal import remove_deployed_stack

    terraform = method_to_remove(context) is Method.TERRAFORM
    remove = remove_what_terraform_made if terraform else remove_deployed_stack
    return destroy(context, approve, remove, even_if_used=even_if_used)
