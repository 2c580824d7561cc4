"""Watching CloudFormation work: events as they come, until the operation has ended."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fargate_guard.aws import cloudformation
from fargate_guard.aws.errors import AwsError, Throttled, Unreachable
from fargate_guard.errors import ExitCode, FguardError, Interrupted
from fargate_guard.stacks.events import first_cause, last_operation
from fargate_guard.stacks.states import BEFORE_THE_SWITCH, is_running, operation_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fargate_guard.stacks.events import Cause, StackEvent
    from fargate_guard.stacks.states import Stack
    from fargate_guard.workflows.context import Context

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.2, 5.0, 1.5
"""Seconds between two looks: often where much happens, seldom while one waits for a load balancer."""
START_SECONDS = 60.0
"""How long an accepted operation may take until the stack shows it."""
SILENT_ROUNDS = 60
"""How often in a row AWS may not answer before fguard stops looking: five minutes and more."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An operation that is over."""

    stack: Stack
    events: tuple[StackEvent, ...]
    """Of the operation, oldest first, nested stacks' included."""

    @property
    def cause(self) -> Cause | None:
        """Why it failed; None where nothing did."""
        return first_cause(self.events)


@dataclass(slots=True)
class Follower:
    """Follows one operation on one stack."""

    context: Context
    stack_id: str
    after: StackEvent | None = None
    """The newest event before the operation; None: a new stack's are all of it."""
    on_event: Callable[[StackEvent], None] | None = None
    """Hears each new event after the observer."""
    _events: list[StackEvent] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def pick_up(self) -> None:
        """Take the running operation's events so far as known, without telling them."""
        so_far = last_operation(cloudformation.events_newest_first(self.context.aws, self.stack_id))
        self._events += so_far
        self._seen |= {event.event_id for event in so_far}
        self.after = None if so_far else self.after

    def to_the_end(self) -> Ended:
        """Tell every event until the stack rests."""
        pause, silent = FIRST_PAUSE, 0
        deadline = self.context.stacks.clock() + START_SECONDS
        while True:
            try:
                stack = self._look()
                new = self._new_events()
                silent = 0
            except (Unreachable, Throttled) as error:
                silent += 1
                if silent > SILENT_ROUNDS:
                    raise
                if silent == 1:
                    self.context.observer.warning(f"{error.message}; CloudFormation goes on, and so does the look")
                stack, new = None, []
            for event in new:
                self._tell(event)
            if stack and stack.is_gone:
                return Ended(stack, tuple(self._events))
            if stack and not is_running(stack.status):
                overdue = self.context.stacks.clock() > deadline
                if overdue and not self._has_begun():
                    raise _never_began(stack)
                if overdue or self._last_state() == stack.status:
                    return Ended(stack, tuple(self._events))
            pause = FIRST_PAUSE if new else min(pause * GROWTH, LONGEST_PAUSE)
            self.context.stacks.sleep(pause)

    def _look(self) -> Stack:
        stack = cloudformation.find_stack(self.context.aws, self.stack_id)
        if stack is None:
            raise FguardError("the stack is no longer there", where=self.stack_id)
        return stack

    def _new_events(self) -> list[StackEvent]:
        found = self._unseen(self.stack_id, depth=0)
        known = set(cloudformation.nested_stacks([*self._events, *found]))
        looked: set[str] = set()
        while known - looked:
            nested = (known - looked).pop()
            looked.add(nested)
            inside = self._unseen(nested, depth=1)
            known |= set(cloudformation.nested_stacks(inside))
            found += inside
        return sorted(found, key=lambda event: event.time)

    def _unseen(self, stack_id: str, *, depth: int) -> list[StackEvent]:
        begun = self._events[0].time if self._events else None
        found: list[StackEvent] = []
        for event in cloudformation.events_newest_first(self.context.aws, stack_id, depth=depth):
            if event.event_id in self._seen or (self.after and event.event_id == self.after.event_id):
                break
            if depth and begun and event.time < begun:
                break
            found.append(event)
        return found[::-1]

    def _tell(self, event: StackEvent) -> None:
        self._seen.add(event.event_id)
        self._events.append(event)
        self.context.observer.stack(event)
        if self.on_event:
            self.on_event(event)

    def _own(self) -> Iterable[StackEvent]:
        return (event for event in reversed(self._events) if event.is_of_the_stack and not event.depth)

    def _has_begun(self) -> bool:
        return next(iter(self._own()), None) is not None

    def _last_state(self) -> str:
        """The stack's state by its events: what DescribeStacks says may be a moment old."""
        last = next(iter(self._own()), None)
        return last.status if last else ""


