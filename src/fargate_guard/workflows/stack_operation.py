"""What is done with a stack: a change set is made and shown, that very change set is executed, a stack is removed.

For any stack: a deployment's own, the macro's, one of a template of the user's own.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fargate_guard.aws import cloudformation
from fargate_guard.aws.errors import AwsError
from fargate_guard.errors import FguardError, PreflightError
from fargate_guard.stacks.change_set import (
    StackChange,
    StackPlan,
    changes_from,
    nested_change_sets,
    removals,
    says_no_changes,
)
from fargate_guard.stacks.states import SUCCEEDED
from fargate_guard.workflows.stack_failures import (
    ECS_SERVICE,
    RENDERED,
    StackFailed,
    stack_failed,
    stopped_tasks,
    told_leftovers,
)
from fargate_guard.workflows.stack_following import Follower, follow
from fargate_guard.workflows.stack_repair import delete, settled_stack
from fargate_guard.workflows.stack_uploads import remove_uploads, template_argument
from fargate_guard.workflows.stack_withdrawal import (
    BEING_MADE,
    LOOK_SECONDS,
    is_gone,
    token,
    withdraw_plan,
    withdraw_unexecuted,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fargate_guard.stacks.events import StackEvent
    from fargate_guard.stacks.states import Stack
    from fargate_guard.stacks.template import StackTemplate
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.stack_owner import StackOwner

__all__ = [
    "PlanOutdated",
    "StackFailed",
    "execute_stack",
    "plan_stack",
    "remove_stack",
    "withdraw_plan",
    "withdraw_unexecuted",
]

CHANGE_SET_PREFIX = "fguard-"
CHANGE_SET_SECONDS = 900.0
"""How long CloudFormation may take to make one; macros and nested stacks take minutes."""


_BUSY = ("state and can not be updated", "already exists and cannot be created again")
"""How CloudFormation refuses while an operation is under way, and when another's creation came first."""


class PlanOutdated(FguardError):  # noqa: N818 - what it is: the plan no longer fits
    """The stack was changed by somebody else after the plan was made; nothing was done."""


class Busy(PreflightError):  # noqa: N818 - what it is: CloudFormation is at work on the stack
    """Somebody else has just begun something on the stack; nothing was done."""


def plan_stack(
    context: Context,
    name: str,
    template: StackTemplate,
    *,
    owner: StackOwner | None = None,
    keep_parameters: Sequence[str] = (),
) -> StackPlan:
    """Make a change set for a stack and return what it would change; nothing else is changed.

    An operation under way is followed first, and a stuck stack refused or repaired: :func:`settled_stack`.

    :param owner: whose the stack has to be, if it is there; None: a stack of the user's own.
    :param keep_parameters: names of parameters (secrets) that keep their value where the stack has them already.
    :raises PreflightError: when CloudFormation does not take the template, or the stack is stuck or another's.
    """
    stack = settled_stack(context, name, owner)
    given = template_argument(context, name, template.body)
    return _planned(context, stack, name, template, given, keep_parameters)


def _planned(
    context: Context,
    stack: Stack | None,
    name: str,
    template: StackTemplate,
    given: dict[str, str],
    keep_parameters: Sequence[str],
) -> StackPlan:
    creates = stack is None or stack.is_in_review
    existing = () if stack is None else stack.parameters
    kept = {key: None for key in keep_parameters if key in existing and key not in template.parameters}
    try:
        change_set, stack_id = _create(
            context,
            name,
            creates=creates,
            template=given,
            parameters={**template.parameters, **kept},
            capabilities=template.capabilities,
            tags=template.tags,
        )
    except BaseException as error:
        if creates and "TemplateURL" in given and not isinstance(error, Busy):
            remove_uploads(context, name)
        raise
    made = StackPlan(
        stack_name=name,
        stack_id=stack_id,
        change_set_id=change_set,
        creates=creates,
        uploaded="TemplateURL" in given,
    )
    try:
        described = _finished(context, change_set)
        if described["Status"] == "FAILED":
            return _unusable(context, made, stack, described)
        return replace(made, changes=_all_changes(context, described))
    except BaseException:
        withdraw_plan(context, made)
        raise


def _create(context: Context, name: str, **arguments: Any) -> tuple[str, str]:
    change_set = f"{CHANGE_SET_PREFIX}{uuid.uuid4()}"
    try:
        return cloudformation.create_change_set(
            context.aws, name, change_set, role_arn=context.config.cloudformation.role_arn, **arguments
        )
    except AwsError as error:
        if error.code not in ("ValidationError", "InsufficientCapabilitiesException"):
            raise
        if _is_busy(error):
            raise _busy(context, name, error) from error
        raise PreflightError(
            "CloudFormation does not take the template",
            where=f"stack {name}",
            why=error.why,
            fix="mend what it names and run it again; nothing was changed",
        ) from error


def _is_busy(error: AwsError) -> bool:
    return any(words in (error.why or "") for words in _BUSY)


def _busy(context: Context, name: str, error: AwsError) -> Busy:
    return Busy(
        f"somebody else has just begun something on the stack {name}",
        where=f"stack {name}",
        why=error.why,
        fix=f"run it again, and it follows that first: {context.stacks.command}",
    )


def _finished(context: Context, change_set: str) -> dict[str, Any]:
    deadline = context.stacks.clock() + CHANGE_SET_SECONDS
    while True:
        described = cloudformation.describe_change_set(context.aws, change_set)
        if described["Status"] not in BEING_MADE:
            return described
        if context.stacks.clock() > deadline:
            raise FguardError(
                "CloudFormation has not finished the change set",
                where=change_set,
                why=f"it is {described['Status']} after {CHANGE_SET_SECONDS:.0f} seconds",
                fix="run it again",
            )
        context.stacks.sleep(LOOK_SECONDS)


