"""Taking a stack set away: the stacks of all accounts and Regions, then the set; what stays is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.aws.errors import AwsError
from fargate_guard.aws.organizations import Members, is_outside, members_of, root
from fargate_guard.workflows.deploy import Declined
from fargate_guard.workflows.stack_owner import deployment_owner, refuse_foreign_set
from fargate_guard.workflows.stack_sets import open_sets, require_access
from fargate_guard.workflows.stack_sets_following import follow_running
from fargate_guard.workflows.stack_sets_plan import LEFT, REMOVE, PlaceChange, removal
from fargate_guard.workflows.stack_sets_work import StackSetFailed, Work, newest_operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fargate_guard.aws.stack_sets import Instance, StackSets
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.stack_sets_plan import StackSetPlan

UNTRIED = ("CANCELLED", "PENDING")
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackInstanceComprehensiveStatus.html."""
RETAINED = "an earlier operation took it out of the set, since its account left or was out of reach"


@dataclass(frozen=True, slots=True)
class Stays:
    """A stack that is in its account still, and in no set."""

    account: str
    region: str
    stack_id: str | None
    """None where CloudFormation does not tell it any more; its name begins with ``StackSet-`` and the set's."""
    why: str


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of a stack set's stacks."""

    name: str
    """The set's."""
    places: tuple[PlaceChange, ...]
    """Those that were deleted."""
    stays: tuple[Stays, ...]


def remove_all(context: Context, approve: Callable[[StackSetPlan], bool]) -> Removed | None:
    """Delete the stacks in all accounts and Regions, then the set; None where there is no set.

    :raises Declined: when it is not approved.
    :raises PreflightError: when it would not work; nothing was removed.
    :raises StackSetFailed: when a stack could not be deleted, and is not to be left either.
    """
    sets = open_sets(context)
    there = sets.describe()
    if there is None:
        return None
    refuse_foreign_set(sets.name, there, deployment_owner(context.config))
    follow_running(context, sets)
    planned_after = newest_operation(sets)
    instances = sets.instances()
    members = Members()
    if instances:
        require_access(sets)
        members = _everybody(context)
    plan = removal(sets.name, instances, _out_of_reach(instances, members))
    retained = _retained(sets, instances)
    if not approve(plan):
        raise Declined("nothing was removed: it was not approved", fix="approve it, or run with --yes")
    work = Work(context, sets, planned_after, tries_all=context.stacks.repair)
    work.refuse_stale()
    left = {one: one.reason or "" for one in plan.of(LEFT)}
    work.leave(plan.of(LEFT))
    left |= _remove(context, sets, work, plan.of(REMOVE))
    work.refuse_left(plan.places)
    sets.delete()
    stacks = {one.place: one.stack_id for one in instances}
    stays = [Stays(one.account, one.region, stacks[one.account, one.region], why) for one, why in left.items()]
    gone = tuple(one for one in plan.places if one not in left)
    return Removed(sets.name, gone, (*stays, *retained))


def _remove(
    context: Context, sets: StackSets, work: Work, places: Sequence[PlaceChange]
) -> dict[PlaceChange, str]:
    """Delete stacks; what cannot be deleted is left there if so asked, and returned with the reason.

    One whose deletion was not even begun, since somebody stopped the operation, is not left: it can be deleted.
    """
    try:
        work.remove(places)
    except StackSetFailed:
        found = {one.place: one for one in sets.instances()}
        left = [one for one in places if (one.account, one.region) in found]
        untried = any(found[one.account, one.region].detailed_status in UNTRIED for one in left)
        if untried or not context.stacks.repair:
            raise
    else:
        return {}
    reasons = {one: found[one.account, one.region].reason or "it could not be deleted" for one in left}
    question = "\n".join(f"{one.account} {one.region}: {why}" for one, why in reasons.items())
    if not context.stacks.confirm(f"These stacks cannot be deleted:\n{question}\nLeave them in their accounts?"):
        raise Declined("the stack set is still there", fix="mend what is named, and run it again")
    work.leave(left)
    return reasons


def _everybody(context: Context) -> Members:
    """Return the whole organisation's accounts; none where there is no organisation any more."""
    try:
        return members_of(context.aws, [root(context.aws)])
    except AwsError as error:
        if not is_outside(error):
            raise
        return Members()


def _out_of_reach(instances: Iterable[Instance], members: Members) -> Mapping[str, str]:
    """Accounts in which CloudFormation cannot delete anything, each with the reason."""
    found: dict[str, str] = {}
    for account in {one.account for one in instances}:
        state = members.inactive.get(account)
        if state:
            found[account] = f"the account is {state}: nothing can be deleted there; its stack stays"
        elif account not in members.units:
            found[account] = "the account left the organisation; its stack stays"
    return found


def _retained(sets: StackSets, instances: Iterable[Instance]) -> tuple[Stays, ...]:
    """Stacks that the set let go of, as far back as CloudFormation tells (90 days).

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackSetOperations.html
    """
    back = {one.place for one in instances}
    found: dict[tuple[str, str], Stays] = {}
    for operation in sets.operations():
        if operation.action != "DELETE" or not sets.operation(operation.operation_id).retains:
            continue
        for one in sets.outcomes(operation.operation_id):
            if one.status == "SUCCEEDED" and one.place not in back:
                found.setdefault(one.place, Stays(*one.place, None, RETAINED))
    return tuple(found.values())
