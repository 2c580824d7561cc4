"""What a stack set has, what it should have, and what to do about it, per account and Region; pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fargate_guard.aws.stack_sets import Description, Instance, Place
    from fargate_guard.config.stack_set import StackSet
    from fargate_guard.stacks.template import StackTemplate

Json = dict[str, Any]
CREATE, UPDATE, RETRY, REMOVE, ABSENT = "create", "update", "retry", "remove", "absent"
"""``absent``: there, and not asked for any more; it stays."""
ACCESS_KEY = "AccessKey"
"""The parameter that is a secret."""


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

    def of(self, *actions: str) -> tuple[PlaceChange, ...]:
        """Return the accounts and Regions with one of these actions."""
        return tuple(one for one in self.places if one.action in actions)

    @property
    def has_changes(self) -> bool:
        """Whether anything is done."""
        return self.creates or bool(self.settings) or bool(self.of(CREATE, UPDATE, RETRY, REMOVE))


def differences(
    there: Description, template: StackTemplate, wanted: StackSet, *, renews_key: bool
) -> tuple[str, ...]:
    """Return what of a set differs from what is wanted, in words; no values."""
    found = []
    if there.template.strip() != template.body.strip():
        found.append("template")
    names = sorted({*there.parameters, *template.parameters} - {ACCESS_KEY})
    changed = [name for name in names if name in template.parameters]
    changed = [name for name in changed if there.parameters.get(name) != template.parameters[name]]
    found += [f"parameter {name}" for name in changed]
    found += ["the access key"] if renews_key else []
    if dict(there.tags) != dict(template.tags):
        found.append("tags")
    if set(there.capabilities) != set(template.capabilities):
        found.append("capabilities")
    if {key: value for key, value in there.auto_deployment.items() if key in _AUTOMATIC} != auto_deployment(
        wanted
    ):
        found.append("auto-deployment")
    return tuple(found)


_AUTOMATIC = ("Enabled", "RetainStacksOnAccountRemoval")


def auto_deployment(wanted: StackSet) -> Json:
    """Return ``AutoDeployment``; the API takes no retention where it is not enabled."""
    if not wanted.auto_deployment:
        return {"Enabled": False}
    return {"Enabled": True, "RetainStacksOnAccountRemoval": wanted.retain_on_leaving}


def make_plan(
    name: str,
    there: Description | None,
    instances: Iterable[Instance],
    desired: Mapping[Place, str],
    settings: tuple[str, ...],
    *,
    remove_absent: bool,
) -> StackSetPlan:
    """Compare the accounts and Regions.

    :param desired: each with the organizational unit that it is reached by.
    """
    found = {one.place: one for one in instances}
    places = [PlaceChange(*place, unit, CREATE) for place, unit in desired.items() if place not in found]
    for place, one in found.items():
        why = one.reason or one.detailed_status
        if place not in desired:
            places.append(PlaceChange(*place, one.unit, REMOVE if remove_absent else ABSENT))
        elif settings:
            places.append(PlaceChange(*place, one.unit, UPDATE))
        elif one.status != "CURRENT":
            places.append(PlaceChange(*place, one.unit or desired[place], RETRY, f"{one.status}: {why}"))
    ordered = sorted(places, key=lambda one: (one.account, one.region))
    return StackSetPlan(name, there is None, settings, tuple(ordered))


def removal(name: str, instances: Iterable[Instance]) -> StackSetPlan:
    """Return what removing all of it takes away."""
    places = tuple(PlaceChange(*one.place, one.unit, REMOVE) for one in instances)
    return StackSetPlan(name, creates=False, settings=(), places=places, destroy=True)


def targets(places: Sequence[PlaceChange], whole: Mapping[str, frozenset[str]]) -> list[Json]:
    """Return as few ``DeploymentTargets`` and ``Regions`` as the accounts and Regions need.

    Where all accounts of a unit are among them, the unit is the target, so that accounts that join it follow.

    :param whole: the accounts of each unit that may be a target as a whole.
    """
    by_unit: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in places:
        by_unit[(one.unit or "", one.region)].add(one.account)
    grouped: dict[tuple[str, frozenset[str]], list[str]] = defaultdict(list)
    for (unit, region), some in by_unit.items():
        grouped[(unit, frozenset(some))].append(region)
    wholes: dict[frozenset[str], list[str]] = defaultdict(list)
    result: list[Json] = []
    for (unit, accounts), regions in grouped.items():
        if accounts >= whole.get(unit, frozenset({""})):
            wholes[frozenset(regions)].append(unit)
            continue
        chosen = {
            "OrganizationalUnitIds": [unit],
            "Accounts": sorted(accounts),
            "AccountFilterType": "INTERSECTION",
        }
        result.append({"DeploymentTargets": chosen, "Regions": regions})
    result += [
        {"DeploymentTargets": {"OrganizationalUnitIds": units}, "Regions": sorted(regions)}
        for regions, units in wholes.items()
    ]
    return result


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
