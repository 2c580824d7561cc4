"""What a stack set has, what it should have, and what to do about it, per account and Region; pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.config.stack_set import MOST_UNITS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from fargate_guard.aws.stack_sets import Description, Instance, Place
    from fargate_guard.config.stack_set import StackSet
    from fargate_guard.stacks.template import StackTemplate

Json = dict[str, Any]
CREATE, UPDATE, RETRY, REMOVE = "create", "update", "retry", "remove"
REPAIR = "repair"
"""Deleted, and made again."""
ABSENT, SKIPPED, STUCK, LEFT = "absent", "skipped", "stuck", "left"
"""Nothing is done: not asked for any more; not active; takes no update; taken out of the set, it stays there."""
ACCESS_KEY = "AccessKey"
"""The parameter that is a secret."""
RENEWAL = "AccessKeyRenewal"
"""The parameter that changes with the key: ECS reads a secret when a task starts, and only then.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
"""
SECRET_ARN = "AccessKeySecretArn"  # noqa: S105 - a name
"""The parameter that stands in its place where the secret exists already."""
INOPERABLE = "INOPERABLE"
"""A deletion failed; StackSets leaves such a stack out of updates.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackInstanceSummary.html
"""
STAYS = "is not asked for any more; it stays (--remove-absent removes it)"
UPDATED_TOO = "is not asked for any more; it is updated too, as all of the set (--remove-absent removes it)"
PASSED_OVER = "CloudFormation passes it over (--remove-absent takes its stack out of the set)"
FORGOTTEN = "its stack is taken out of the set, and stays there"
BROKEN = "a deletion failed, it takes no update (--repair deletes it, and makes it again)"
BROKEN_ABSENT = "is not asked for any more, and a deletion failed (--remove-absent tries again)"


@dataclass(frozen=True, slots=True)
class PlaceChange:
    """What happens in one account and Region."""

    account: str
    region: str
    unit: str | None
    action: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class StackSetPlan:
    """What a deploy or destroy does."""

    name: str
    creates: bool
    """Whether there is no such set yet."""
    settings: tuple[str, ...]
    """What of the set itself differs, in words."""
    places: tuple[PlaceChange, ...]
    destroy: bool = False
    automatic: str = ""
    """What becomes of accounts that join or leave later, in words."""

    def of(self, *actions: str) -> tuple[PlaceChange, ...]:
        """Return the accounts and Regions with one of these actions."""
        return tuple(one for one in self.places if one.action in actions)

    @property
    def has_changes(self) -> bool:
        """Whether anything is done."""
        return self.creates or bool(self.settings) or bool(self.of(CREATE, UPDATE, RETRY, REMOVE, REPAIR, LEFT))


@dataclass(frozen=True, slots=True)
class Wanted:
    """The accounts and Regions that are asked for."""

    places: Mapping[Place, str]
    """Each with the organizational unit that it is reached by."""
    inactive: Mapping[str, str]
    """Accounts in those units that are not active, each with its state."""
    members: Collection[str]
    """All active accounts in those units."""


def differences(
    there: Description, template: StackTemplate, wanted: StackSet, *, sends_key: bool
) -> tuple[str, ...]:
    """Return what of a set differs from what is wanted, in words; no values."""
    found = []
    if there.template.strip() != template.body.strip():
        found.append("template")
    names = sorted({*there.parameters, *template.parameters} - {ACCESS_KEY, RENEWAL})
    changed = [name for name in names if name in template.parameters]
    changed = [name for name in changed if there.parameters.get(name) != template.parameters[name]]
    found += [f"parameter {name}" for name in changed]
    found += ["the access key"] if sends_key else []
    if dict(there.tags) != dict(template.tags):
        found.append("tags")
    if set(there.capabilities) != set(template.capabilities):
        found.append("capabilities")
    if _automatic(there.auto_deployment) != _automatic(auto_deployment(wanted)):
        on = f"on, stacks {'stay' if wanted.retain_on_leaving else 'go'} where accounts leave"
        found.append(f"auto-deployment {on if wanted.deploys_automatically else 'off'}")
    return tuple(found)


def _automatic(settings: Json) -> tuple[bool, bool]:
    enabled = bool(settings.get("Enabled"))
    return enabled, enabled and bool(settings.get("RetainStacksOnAccountRemoval"))


def holds_key(there: Description | None) -> bool:
    """Whether CloudFormation has an access key of this set: it tells it as ``****``, an empty one too."""
    return there is not None and ACCESS_KEY in there.parameters and not there.parameters.get(SECRET_ARN)


def auto_deployment(wanted: StackSet) -> Json:
    """Return ``AutoDeployment``; the API takes no retention where it is not enabled."""
    if not wanted.deploys_automatically:
        return {"Enabled": False}
    return {"Enabled": True, "RetainStacksOnAccountRemoval": wanted.retain_on_leaving}


def automatic_words(wanted: StackSet) -> str:
    """Return what becomes of accounts that join or leave the organizational units later."""
    if not wanted.deploys_automatically:
        named = " (accounts are named)" if wanted.accounts and wanted.auto_deployment is None else ""
        return f"off{named}: accounts that join the organizational units do not get it"
    if wanted.accounts:
        return "on: accounts that join the organizational units get it, too, whichever accounts are named"
    leaving = "keep" if wanted.retain_on_leaving else "lose"
    return f"on: accounts that join the organizational units get it, those that leave {leaving} it"


def make_plan(
    name: str,
    there: Description | None,
    instances: Iterable[Instance],
    wanted: Wanted,
    settings: tuple[str, ...],
    *,
    remove_absent: bool = False,
    repair: bool = False,
    automatic: str = "",
) -> StackSetPlan:
    """Compare the accounts and Regions.

    A set whose settings differ is updated in all of its stacks, also in those that are not asked for any more.
    """
    found = {one.place: one for one in instances}
    places = [PlaceChange(*place, unit, CREATE) for place, unit in wanted.places.items() if place not in found]
    for place, one in found.items():
        if place in wanted.places:
            unit = wanted.places[place]
            change = _desired_change(one, unit, updates=bool(settings), repair=repair)
        else:
            change = _absent_change(one, wanted, updates=bool(settings), removes=remove_absent)
        places += [change] if change else []
    ordered = sorted(places, key=lambda one: (one.account, one.region))
    return StackSetPlan(name, there is None, settings, tuple(ordered), automatic=automatic)


def _desired_change(one: Instance, unit: str, *, updates: bool, repair: bool) -> PlaceChange | None:
    state = f"{one.status}: {one.reason or one.detailed_status}"
    if one.status == INOPERABLE:
        return PlaceChange(*one.place, unit, REPAIR if repair else STUCK, f"{state}; {BROKEN}")
    if updates:
        return PlaceChange(*one.place, unit, UPDATE)
    return None if one.status == "CURRENT" else PlaceChange(*one.place, unit, RETRY, state)


def _absent_change(one: Instance, wanted: Wanted, *, updates: bool, removes: bool) -> PlaceChange:
    state = wanted.inactive.get(one.account)
    if state:
        action, what = (LEFT, FORGOTTEN) if removes else (SKIPPED, PASSED_OVER)
        return PlaceChange(*one.place, one.unit, action, f"the account is {state}: {what}")
    gone = "" if one.account in wanted.members else "the account is in none of the organizational units; it "
    if removes:
        return PlaceChange(*one.place, one.unit, REMOVE, gone.removesuffix("; it ") or None)
    if one.status == INOPERABLE:
        return PlaceChange(*one.place, one.unit, ABSENT, gone + BROKEN_ABSENT)
    if updates:
        return PlaceChange(*one.place, one.unit, UPDATE, gone + UPDATED_TOO)
    return PlaceChange(*one.place, one.unit, ABSENT, gone + STAYS)


def removal(name: str, instances: Iterable[Instance], out_of_reach: Mapping[str, str]) -> StackSetPlan:
    """Return what removing all of it takes away.

    :param out_of_reach: accounts in which CloudFormation cannot delete anything, each with the reason.
    """
    places = tuple(
        PlaceChange(*one.place, one.unit, LEFT, out_of_reach[one.account])
        if one.account in out_of_reach
        else PlaceChange(*one.place, one.unit, REMOVE)
        for one in instances
    )
    return StackSetPlan(name, creates=False, settings=(), places=places, destroy=True)


def targets(places: Sequence[PlaceChange], whole: Mapping[tuple[str, str], frozenset[str]]) -> list[Json]:
    """Return as few ``DeploymentTargets`` and ``Regions`` as the accounts and Regions need.

    Where all accounts of a unit are among them, the unit is the target, so that accounts that join it follow.

    :param whole: by unit and Region, the accounts with which the unit is a target as a whole.
    """
    by_unit: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in places:
        by_unit[(one.unit or "", one.region)].add(one.account)
    chosen: dict[tuple[str, frozenset[str]], list[str]] = defaultdict(list)
    by_region: dict[str, set[str]] = defaultdict(set)
    for (unit, region), accounts_there in by_unit.items():
        some = frozenset(accounts_there)
        if some >= whole.get((unit, region), frozenset({""})):
            by_region[region].add(unit)
        else:
            chosen[(unit, some)].append(region)
    wholes: dict[frozenset[str], list[str]] = defaultdict(list)
    for region, units in by_region.items():
        wholes[frozenset(units)].append(region)
    result = [some_accounts([unit], accounts, regions) for (unit, accounts), regions in chosen.items()]
    for together, regions in wholes.items():
        ordered = sorted(together)
        for first in range(0, len(ordered), MOST_UNITS):
            some_units = {"OrganizationalUnitIds": ordered[first : first + MOST_UNITS]}
            result.append({"DeploymentTargets": some_units, "Regions": sorted(regions)})
    return result


def some_accounts(units: Sequence[str], accounts: Iterable[str], regions: Iterable[str]) -> Json:
    """Return the targets for some accounts of units.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeploymentTargets.html
    """
    chosen = {
        "OrganizationalUnitIds": list(units),
        "Accounts": sorted(accounts),
        "AccountFilterType": "INTERSECTION",
    }
    return {"DeploymentTargets": chosen, "Regions": sorted(regions)}


def wholly_removed(
    instances: Iterable[Instance], places: Iterable[PlaceChange], nested: Collection[str] = ()
) -> dict[tuple[str, str], frozenset[str]]:
    """Return the units that stop to be targets in a Region: nothing of them is left there.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stackinstances-delete.html

    :param nested: units whose accounts are reached through another one as well.
    """
    going = {(one.account, one.region) for one in places}
    by_unit: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in instances:
        by_unit[(one.unit or "", one.region)].add(one.account)
    return {
        (unit, region): frozenset(accounts)
        for (unit, region), accounts in by_unit.items()
        if unit and unit not in nested and all((account, region) in going for account in accounts)
    }


def preferences(wanted: StackSet, regions: Iterable[str]) -> Json:
    """Return ``OperationPreferences``.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperationPreferences.html
    """
    concerned = set(regions)
    order = [region for region in wanted.regions if region in concerned]
    found: Json = {
        "RegionConcurrencyType": wanted.region_concurrency.upper(),
        "RegionOrder": [*order, *sorted(concerned - set(order))],
        **_share("FailureTolerance", wanted.failure_tolerance),
        **_share("MaxConcurrent", wanted.max_concurrent),
    }
    return found


def _share(name: str, value: str) -> Json:
    if value.endswith("%"):
        return {f"{name}Percentage": int(value[:-1])}
    return {f"{name}Count": int(value)}