def _never_began(stack: Stack) -> FguardError:
    return FguardError(
        f"CloudFormation took the order, and nothing has happened within {START_SECONDS:.0f} seconds",
        where=stack.stack_id,
        why=f"the stack is {stack.status}, without any new event",
        fix="look into the stack's events, and run the same command again",
    )


def request_token(action: str) -> str:
    """Return a ``ClientRequestToken``: a request that is repeated with it begins nothing twice."""
    return f"fguard-{action}-{uuid.uuid4()}"


def follow(context: Context, follower: Follower, begin: Callable[[], None] | None = None) -> Ended:
    """Follow to the end; a request to stop leaves CloudFormation to itself or takes the operation back, as asked.

    :param begin: asks for the operation, where that is not done yet.
    :raises Interrupted: after a request to stop, with what becomes of the stack.
    """
    begun = False
    try:
        if begin is not None:
            begin()
        begun = True
        return follower.to_the_end()
    except (KeyboardInterrupt, Interrupted) as request:
        code = request.exit_code if isinstance(request, Interrupted) else ExitCode.INTERRUPTED
        raise _stopped(context, follower, code) from None
    except FguardError:
        if begun:
            context.observer.warning(f"CloudFormation goes on; look on with: {context.stacks.command}")
        raise


def _stopped(context: Context, follower: Follower, code: ExitCode) -> Interrupted:
    stack = cloudformation.find_stack(context.aws, follower.stack_id)
    if stack is None or not is_running(stack.status):
        return _at_rest(context, follower, stack, code)
    operation = operation_of(stack.status)
    context.observer.warning(f"asked to stop while CloudFormation is at work ({stack.status})")
    try:
        wanted = context.stacks.on_interrupt(operation) if _can_cancel(stack) else "leave"
        if wanted == "cancel" and _cancelled(context, stack):
            ended = follower.to_the_end()
            return Interrupted(
                f"stopped: the {operation} was taken back, as asked",
                where=follower.stack_id,
                why=f"the stack is {ended.stack.status}",
                fix=f"the same command begins anew: {context.stacks.command}",
                exit_code=code,
            )
    except (KeyboardInterrupt, Interrupted):
        context.observer.warning("asked again to stop: CloudFormation is left to itself")
    stack = cloudformation.find_stack(context.aws, follower.stack_id) or stack
    if not is_running(stack.status):
        return _at_rest(context, follower, stack, code)
    return Interrupted(
        f"stopped looking; CloudFormation goes on with its {operation}",
        where=stack.stack_id,
        why=f"the stack is {stack.status}",
        fix=f"look on with the same command: {context.stacks.command}\n"
        f"or: aws cloudformation describe-stack-events --stack-name {stack.name} --region {stack.region}",
        exit_code=code,
    )


def _can_cancel(stack: Stack) -> bool:
    return stack.status in BEFORE_THE_SWITCH or stack.status == "CREATE_IN_PROGRESS"


def _at_rest(context: Context, follower: Follower, stack: Stack | None, code: ExitCode) -> Interrupted:
    return Interrupted(
        "stopped; CloudFormation is not at work",
        where=follower.stack_id,
        why=f"the stack is {stack.status if stack else 'gone'}",
        fix=f"see what is there with the same command: {context.stacks.command}",
        exit_code=code,
    )


def _cancelled(context: Context, stack: Stack) -> bool:
    """Take the operation back; False where it had ended meanwhile."""
    try:
        if stack.status in BEFORE_THE_SWITCH:
            cloudformation.cancel_update(context.aws, stack.stack_id, request_token("cancel"))
            context.observer.note("cancelling the update: CloudFormation puts the former state back")
        else:
            cloudformation.delete_stack(context.aws, stack.stack_id, request_token("delete"))
            context.observer.note("deleting the half-made stack")
    except AwsError as error:
        context.observer.warning(f"it could not be taken back any more: {error.why}")
        return False
    return True
