"""What a stack set's plan and its targets are; pure."""

from __future__ import annotations

import pytest

from fargate_guard.aws.stack_sets import Instance
from fargate_guard.config.load import parse_config
from fargate_guard.config.stack_set import StackSet
from fargate_guard.errors import FguardError
from fargate_guard.workflows.stack_sets_plan import PlaceChange, Wanted, make_plan, preferences, targets

ONE, TWO = "111111111111", "222222222222"
UNIT, OTHER = "ou-abcd-11111111", "ou-abcd-22222222"
WHOLE = {
    (unit, region): accounts
    for unit, accounts in ((UNIT, frozenset({ONE, TWO})), (OTHER, frozenset({"333333333333"})))
    for region in ("a", "b")
}


def instance(account: str, region: str, status: str = "CURRENT") -> Instance:
    return Instance(account, region, UNIT, status, "", "why", "NOT_CHECKED", None, None, None)


def wanted(places: list[tuple[str, str]]) -> Wanted:
    return Wanted(dict.fromkeys(places, UNIT), {}, {ONE, TWO})


def create(account: str, region: str, unit: str = UNIT) -> PlaceChange:
    return PlaceChange(account, region, unit, "create")


def test_a_unit_is_a_target_as_a_whole_where_all_its_accounts_are() -> None:
    places = [create(account, region) for account in (ONE, TWO) for region in ("a", "b")]
    places += [create("333333333333", region, OTHER) for region in ("a", "b")]
    assert targets(places, WHOLE) == [
        {"DeploymentTargets": {"OrganizationalUnitIds": [UNIT, OTHER]}, "Regions": ["a", "b"]}
    ]


def test_some_accounts_of_a_unit_are_named() -> None:
    chosen = {"OrganizationalUnitIds": [UNIT], "Accounts": [ONE], "AccountFilterType": "INTERSECTION"}
    assert targets([create(ONE, "a")], WHOLE) == [{"DeploymentTargets": chosen, "Regions": ["a"]}]


def test_a_plan_adds_retries_and_tells_what_is_absent() -> None:
    found = [instance(ONE, "a"), instance(TWO, "a", "OUTDATED"), instance(ONE, "z")]
    desired = wanted([(ONE, "a"), (TWO, "a"), (ONE, "b")])
    plan = make_plan("set", None, found, desired, ())
    assert [(one.account, one.region, one.action) for one in plan.places] == [
        (ONE, "b", "create"),
        (ONE, "z", "absent"),
        (TWO, "a", "retry"),
    ]
    assert make_plan("set", None, found, desired, (), remove_absent=True).of("remove")[0].region == "z"


def test_preferences_keep_the_order_of_regions_and_tell_shares_from_counts() -> None:
    chosen = StackSet(regions=["us-east-1", "eu-west-1"], failure_tolerance="25%", max_concurrent="3")
    assert preferences(chosen, ["ap-south-1", "eu-west-1", "us-east-1"]) == {
        "RegionConcurrencyType": "SEQUENTIAL",
        "RegionOrder": ["us-east-1", "eu-west-1", "ap-south-1"],
        "FailureTolerancePercentage": 25,
        "MaxConcurrentCount": 3,
    }


@pytest.mark.parametrize("wrong", ["max_concurrent: 0", "regions: [virginia]", "organizational_units: [prod]"])
def test_what_stack_sets_do_not_take_is_refused_in_the_file(wrong: str) -> None:
    base = "name: training\nsysdig: {region: us1, access_key: {env: KEY}}\n"
    with pytest.raises(FguardError):
        parse_config(f"{base}cloudformation: {{stack_set: {{{wrong}}}}}\n")
    parse_config(f"{base}cloudformation: {{stack_set: {{failure_tolerance: 10%, max_concurrent: 2}}}}\n")
