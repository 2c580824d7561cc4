"""Taking everything away that ``deploy`` made, and proving it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.errors import PreflightError
from fargate_guard.workflows.deploy import Declined
from fargate_guard.workflows.deployed_module import NotDeployed, complete_outputs, open_deployed_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.fleet.leftovers import Leftover
    from fargate_guard.stacks.change_set import StackPlan
    from fargate_guard.terraform.driver import Driver
    from fargate_guard.terraform.plan import Plan
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.observer import Approver


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What ``destroy`` took away, and what is still there."""

    removed: tuple[str, ...]
    """Terraform addresses, or logical IDs of the stack."""
    access_key_removed: bool
    leftovers: tuple[Leftover, ...]
    """Resources that still carry the deployment's tag."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What has to be asked before anything is removed."""

    context: Context
    approve: Approver
    even_if_used: bool
    """Also when services outside this deployment send to its orchestrator."""

    def approved(self, plan: Plan | StackPlan | None) -> None:
        """Show what would be removed, and ask; then stop what a killed ``fguard detect`` left in its way.

        :raises Declined: when the answer is no.
        """
        from fargate_guard.workflows.detect_leftovers import announce_triggers, stop_triggers

        announce_triggers(self.context)
        if not self.approve(plan):
            raise Declined("nothing was removed: the plan was not approved", fix="approve it, or run with --yes")
        stop_triggers(self.context)

    def refuse_while_used(self, host: str | None) -> None:
        """Refuse while services outside the deployment send to its orchestrator.

        :param host: the orchestrator's load balancer; None where there is none.
        :raises PreflightError: with those services.
        """
        from fargate_guard.fleet.orchestrator_users import find_orchestrator_users

        if host is None or self.even_if_used:
            return
        users = find_orchestrator_users(self.context.aws, host, deployment=self.context.config.name)
        if users:
            raise PreflightError(
                "services outside this deployment send to its orchestrator; they would go blind",
                where=host,
                why="\n".join(user.service_arn for user in users),
                fix="move them to another orchestrator or uninstrument them, or run: fguard destroy"
                " --even-if-used",
            )


def destroy(
    context: Context,
    approve: Approver,
    remove: Callable[[Context, Asking], tuple[str, ...]] | None = None,
    *,
    even_if_used: bool = False,
) -> Destroyed:
    """Remove the deployment; nothing of a VPC or cluster that was brought along is touched.

    :param remove: takes away what a method made and returns its names; None: Terraform's.
    :param even_if_used: also when services outside this deployment send to its orchestrator.
    :raises PreflightError: when such services exist.
    :raises Declined: when the plan is not approved.
    """
    from fargate_guard.aws.secrets import delete_access_key
    from fargate_guard.aws.task_definitions import remove_task_definitions
    from fargate_guard.fleet.leftovers import find_leftovers

    context.observer.step("Look at what is deployed")
    identity = context.aws.identity()
    context.observer.note(f"account {identity.account_id}, region {context.region}, as {identity.arn}")
    removed = (remove or remove_what_terraform_made)(context, Asking(context, approve, even_if_used))
    key_removed = bool(context.config.sysdig.access_key.env) and delete_access_key(
        context.aws, context.config.name
    )
    revisions = remove_task_definitions(context.aws, context.config.name)
    if revisions:
        context.observer.note(f"deleted {len(revisions)} task definition revisions")
    context.observer.step("Look for leftovers")
    leftovers = tuple(find_leftovers(context.aws, context.config.name))
    if not leftovers:
        shutil.rmtree(context.folder.path, ignore_errors=True)
    return Destroyed(removed, key_removed, leftovers)


def remove_what_terraform_made(context: Context, asking: Asking) -> tuple[str, ...]:
    """Plan, ask and remove; returns the addresses of what is gone, none where nothing was deployed."""
    try:
        driver = open_deployed_module(context)
    except NotDeployed:
        context.observer.note("there is no Terraform state here")
        asking.approved(None)
        return ()
    if not asking.even_if_used:
        asking.refuse_while_used(_orchestrator_host(driver))
    plan = driver.plan(out=context.folder.plan, destroy=True)
    asking.approved(plan)
    if not plan.has_changes:
        return ()
    context.observer.step("Remove what Terraform made")
    return tuple(change.address for change in driver.apply(plan.path).completed)


def _orchestrator_host(driver: Driver) -> str | None:
    """Return the load balancer's name, also after a deploy that stopped half way."""
    outputs = complete_outputs(driver)
    if outputs is not None:
        return outputs.orchestrator.host if outputs.orchestrator else None
    hosts = [
        str(resource.values.get("dns_name"))
        for resource in driver.state_resources()
        if resource.resource_type == "aws_lb" and resource.address.startswith("module.orchestrator")
    ]
    return hosts[0] if hosts else None
