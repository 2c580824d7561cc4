"""Taking everything away that ``deploy`` made, and proving it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.errors import PreflightError
from fargate_guard.workflows.access_key import known_access_key
from fargate_guard.workflows.deploy import Declined, initialise, read_outputs
from fargate_guard.workflows.engine import open_driver
from fargate_guard.workflows.module import render_module

if TYPE_CHECKING:
    from fargate_guard.fleet.leftovers import Leftover
    from fargate_guard.terraform.driver import Driver
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.observer import Approver


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What ``destroy`` took away, and what is still there."""

    removed: tuple[str, ...]
    """Terraform addresses."""
    access_key_removed: bool
    leftovers: tuple[Leftover, ...]
    """Resources that still carry the deployment's tag."""


def destroy(context: Context, approve: Approver, *, even_if_used: bool = False) -> Destroyed:
    """Remove the deployment; nothing of a VPC or cluster that was brought along is touched.

    :param even_if_used: also when services outside this deployment send to its orchestrator.
    :raises PreflightError: when such services exist.
    :raises Declined: when the plan is not approved.
    """
    from fargate_guard.aws.secrets import delete_access_key
    from fargate_guard.fleet.leftovers import find_leftovers

    context.observer.step("Look at what is deployed")
    identity = context.aws.identity()
    context.observer.note(f"account {identity.account_id}, region {context.region}, as {identity.arn}")
    driver = _open_module(context)
    if not even_if_used:
        _refuse_while_used(context, driver)
    plan = driver.plan(out=context.folder.plan, destroy=True)
    if not approve(plan):
        raise Declined("nothing was removed: the plan was not approved", fix="approve it, or run with --yes")
    removed: tuple[str, ...] = ()
    if plan.has_changes:
        context.observer.step("Remove what Terraform made")
        removed = tuple(change.address for change in driver.apply(plan.path).completed)
    key_removed = bool(context.config.sysdig.access_key.env) and delete_access_key(
        context.aws, context.config.name
    )
    context.observer.step("Look for leftovers")
    leftovers = tuple(find_leftovers(context.aws, context.config.name))
    if not leftovers:
        shutil.rmtree(context.folder.path)
    return Destroyed(removed, key_removed, leftovers)


def _open_module(context: Context) -> Driver:
    """Use the module as it was last deployed; render it where there is none (another machine, state in S3)."""
    driver = open_driver(context)
    context.folder.create()
    if not any(context.folder.module.glob("*.tf")):
        render_module(context, access_key_value_from=known_access_key(context)).write(context.folder.module)
    initialise(context, driver)
    return driver


def _refuse_while_used(context: Context, driver: Driver) -> None:
    from fargate_guard.fleet.orchestrator_users import find_orchestrator_users

    host = _orchestrator_host(driver)
    if host is None:
        return
    users = find_orchestrator_users(context.aws, host, deployment=context.config.name)
    if users:
        raise PreflightError(
            f"{len(users)} services outside this deployment send to its orchestrator; they would go blind",
            where=host,
            why="\n".join(user.service_arn for user in users),
            fix="move them to another orchestrator or uninstrument them, or run: fguard destroy --even-if-used",
        )


def _orchestrator_host(driver: Driver) -> str | None:
    """Return the load balancer's name, also after a deploy that stopped half way."""
    outputs = read_outputs(driver)
    if outputs is not None:
        return outputs.orchestrator.host if outputs.orchestrator else None
    hosts = [
        str(resource.values.get("dns_name"))
        for resource in driver.state_resources()
        if resource.resource_type == "aws_lb" and resource.address.startswith("module.orchestrator")
    ]
    return hosts[0] if hosts else None
