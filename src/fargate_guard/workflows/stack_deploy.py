"""A deployment with CloudFormation: its stack planned, deployed, found again, and taken away."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.aws.errors import AwsError
from fargate_guard.errors import ExitCode, FguardError, Interrupted
from fargate_guard.stacks.states import ROLLED_BACK
from fargate_guard.stacks.template import stack_name
from fargate_guard.workflows.access_key import (
    known_access_key,
    required_variable,
    store_access_key,
    withdraw_access_key,
)
from fargate_guard.workflows.deploy import Declined, Deployed, preflight
from fargate_guard.workflows.deployed_module import not_deployed
from fargate_guard.workflows.detect_leftovers import clear_the_way
from fargate_guard.workflows.methods import deployed_stack
from fargate_guard.workflows.module import certificates, instrumented_workloads
from fargate_guard.workflows.stack_operation import (
    StackFailed,
    execute_stack,
    keep_protection,
    plan_stack,
    withdraw_plan,
    withdraw_unexecuted,
)
from fargate_guard.workflows.stack_owner import deployment_owner
from fargate_guard.workflows.stack_preflight import refuse_another_vpc, refuse_missing_log_groups
from fargate_guard.workflows.stack_repair import settled_stack, stuck_refusal
from fargate_guard.workflows.stack_withdrawal import SHARED

if TYPE_CHECKING:
    from fargate_guard.deployment import DeploymentOutputs
    from fargate_guard.stacks.change_set import StackPlan
    from fargate_guard.stacks.states import Stack
    from fargate_guard.stacks.surroundings import Surroundings
    from fargate_guard.stacks.template import StackTemplate
    from fargate_guard.workflows.access_key import StoredAccessKey
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.observer import Approver


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A deployment's stack and what it built."""

    stack: Stack
    outputs: DeploymentOutputs


def render_stack(
    context: Context, *, access_key_value_from: str, surroundings: Surroundings | None = None
) -> StackTemplate:
    """Return the template of the configured deployment; nothing is written and AWS is not asked.

    :param surroundings: what is in the account; None: unknown, so that some parameters have no value.
    :raises PreflightError: when a workload cannot be instrumented correctly.
    """
    from fargate_guard.stacks.surroundings import Surroundings
    from fargate_guard.stacks.template import deployment_template

    return deployment_template(
        context.config,
        region=context.region,
        workloads=instrumented_workloads(context, access_key_value_from),
        access_key_value_from=access_key_value_from,
        certificates=certificates(context),
        surroundings=surroundings or Surroundings(),
    )


def make_stack_plan(context: Context) -> StackPlan:
    """Return what a deploy would change; the change set that tells it is deleted again.

    :raises PreflightError: when the deployment would not work, or the stack is stuck.
    """
    key = known_access_key(context)
    preflight(context, key)
    plan, _ = _plan(context, key)
    withdraw_plan(context, plan)
    return plan


def deploy_stack(context: Context, approve: Approver) -> Deployed:
    """Bring AWS to what the configuration says.

    :raises Declined: when the plan is not approved.
    :raises StackFailed: when CloudFormation fails.
    """
    if context.config.sysdig.access_key.env:
        required_variable(context)
    preflight(context, known_access_key(context))
    _settle(context)
    key = store_access_key(context)
    plan: StackPlan | None = None
    try:
        plan, template = _plan(context, key.value_from)
        approved = not plan.has_changes or approve(plan)
    except BaseException:
        _take_back(context, plan, key)
        raise
    if not approved:
        _take_back(context, plan, key)
        raise Declined("nothing was changed: the plan was not approved", fix="approve it, or run with --yes")
    left = _execute(context, plan, key, template.body) if plan.has_changes else ()
    done = described_deployment(context)
    if not plan.has_changes:
        keep_protection(context, done.stack)
    context.folder.record_stack(done.stack.stack_id)
    return Deployed(plan, plan.has_changes, done.outputs, left)


def _settle(context: Context) -> None:
    """Bring the stack to rest; where an earlier run's is taken back on request, that run's key is named."""
    try:
        settled_stack(context, stack_name(context.config), deployment_owner(context.config))
    except Interrupted:
        _name_stored_key(context)
        raise


def _name_stored_key(context: Context) -> None:
    from fargate_guard.aws.secrets import existing_access_key

    try:
        stored = existing_access_key(context.aws, context.config.name)
        if stored is not None and deployed_stack(context) is None:
            context.observer.warning(
                f"the access key that an earlier run stored is left: {stored.rsplit(':::', 1)[0]};"
                " fguard destroy removes it"
            )
    except FguardError as error:
        context.observer.note(f"whether an access key is left is not known: {error.message}")


