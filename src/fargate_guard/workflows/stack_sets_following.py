"""Watching a stack set's operation: each account and Region as it comes along, until all of it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.aws.errors import AwsError, Throttled, Unreachable
from fargate_guard.errors import ExitCode, Interrupted
from fargate_guard.workflows.stack_following import FIRST_PAUSE, GROWTH, LONGEST_PAUSE, SILENT_ROUNDS

if TYPE_CHECKING:
    from fargate_guard.aws.stack_sets import Operation, Outcome, Place, StackSets
    from fargate_guard.workflows.context import Context

WORDS = {
    "RUNNING": "in progress",
    "SUCCEEDED": "done",
    "FAILED": "FAILED",
    "CANCELLED": "cancelled",
}
"""What is told of an outcome's status; PENDING is not."""


def follow_running(context: Context, sets: StackSets) -> bool:
    """Follow the operations that are under way, an earlier run's or somebody else's; returns whether one was."""
    followed = False
    while True:
        running = [one for one in sets.operations() if one.is_running]
        if not running:
            return followed
        followed = True
        oldest = running[-1]
        context.observer.step(f"Follow the {oldest.action} that is under way since {oldest.begun}")
        follow_operation(context, sets, oldest.operation_id)


def follow_operation(
    context: Context, sets: StackSets, operation_id: str
) -> tuple[Operation, tuple[Outcome, ...]]:
    """Tell what becomes of every account and Region, and return the operation at its end.

    :raises Interrupted: when told to stop; CloudFormation goes on, or ends what it has begun, as asked.
    """
    told: dict[Place, str] = {}
    try:
        return _to_the_end(context, sets, operation_id, told)
    except (KeyboardInterrupt, Interrupted) as request:
        code = request.exit_code if isinstance(request, Interrupted) else ExitCode.INTERRUPTED
        raise _stopped(context, sets, operation_id, told, code) from None


def _to_the_end(
    context: Context, sets: StackSets, operation_id: str, told: dict[Place, str]
) -> tuple[Operation, tuple[Outcome, ...]]:
    pause, silent = FIRST_PAUSE, 0
    while True:
        try:
            operation = sets.operation(operation_id)
            outcomes = tuple(sets.outcomes(operation_id))
            silent = 0
        except (Unreachable, Throttled) as error:
            silent += 1
            if silent > SILENT_ROUNDS:
                raise
            context.observer.warning(f"{error.message}; CloudFormation goes on, and so does the look")
            context.stacks.sleep(LONGEST_PAUSE)
            continue
        news = _tell(context, outcomes, told)
        if not operation.is_running:
            return operation, outcomes
        pause = FIRST_PAUSE if news else min(pause * GROWTH, LONGEST_PAUSE)
        context.stacks.sleep(pause)


def _tell(context: Context, outcomes: tuple[Outcome, ...], told: dict[Place, str]) -> bool:
    news = [one for one in outcomes if told.get(one.place, "PENDING") != one.status]
    for one in news:
        told[one.place] = one.status
        reason = f": {one.reason}" if one.reason else ""
        context.observer.note(f"{one.account} {one.region}: {WORDS.get(one.status, one.status)}{reason}")
    return bool(news)


def _stopped(
    context: Context, sets: StackSets, operation_id: str, told: dict[Place, str], code: ExitCode
) -> Interrupted:
    again = f"look on with the same command: {context.stacks.command}"
    try:
        operation = sets.operation(operation_id)
        if operation.is_running and context.stacks.on_interrupt("operation") == "cancel":
            operation = _cancelled(context, sets, operation_id, told)
            if not operation.is_running:
                return Interrupted(
                    f"stopped, as asked; the operation is {operation.status}",
                    where=f"stack set {sets.name}",
                    fix=f"the same command takes up what is not done: {context.stacks.command}",
                    exit_code=code,
                )
        if not operation.is_running:
            return Interrupted(
                f"stopped; the operation is {operation.status}", where=operation_id, fix=again, exit_code=code
            )
    except (KeyboardInterrupt, Interrupted):
        pass
    except AwsError as error:
        context.observer.warning(error.message)
    return Interrupted(
        "stopped looking; CloudFormation goes on in all accounts and Regions",
        where=f"stack set {sets.name}, operation {operation_id}",
        fix=again,
        exit_code=code,
    )


def _cancelled(context: Context, sets: StackSets, operation_id: str, told: dict[Place, str]) -> Operation:
    """Ask for an operation to end, and return it at its end; one that cannot be stopped goes on."""
    try:
        sets.stop(operation_id)
    except AwsError as error:
        context.observer.warning(f"{error.message}: {error.why or 'no reason given'}")
        return sets.operation(operation_id)
    context.observer.note("stopping: what has begun is finished, the rest is cancelled")
    return _to_the_end(context, sets, operation_id, told)[0]
