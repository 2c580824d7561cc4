"""Taking a plan back that was not carried out: its change set, the empty stack of a first one, the uploads."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from fargate_guard.aws import cloudformation
from fargate_guard.aws.errors import AwsError
from fargate_guard.workflows.stack_uploads import remove_uploads

if TYPE_CHECKING:
    from fargate_guard.stacks.change_set import StackPlan
    from fargate_guard.workflows.context import Context

BEING_MADE = ("CREATE_PENDING", "CREATE_IN_PROGRESS")
LOOK_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
"""A change set that is being made cannot be deleted before it is made."""
SHARED = "somebody else is, or may be, at work on the stack: what its template may refer to stays"
"""What is told where :func:`withdraw_plan` is not sure that nobody else is."""
_AVAILABLE, _OBSOLETE, _BEGUN = "AVAILABLE", "OBSOLETE", "BEGUN"


def withdraw_plan(context: Context, plan: StackPlan) -> bool:
    """Take a change set back that was not executed, and the empty stack that a first one leaves.

    What AWS refuses is told with the way to remove it by hand, and hides no error that led here.

    :return: whether nobody else is at work on the stack, as far as is known: then nothing refers to what was made
        for the plan.
    """
    try:
        return _withdrawn(context, plan)
    except AwsError as error:
        context.observer.warning(f"{error.message}: {error.why}\n{_left(plan)}")
        return False


def withdraw_unexecuted(context: Context, plan: StackPlan) -> bool:
    """Take a plan back whose execution failed, unless something was begun.

    :return: whether nothing was begun, by this plan or another's, and nobody else is at work on the stack.
    """
    try:
        state = _execution(context, plan)
    except AwsError as error:
        context.observer.warning(f"whether anything was begun is not known: {error.message}\n{_left(plan)}")
        return False
    return state != _BEGUN and withdraw_plan(context, plan) and state == _AVAILABLE


def is_gone(error: AwsError) -> bool:
    """Whether CloudFormation says that the change set, or its stack, is not there."""
    return error.code in ("ChangeSetNotFound", "ChangeSetNotFoundException") or cloudformation.is_absent(error)


def token(plan: StackPlan, action: str) -> str:
    """Return the same token for the same plan: asking twice does it once."""
    return f"fguard-{action}-{hashlib.sha256(str(plan.change_set_id).encode()).hexdigest()[:32]}"


def _withdrawn(context: Context, plan: StackPlan) -> bool:
    if plan.change_set_id is not None:
        _wait_until_made(context, plan.change_set_id)
        cloudformation.delete_change_set(context.aws, plan.change_set_id)
    if not plan.creates:
        return True
    stack = cloudformation.find_stack(context.aws, plan.stack_id)
    if stack is None or stack.is_gone:
        return True
    if not stack.is_in_review:
        return False
    others = [one for one in cloudformation.change_sets(context.aws, plan.stack_id) if one != plan.change_set_id]
    if others:
        return False
    cloudformation.delete_stack(context.aws, plan.stack_id, token(plan, "withdraw"))
    if plan.uploaded:
        remove_uploads(context, plan.stack_name)
    return True


def _wait_until_made(context: Context, change_set: str) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html."""
    deadline = context.stacks.clock() + LONGEST_WAIT_SECONDS
    while context.stacks.clock() <= deadline:
        try:
            described = cloudformation.describe_change_set(context.aws, change_set)
        except AwsError:  # that it cannot be looked at does not mean that it cannot be deleted
            return
        if described["Status"] not in BEING_MADE:
            return
        context.stacks.sleep(LOOK_SECONDS)


def _execution(context: Context, plan: StackPlan) -> str:
    """Return whether this plan, or in its place another's, is or was carried out, or can no longer be."""
    try:
        described = cloudformation.describe_change_set(context.aws, str(plan.change_set_id))
        status = described.get("ExecutionStatus", _AVAILABLE)
        return _BEGUN if str(status).startswith("EXECUTE") else _OBSOLETE if status == _OBSOLETE else _AVAILABLE
    except AwsError as error:
        if not is_gone(error):
            raise
    stack = cloudformation.find_stack(context.aws, plan.stack_id)
    return _AVAILABLE if stack is None or stack.is_gone or stack.is_in_review else _BEGUN


def _left(plan: StackPlan) -> str:
    region = plan.stack_id.split(":")[3]
    if plan.creates:
        return (
            f"the empty stack {plan.stack_name} may be left: aws cloudformation delete-stack"
            f" --stack-name {plan.stack_name} --region {region}"
        )
    return (
        "the change set may be left: aws cloudformation delete-change-set"
        f" --change-set-name {plan.change_set_id} --region {region}"
    )