def _plan(context: Context, access_key_value_from: str) -> tuple[StackPlan, StackTemplate]:
    from fargate_guard.workflows.stack_surroundings import surroundings_of

    context.observer.step("Render and make a change set")
    name, owner = stack_name(context.config), deployment_owner(context.config)
    stack = settled_stack(context, name, owner)
    refuse_another_vpc(context, stack)
    refuse_missing_log_groups(context, instrumented_workloads(context, access_key_value_from))
    template = render_stack(
        context, access_key_value_from=access_key_value_from, surroundings=surroundings_of(context, stack)
    )
    return plan_stack(context, name, template, owner=owner), template


def _take_back(context: Context, plan: StackPlan | None, key: StoredAccessKey) -> None:
    alone = True
    try:
        alone = plan is None or withdraw_plan(context, plan)
    finally:
        if alone:
            _withdraw_key(context, key)
        else:
            context.observer.note(SHARED)
            _tell_kept_key(context, key)


def _withdraw_key(context: Context, key: StoredAccessKey) -> None:
    """Take the key back; what AWS refuses is told, and hides no error that led here."""
    try:
        withdraw_access_key(context, key)
    except AwsError as error:
        context.observer.warning(
            f"{error.message}: {error.why}\nthe access key that was just stored may be left as"
            f" {key.value_from}; fguard destroy removes it"
        )


def _execute(context: Context, plan: StackPlan, key: StoredAccessKey, body: str) -> tuple[str, ...]:
    """Execute the plan; returns what could not be deleted.

    What was made for the plan is taken back where nothing refers to it, or told.
    """
    try:
        clear_the_way(context, plan)
        context.observer.step("Execute the change set")
        context.folder.record_stack(plan.stack_id)
        return execute_stack(context, plan, body=body)
    except BaseException as error:
        if withdraw_unexecuted(context, plan):
            _withdraw_key(context, key)
            if plan.creates:
                context.folder.stack.unlink(missing_ok=True)
        else:
            _after_failure(context, key, ended=isinstance(error, StackFailed | Interrupted))
        raise


def _after_failure(context: Context, key: StoredAccessKey, *, ended: bool) -> None:
    """After something was begun, or may have been: the key goes where the stack that it was for is gone.

    :param ended: whether how the operation ended, or that it goes on, is known.
    """
    try:
        stack = deployed_stack(context)
    except FguardError:
        stack, ended = None, False
    if ended and (stack is None or stack.status in ROLLED_BACK):
        _withdraw_key(context, key)
        if stack is None:
            context.folder.stack.unlink(missing_ok=True)
    elif not ended:
        _tell_kept_key(context, key)


def _tell_kept_key(context: Context, key: StoredAccessKey) -> None:
    if key.value_from != key.before:
        context.observer.note(f"the access key stays stored: {key.value_from}; fguard destroy removes it")


def described_deployment(context: Context, *, when_stuck: ExitCode = ExitCode.PREFLIGHT_REFUSED) -> DeployedStack:
    """Return the deployment's stack and what it built.

    :param when_stuck: the exit code for a stack that is stuck and has not built it all.
    :raises NotDeployed: when there is no stack, or it is not complete.
    :raises PreflightError: when it is stuck.
    """
    stack = deployed_stack(context)
    if stack is None:
        raise not_deployed(context)
    outputs = stack_outputs(context, stack)
    if outputs is None and stack.stuck is not None:
        removal = shlex.join(["fguard", "destroy", *context.stacks.chosen])
        raise stuck_refusal(context, stack, stack.stuck, exit_code=when_stuck, removal=removal)
    if outputs is None:
        raise FguardError(
            f"the stack {stack.name} is not complete: {stack.status}",
            where=stack.stack_id,
            why=stack.reason,
            fix="fguard deploy --method cloudformation",
        )
    return DeployedStack(stack, outputs)


def stack_outputs(context: Context, stack: Stack) -> DeploymentOutputs | None:
    """Return what a stack built; None where it is not, or not wholly, there."""
    from fargate_guard.aws.cloudformation import resources
    from fargate_guard.stacks.outputs import deployment_outputs

    there = {
        str(one["LogicalResourceId"]): str(one["PhysicalResourceId"])
        for one in resources(context.aws, stack.stack_id)
        if one.get("PhysicalResourceId") and one["ResourceStatus"] != "DELETE_COMPLETE"
    }
    identity = context.aws.identity()
    return deployment_outputs(
        stack.outputs, there, context.config, context.region, identity.account_id, identity.partition
    )
