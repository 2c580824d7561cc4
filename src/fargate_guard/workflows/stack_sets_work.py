"""Operations on a stack set, one after the other: what was planned, and nothing else; every failure is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.aws.errors import AwsError, NotFound
from fargate_guard.aws.organizations import root
from fargate_guard.errors import FguardError, PreflightError
from fargate_guard.workflows.stack_sets_following import follow_operation, follow_running
from fargate_guard.workflows.stack_sets_plan import preferences, some_accounts, targets, wholly_removed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from fargate_guard.aws.stack_sets import Instance, Operation, Outcome, Place, StackSets
    from fargate_guard.config.stack_set import StackSet
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.stack_sets_plan import PlaceChange

Json = dict[str, Any]
IN_PROGRESS = "OperationInProgressException"
MOST_WAITS = 50
"""How many operations of others (accounts that join) are waited for, one after the other."""


class StackSetFailed(FguardError):  # noqa: N818 - what it is
    """Some accounts and Regions are not as they should be."""


class Work:
    """Operations, one after the other; what failed is kept."""

    def __init__(
        self, context: Context, sets: StackSets, planned_after: str | None, *, tries_all: bool = False
    ) -> None:
        """Begin with nothing done.

        :param planned_after: ID of the set's newest operation when the plan was made.
        :param tries_all: goes on in all accounts, however many fail.
        """
        self._context, self._sets = context, sets
        wanted = context.config.cloudformation.stack_set
        self._wanted = wanted.model_copy(update={"failure_tolerance": "100%"}) if tries_all else wanted
        self._planned_after = planned_after
        self._has_begun = False
        self._outcomes: dict[Place, Outcome] = {}

    def refuse_stale(self) -> None:
        """Refuse a plan that something else was done after.

        :raises PreflightError: nothing was changed.
        """
        newest = newest_operation(self._sets)
        if newest != self._planned_after:
            raise self._stale(f"operation {newest}")

    def run(self, title: str, begin: Callable[..., str], **request: Any) -> None:
        """Begin an operation and follow it; one that failed ends the work.

        :raises StackSetFailed: with every failure's reason.
        """
        operation_id = self._begun(begin, request)
        self._context.observer.step(title)
        operation, outcomes = follow_operation(self._context, self._sets, operation_id)
        self._outcomes.update({one.place: one for one in outcomes})
        if operation.status != "SUCCEEDED":
            raise failed(self._sets.name, operation, tuple(self._outcomes.values()), self._wanted)

    def start(self, title: str, begin: Callable[..., str], targeted: Json, **more: Any) -> None:
        """Run an operation on targets."""
        chosen = preferences(self._wanted, targeted["Regions"])
        self.run(title, begin, **targeted, **more, OperationPreferences=chosen)

    def remove(self, places: Sequence[PlaceChange], nested: Collection[str] = ()) -> None:
        """Delete stacks: through their organizational units, else wherever in the organisation the account is.

        :raises StackSetFailed: when a deletion failed, or a stack is out of reach.
        """
        if not places:
            return
        whole = wholly_removed(self._sets.instances(), places, nested)
        for targeted in targets([one for one in places if one.unit], whole):
            self._delete("Remove stacks", targeted)
        moved = [one for one in self._still_there(places) if one.place not in self._outcomes]
        for targeted in self._elsewhere(moved):
            self._delete("Remove stacks of accounts that were moved", targeted)
        self.finished()
        self.refuse_left(places)

    def leave(self, places: Sequence[PlaceChange]) -> None:
        """Take stacks out of the set, and leave them in their accounts.

        https://repost.aws/knowledge-center/cloudformation-removal-stacksets

        :raises StackSetFailed: when one is out of reach even so.
        """
        if not places:
            return
        title = "Take stacks out of the set that CloudFormation cannot delete"
        for targeted in targets([one for one in places if one.unit], {}):
            self._delete(title, targeted, retain=True)
        for targeted in self._elsewhere(self._still_there(places)):
            self._delete(title, targeted, retain=True)
        self.refuse_left(places)

    def refuse_left(self, places: Iterable[PlaceChange]) -> None:
        """Make sure that stacks are gone.

        :raises StackSetFailed: when they are not, whatever the operations said.
        """
        left, again = self._still_there(places), self._context.stacks.command
        if left:
            raise StackSetFailed(
                "the set still has stacks that were to go, though no deletion failed",
                where=f"stack set {self._sets.name}",
                why="\n".join(f"{one.account} {one.region}: {_state(one)}" for one in left),
                fix=f"move these accounts back into the organisation, and run it again: {again}",
            )

    def finished(self) -> tuple[Outcome, ...]:
        """Return all outcomes; failures that were tolerated are failures.

        :raises StackSetFailed: with every failure's reason.
        """
        outcomes = tuple(self._outcomes.values())
        if any(one.status == "FAILED" for one in outcomes):
            raise failed(self._sets.name, None, outcomes, self._wanted)
        return outcomes

    def _delete(self, title: str, targeted: Json, *, retain: bool = False) -> None:
        try:
            self.start(title, self._sets.delete_instances, targeted, RetainStacks=retain)
        except NotFound:
            return  # what is not there need not be deleted

    def _still_there(self, places: Iterable[PlaceChange]) -> list[Instance]:
        asked = {(one.account, one.region) for one in places}
        return [one for one in self._sets.instances() if one.place in asked]

    def _elsewhere(self, left: Sequence[Instance]) -> list[Json]:
        """Targets for accounts that are no longer in the unit through which they became one."""
        if not left:
            return []
        by_region: dict[str, set[str]] = {}
        for one in left:
            by_region.setdefault(one.region, set()).add(one.account)
        whole = root(self._context.aws)
        return [some_accounts([whole], accounts, [region]) for region, accounts in by_region.items()]

    def _begun(self, begin: Callable[..., str], request: Json) -> str:
        """Begin an operation; between two of ours, one that the organisation began is waited for."""
        for _ in range(MOST_WAITS):
            try:
                operation_id = begin(**request)
            except AwsError as error:
                if error.code != IN_PROGRESS:
                    raise
                if not self._has_begun:
                    raise self._stale(error.why) from error
                follow_running(self._context, self._sets)
                continue
            self._has_begun = True
            return operation_id
        raise self._stale("one operation after the other is begun by somebody else")

    def _stale(self, why: str | None) -> PreflightError:
        return PreflightError(
            "the plan is out of date: something else was begun on the stack set since it was made",
            where=f"stack set {self._sets.name}",
            why=why,
            fix=f"the same command makes a new plan: {self._context.stacks.command}",
        )


def newest_operation(sets: StackSets) -> str | None:
    """Return the ID of the newest operation; None where there is none."""
    newest = next(sets.operations(), None)
    return newest.operation_id if newest else None


def failed(
    name: str, operation: Operation | None, outcomes: tuple[Outcome, ...], wanted: StackSet
) -> StackSetFailed:
    """Return the error with every failure's reason, and what was given up."""
    bad = [one for one in outcomes if one.status == "FAILED"]
    cancelled = sum(one.status == "CANCELLED" for one in outcomes)
    lines = [f"{one.account} {one.region}: {one.reason or 'no reason given'}" for one in bad]
    if operation and operation.reason:
        lines.append(operation.reason)
    tolerance = f"failure tolerance {wanted.failure_tolerance} per Region"
    if operation is None:
        lines.append(f"the others were finished: it is within the {tolerance}")
    elif cancelled:
        lines.append(f"{cancelled} were not begun any more, or cancelled: {tolerance}")
    state = f"; the operation is {operation.status}" if operation and operation.status != "FAILED" else ""
    return StackSetFailed(
        f"{len(bad)} of {len(outcomes)} stacks failed{state}",
        where=f"stack set {name}",
        why="\n".join(lines),
        fix="mend what is named; the same command again takes up what is not there, and nothing else",
    )


def _state(one: Instance) -> str:
    return f"{one.status} ({one.reason or one.detailed_status})"