def _unusable(context: Context, made: StackPlan, stack: Stack | None, described: dict[str, Any]) -> StackPlan:
    reason = str(described.get("StatusReason") or "no reason given")
    if not says_no_changes(reason) or stack is None:
        raise PreflightError(
            "CloudFormation could not make a change set",
            where=f"stack {made.stack_name}",
            why=reason,
            fix="mend what it names and run it again; nothing was changed",
        )
    cloudformation.delete_change_set(context.aws, str(made.change_set_id))
    return replace(made, change_set_id=None, has_changes=False)


def _all_changes(context: Context, described: dict[str, Any], under: str = "") -> tuple[StackChange, ...]:
    changes = list(changes_from(described["Changes"], under=under))
    for logical_id, change_set in nested_change_sets(described["Changes"]).items():
        nested = cloudformation.describe_change_set(context.aws, change_set)
        changes += _all_changes(context, nested, f"{under}.{logical_id}".lstrip("."))
    return tuple(changes)


def execute_stack(
    context: Context,
    plan: StackPlan,
    *,
    body: str | None = None,
    file: str = RENDERED,
    protect: bool | None = None,
) -> tuple[str, ...]:
    """Execute exactly the change set that was shown, tell the events as they come, and wait for the end.

    Returns what CloudFormation should have deleted and could not, a line for each; it is told, too.
    Whoever calls this takes the plan back where nothing was begun: :func:`withdraw_unexecuted`.

    :param body: the template, to say where in it a failure lies.
    :param file: how the user knows that template.
    :param protect: termination protection then; None: as ``cloudformation.termination_protection`` says.
    :raises PlanOutdated: when the stack was changed since.
    :raises StackFailed: with the first cause; exit code 5 when CloudFormation put the former state back.
    :raises Interrupted: after a request to stop; CloudFormation goes on, or is taken back, as asked.
    """
    if plan.change_set_id is None:
        return ()
    _refuse_outdated(context, plan)
    after = cloudformation.newest_event(context.aws, plan.stack_id)
    details: list[str] = []

    def hear(event: StackEvent) -> None:
        if event.has_failed and event.resource_type == ECS_SERVICE and not event.is_consequence and not details:
            details.extend(stopped_tasks(context, event.physical_id))

    follower = Follower(context, plan.stack_id, after, on_event=hear)
    ended = follow(context, follower, lambda: _execute(context, plan))
    if ended.stack.status not in SUCCEEDED:
        raise stack_failed(context, ended, body=body, file=file, details=details)
    keep_protection(context, ended.stack, protect)
    return told_leftovers(context, ended)


def _execute(context: Context, plan: StackPlan) -> None:
    try:
        cloudformation.execute_change_set(context.aws, str(plan.change_set_id), token(plan, "execute"))
    except AwsError as error:
        if _is_busy(error):
            raise _busy(context, plan.stack_name, error) from error
        if error.code not in ("InvalidChangeSetStatus", "ChangeSetNotFound", "InvalidChangeSetStatusException"):
            raise
        raise _outdated(context, plan, error.why) from error


def keep_protection(context: Context, stack: Stack, protect: bool | None = None) -> None:
    """Turn termination protection on or off, where it is not as wanted.

    :param protect: None: as ``cloudformation.termination_protection`` says.
    """
    wanted = context.config.cloudformation.termination_protection if protect is None else protect
    if wanted == stack.protected:
        return
    try:
        cloudformation.protect(context.aws, stack.stack_id, on=wanted)
    except AwsError as error:  # what was asked for is deployed all the same
        state = "on" if wanted else "off"
        context.observer.warning(f"termination protection could not be turned {state}: {error.why}")


def remove_stack(context: Context, stack: Stack) -> tuple[str, ...]:
    """Delete a stack and what was uploaded for it; returns the logical IDs of what is gone.

    Termination protection is turned off: whoever calls this has asked.

    :raises StackFailed: when something could not be deleted and no repair was asked for.
    """
    before = {str(one["LogicalResourceId"]) for one in cloudformation.resources(context.aws, stack.stack_id)}
    ended = delete(context, stack)
    gone = [event.logical_id for event in ended.events if event.status == "DELETE_COMPLETE"]
    remove_uploads(context, stack.name)
    return tuple(one for one in dict.fromkeys(gone) if one in before)


def removal_plan(context: Context, stack: Stack) -> StackPlan:
    """Return what removing a stack takes away."""
    warnings = ("termination protection is on, and will be turned off",) if stack.protected else ()
    return StackPlan(
        stack_name=stack.name,
        stack_id=stack.stack_id,
        change_set_id=None,
        creates=False,
        changes=removals(cloudformation.resources(context.aws, stack.stack_id)),
        destroy=True,
        warnings=warnings,
    )


def _refuse_outdated(context: Context, plan: StackPlan) -> None:
    try:
        described = cloudformation.describe_change_set(context.aws, str(plan.change_set_id))
    except AwsError as error:
        if not is_gone(error):
            raise
        raise _outdated(context, plan, error.why) from error
    status = described.get("ExecutionStatus")
    if status not in (None, "AVAILABLE"):
        raise _outdated(context, plan, f"the change set is {status}")


def _outdated(context: Context, plan: StackPlan, why: str | None) -> PlanOutdated:
    return PlanOutdated(
        "the plan is out of date and was not executed: somebody else changed the stack, or the change set, since",
        where=f"stack {plan.stack_name}",
        why=why,
        fix=f"look at a new plan: {context.stacks.command}",
    )
