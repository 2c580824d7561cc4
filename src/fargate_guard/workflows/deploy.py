"""Plan and deploy: one plan is shown, approved, and that very plan is applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.errors import FguardError
from fargate_guard.workflows.access_key import (
    known_access_key,
    required_variable,
    store_access_key,
    withdraw_access_key,
)
from fargate_guard.workflows.deployed_module import complete_outputs, initialise, open_driver
from fargate_guard.workflows.detect_leftovers import clear_the_way
from fargate_guard.workflows.module import instrumented_workloads, render_module
from fargate_guard.workflows.preflight import check_execution_roles

if TYPE_CHECKING:
    from fargate_guard.deployment import DeploymentOutputs
    from fargate_guard.stacks.change_set import StackPlan
    from fargate_guard.terraform.driver import Driver
    from fargate_guard.terraform.plan import Plan
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.observer import Approver


class Declined(FguardError):  # noqa: N818 - what it is, not an error of anything
    """The plan was shown and not approved; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What ``deploy`` did, before the verification."""

    plan: Plan | StackPlan
    changed: bool
    outputs: DeploymentOutputs
    left_behind: tuple[str, ...] = ()
    """What CloudFormation should have deleted and could not; Terraform fails then."""


def make_plan(context: Context) -> Plan:
    """Return what a deploy would change; changes nothing in AWS.

    :raises PreflightError: when the deployment would not work.
    """
    key = known_access_key(context)
    preflight(context, key)
    return _plan(context, key, open_driver(context))


def deploy(context: Context, approve: Approver) -> Deployed:
    """Bring AWS to what the configuration says.

    :raises Declined: when the plan is not approved.
    :raises TerraformError: when Terraform fails.
    """
    if context.config.sysdig.access_key.env:
        required_variable(context)
    preflight(context, known_access_key(context))
    driver = open_driver(context)
    if context.config.state and context.config.state.s3.create:
        _ensure_state_bucket(context)
    key = store_access_key(context)
    try:
        plan = _plan(context, key.value_from, driver)
        approved = not plan.has_changes or approve(plan)
        if approved:
            clear_the_way(context, plan)
    except BaseException:
        withdraw_access_key(context, key)
        raise
    if not approved:
        withdraw_access_key(context, key)
        raise Declined("nothing was changed: the plan was not approved", fix="approve it, or run with --yes")
    if plan.has_changes:
        context.observer.step("Apply the plan")
        driver.apply(plan.path)
    outputs = complete_outputs(driver)
    if outputs is None:
        raise FguardError(
            "Terraform finished, but its outputs are incomplete",
            fix="fguard deploy",
            where=str(driver.working_dir),
        )
    return Deployed(plan, plan.has_changes, outputs)


def preflight(context: Context, access_key_value_from: str) -> None:
    """Refuse what would not work, before anything changes; tells whose account it is.

    :raises PreflightError: when the deployment would not work.
    """
    context.observer.step("Check the configuration and the account")
    workloads = instrumented_workloads(context, access_key_value_from)
    identity = context.aws.identity()
    context.observer.note(f"account {identity.account_id}, region {context.region}, as {identity.arn}")
    check_execution_roles(context, workloads)


def _plan(context: Context, access_key_value_from: str, driver: Driver) -> Plan:
    context.observer.step("Render and plan")
    module = render_module(context, access_key_value_from=access_key_value_from)
    context.folder.create()
    module.write(context.folder.module)
    initialise(context, driver)
    return driver.plan(out=context.folder.plan)


def _ensure_state_bucket(context: Context) -> None:
    from fargate_guard.aws.state_bucket import ensure_state_bucket

    assert context.config.state is not None  # noqa: S101 - held by the caller
    wanted = context.config.state.s3
    region = wanted.region or context.region
    bucket = ensure_state_bucket(
        context.aws, wanted.bucket, region, kms_key_arn=wanted.kms_key_arn, tags=context.config.tags
    )
    if bucket.created:
        context.observer.note(f"created the bucket {bucket.name} in {region} for Terraform's state")
