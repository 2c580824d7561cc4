"""A stack as it has to be before anything is asked of it: not busy, not stuck."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.aws import cloudformation
from fargate_guard.errors import PreflightError
from fargate_guard.stacks.events import STACK, first_cause, last_operation
from fargate_guard.stacks.states import ROLLED_BACK, Repair, operation_of
from fargate_guard.workflows.stack_failures import cause_lines, stack_failed, told_leftovers
from fargate_guard.workflows.stack_following import Ended, Follower, follow, request_token
from fargate_guard.workflows.stack_owner import refuse_foreign

if TYPE_CHECKING:
    from fargate_guard.errors import ExitCode
    from fargate_guard.stacks.states import Stack, Stuck
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.stack_owner import StackOwner


def settled_stack(context: Context, name: str, owner: StackOwner | None) -> Stack | None:
    """Return the stack at rest, or None where there is none.

    An operation that is under way, somebody's or an earlier run's, is followed to its end. A stack that is stuck
    is repaired where that was asked for.

    :param owner: whose it has to be; None: a stack of the user's own.
    :raises PreflightError: when it is another's, or it is stuck and no repair was asked for.
    :raises Interrupted: after a request to stop.
    """
    stack = cloudformation.find_stack(context.aws, name)
    if owner is not None:
        refuse_foreign(stack, owner)
    stack = followed(context, stack)
    if stack is None or stack.is_gone:
        return None
    if stack.is_in_review:
        context.observer.note(
            f"the stack {stack.name} is under review ({stack.status}): a first change set was made and never"
            " executed; the stack has no resources"
        )
    if stack.stuck is not None:
        return repaired(context, stack, stack.stuck, of_the_user=owner is None)
    return stack


def followed(context: Context, stack: Stack | None) -> Stack | None:
    """Follow what CloudFormation is doing with a stack, if anything, and return how it is then."""
    if stack is None or not stack.is_running:
        return stack
    operation = operation_of(stack.status)
    follower = Follower(context, stack.stack_id)
    follower.pick_up()
    context.observer.step(f"Follow the {operation} that is under way ({stack.status})")
    ended = follow(context, follower)
    told_leftovers(context, ended)
    if ended.stack.status in ROLLED_BACK and ended.cause is not None:
        context.observer.warning(
            f"what was under way was rolled back ({ended.stack.status}); {cause_lines(ended.cause)[0]}"
        )
    return ended.stack


def repaired(context: Context, stack: Stack, stuck: Stuck, *, of_the_user: bool) -> Stack | None:
    """Get a stack out of the state in which it is stuck; None where it is deleted then.

    :param of_the_user: whether fguard did not make it: then nothing that it has is deleted.
    :raises PreflightError: when no repair was asked for, or it was not confirmed, or there is none.
    :raises StackFailed: when the repair failed.
    """
    why = [stuck.meaning, *_first_cause(context, stack)]
    if stuck.repair is None or not context.stacks.repair:
        raise stuck_refusal(context, stack, stuck)
    context.observer.step(f"Repair the stack {stack.name}: {stuck.repair.value}")
    for line in why:
        context.observer.note(line)
    match stuck.repair:
        case Repair.CONTINUE_ROLLBACK:
            return _continue_rollback(context, stack)
        case Repair.ROLL_BACK:
            after = cloudformation.newest_event(context.aws, stack.stack_id)
            cloudformation.roll_back(context.aws, stack.stack_id, request_token("rollback"))
            return _well(context, follow(context, Follower(context, stack.stack_id, after)))
        case Repair.DELETE | Repair.RETAIN:
            left = _left(context, stack)
            if of_the_user and left:
                raise _not_ours_to_delete(stack, left)
            _confirm(context, stack, _what_goes(stack, left))
            delete(context, stack)
            return None


def delete(context: Context, stack: Stack) -> Ended:
    """Delete a stack and follow it; what cannot be deleted is left where a repair was asked for, and confirmed.

    Termination protection is turned off for it: whoever calls this has asked.

    :raises StackFailed: when something cannot be deleted.
    """
    if stack.protected:
        cloudformation.protect(context.aws, stack.stack_id, on=False)
        context.observer.note(f"turned termination protection of {stack.name} off")
    ended = _delete(context, stack)
    if ended.stack.is_gone:
        return ended
    if not context.stacks.repair:
        raise stack_failed(context, ended)
    left = _failed_resources(context, stack.stack_id, "DELETE_FAILED")
    named = "\n".join(f"  {one}" for one in left.values())
    _confirm(context, stack, f"These cannot be deleted. Leave them in the account, outside any stack?\n{named}")
    ended = _delete(context, stack, retain=tuple(left))
    if not ended.stack.is_gone:
        raise stack_failed(context, ended)
    context.observer.warning(f"left in the account, in no stack any more:\n{named}")
    return ended


def _delete(context: Context, stack: Stack, retain: tuple[str, ...] = ()) -> Ended:
    after = cloudformation.newest_event(context.aws, stack.stack_id)
    cloudformation.delete_stack(context.aws, stack.stack_id, request_token("delete"), retain=retain)
    return follow(context, Follower(context, stack.stack_id, after))


def _continue_rollback(context: Context, stack: Stack) -> Stack:
    """Go on with the rollback: first with everything (its cause may be mended), then without what still fails."""
    ended = _continued(context, stack)
    if ended.stack.stuck is None:
        return ended.stack
    failing = _failed_resources(context, stack.stack_id, "UPDATE_FAILED")
    if not failing:
        raise stack_failed(context, ended)
    named = "\n".join(f"  {one}" for one in failing.values())
    _confirm(
        context,
        stack,
        "These still cannot be rolled back. Leave them as they are? CloudFormation then takes them for what the"
        f" template says, which they are not.\n{named}",
    )
    ended = _continued(context, stack, skip=tuple(failing))
    context.observer.warning(f"left as they are, without their former state:\n{named}")
    return _well(context, ended)


def _continued(context: Context, stack: Stack, skip: tuple[str, ...] = ()) -> Ended:
    after = cloudformation.newest_event(context.aws, stack.stack_id)
    cloudformation.continue_rollback(context.aws, stack.stack_id, request_token("continue"), skip=skip)
    return follow(context, Follower(context, stack.stack_id, after))


def _well(context: Context, ended: Ended) -> Stack:
    if ended.stack.stuck is not None:
        raise stack_failed(context, ended)
    return ended.stack


def _failed_resources(context: Context, stack_id: str, status: str, under: str = "") -> dict[str, str]:
    """Return the resources that failed, by the name that CloudFormation takes for them, with a line for people.

    In place of a nested stack whose rollback failed, those of its own: ``Nested-Stack-Name.LogicalId``.
    """
    found: dict[str, str] = {}
    for one in cloudformation.resources(context.aws, stack_id):
        if one["ResourceStatus"] != status:
            continue
        logical_id, physical_id = f"{under}{one['LogicalResourceId']}", str(one.get("PhysicalResourceId") or "")
        inner: dict[str, str] = {}
        if one["ResourceType"] == STACK and status == "UPDATE_FAILED" and physical_id:
            inner = _failed_resources(context, physical_id, status, f"{physical_id.split('/')[1]}.")
        told = f"{logical_id} ({one['ResourceType']}) {physical_id}: {one.get('ResourceStatusReason', '')}"
        found |= inner or {logical_id: told}
    return found


def _left(context: Context, stack: Stack) -> list[str]:
    return [
        f"  {one['LogicalResourceId']} ({one['ResourceType']}) {one.get('PhysicalResourceId', '')}"
        for one in cloudformation.resources(context.aws, stack.stack_id)
        if one["ResourceStatus"] not in ("DELETE_COMPLETE", "DELETE_SKIPPED")
    ]


def _what_goes(stack: Stack, left: list[str]) -> str:
    if not left:
        return f"Delete the record of the stack {stack.name}? It has no resources any more."
    return "\n".join([f"Delete the stack {stack.name} with what is left of it?", *left])


def _not_ours_to_delete(stack: Stack, left: list[str]) -> PreflightError:
    return PreflightError(
        f"the stack {stack.name} can only be deleted, and that is not for fguard to do: it is yours",
        where=stack.stack_id,
        why="\n".join([f"it is {stack.status}, and still has", *left]),
        fix="save what you need of it, then: aws cloudformation delete-stack"
        f" --stack-name {stack.name} --region {stack.region}",
    )


def _confirm(context: Context, stack: Stack, question: str) -> None:
    if not context.stacks.confirm(question):
        raise PreflightError(
            "the repair was not confirmed; the stack is as it was",
            where=stack.stack_id,
            why=question,
            fix=f"confirm it, or run: {context.stacks.command} --repair --yes",
        )


def _first_cause(context: Context, stack: Stack) -> list[str]:
    events = last_operation(cloudformation.events_newest_first(context.aws, stack.stack_id))
    cause = first_cause(events)
    return cause_lines(cause) if cause else [stack.reason] if stack.reason else []


def stuck_refusal(
    context: Context, stack: Stack, stuck: Stuck, *, exit_code: ExitCode | None = None, removal: str | None = None
) -> PreflightError:
    """Return the error for a stack that is stuck: why it is, and the command that gets it out.

    :param removal: the command that removes it, where it is not that one.
    """
    repair = stuck.repair
    fix = f"{context.stacks.command} --repair   ({repair.value})" if repair else _without_a_call(stack)
    if removal and repair is Repair.RETAIN:
        fix = f"go on with its removal: {removal} --repair\nor make it again: {fix}"
    return PreflightError(
        f"the stack {stack.name} is stuck: {stack.status}",
        where=stack.stack_id,
        why="\n".join([stuck.meaning, *_first_cause(context, stack)]),
        fix=fix,
        exit_code=exit_code,
    )


def _without_a_call(stack: Stack) -> str:
    place = f"--stack-name {stack.name} --region {stack.region}"
    return (
        f"see what failed: aws cloudformation describe-stack-events {place}\n"
        "CloudFormation has no call that goes on from there: ask AWS Support to bring the stack to rest,\n"
        f"or delete it; what has DeletionPolicy: Retain stays: aws cloudformation delete-stack {place}"
    )
