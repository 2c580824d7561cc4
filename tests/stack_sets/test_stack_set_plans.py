"""What a stack set's plan and its targets are; pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from fargate_guard.aws.stack_sets import Description, Instance, Operation, Outcome
from fargate_guard.cli.stack_set_view import status_lines
from fargate_guard.config.load import parse_config
from fargate_guard.config.stack_set import StackSet
from fargate_guard.errors import FguardError
from fargate_guard.stacks.template import StackTemplate
from fargate_guard.workflows import stack_sets_plan as sets
from fargate_guard.workflows.stack_sets_status import StackSetStatus

ONE, TWO = "111111111111", "222222222222"
MANY_UNITS = f"organizational_units: [{', '.join(f'ou-abcd-{number:08}' for number in range(51))}]"
UNIT, OTHER = "ou-abcd-11111111", "ou-abcd-22222222"
WHOLE = {
    (unit, region): accounts
    for unit, accounts in ((UNIT, frozenset({ONE, TWO})), (OTHER, frozenset({"333333333333"})))
    for region in ("a", "b")
}


def instance(account: str, region: str, status: str = "CURRENT") -> Instance:
    return Instance(account, region, UNIT, status, "", "why", "NOT_CHECKED", None, None, None)


def wanted(places: list[tuple[str, str]]) -> sets.Wanted:
    return sets.Wanted(dict.fromkeys(places, UNIT), {}, {ONE, TWO})


def create(account: str, region: str, unit: str = UNIT) -> sets.PlaceChange:
    return sets.PlaceChange(account, region, unit, "create")


def test_a_unit_is_a_target_as_a_whole_where_all_its_accounts_are() -> None:
    places = [create(account, region) for account in (ONE, TWO) for region in ("a", "b")]
    places += [create("333333333333", region, OTHER) for region in ("a", "b")]
    assert sets.targets(places, WHOLE) == [
        {"DeploymentTargets": {"OrganizationalUnitIds": [UNIT, OTHER]}, "Regions": ["a", "b"]}
    ]


def test_some_accounts_of_a_unit_are_named() -> None:
    chosen = {"OrganizationalUnitIds": [UNIT], "Accounts": [ONE], "AccountFilterType": "INTERSECTION"}
    assert sets.targets([create(ONE, "a")], WHOLE) == [{"DeploymentTargets": chosen, "Regions": ["a"]}]


def test_a_plan_adds_retries_and_tells_what_is_absent() -> None:
    found = [instance(ONE, "a"), instance(TWO, "a", "OUTDATED"), instance(ONE, "z")]
    desired = wanted([(ONE, "a"), (TWO, "a"), (ONE, "b")])
    plan = sets.make_plan("set", None, found, desired, ())
    assert [(one.account, one.region, one.action) for one in plan.places] == [
        (ONE, "b", "create"),
        (ONE, "z", "absent"),
        (TWO, "a", "retry"),
    ]
    assert sets.make_plan("set", None, found, desired, (), remove_absent=True).of("remove")[0].region == "z"


def test_settings_that_differ_update_every_stack_but_what_cannot_be() -> None:
    gone = "444444444444"
    found = [
        instance(ONE, "a"),
        instance(TWO, "a", "INOPERABLE"),
        instance(TWO, "z"),
        instance(ONE, "z", "INOPERABLE"),
        instance(gone, "a"),
        instance("555555555555", "a"),
    ]
    desired = sets.Wanted(dict.fromkeys([(ONE, "a"), (TWO, "a")], UNIT), {gone: "SUSPENDED"}, {ONE, TWO})

    def actions(plan: sets.StackSetPlan) -> dict[tuple[str, str], str]:
        return {(one.account, one.region): one.action for one in plan.places}

    plan = sets.make_plan("set", None, found, desired, ("tags",))
    assert actions(plan) == {
        (ONE, "a"): "update",
        (ONE, "z"): "absent",
        (TWO, "a"): "stuck",
        (TWO, "z"): "update",
        (gone, "a"): "skipped",
        ("555555555555", "a"): "update",
    }
    reasons = {(one.account, one.region): one.reason or "" for one in plan.places}
    assert "it is updated too" in reasons[TWO, "z"]
    assert "the account is SUSPENDED" in reasons[gone, "a"]
    assert reasons["555555555555", "a"].startswith("the account is in none of the organizational units")
    removing = sets.make_plan("set", None, found, desired, ("tags",), remove_absent=True, repair=True)
    assert actions(removing) == {
        (ONE, "a"): "update",
        (ONE, "z"): "remove",
        (TWO, "a"): "repair",
        (TWO, "z"): "remove",
        (gone, "a"): "left",
        ("555555555555", "a"): "remove",
    }


def test_a_unit_stops_to_be_a_target_where_nothing_of_it_is_left() -> None:
    found = [instance(account, region) for account in (ONE, TWO) for region in ("a", "b")]
    going = [sets.PlaceChange(account, "a", UNIT, "remove") for account in (ONE, TWO)]
    going.append(sets.PlaceChange(ONE, "b", UNIT, "remove"))
    assert sets.wholly_removed(found, going) == {(UNIT, "a"): frozenset({ONE, TWO})}
    assert sets.wholly_removed(found, going, nested=[UNIT]) == {}


@pytest.mark.parametrize(
    ("chosen", "enabled", "words"),
    [
        (StackSet(organizational_units=[UNIT]), True, "on: .* those that leave lose it"),
        (StackSet(organizational_units=[UNIT], retain_on_leaving=True), True, "on: .* those that leave keep it"),
        (StackSet(accounts=[ONE]), False, r"off \(accounts are named\)"),
        (StackSet(accounts=[ONE], auto_deployment=True), True, "on: .* whichever accounts are named"),
        (StackSet(organizational_units=[UNIT], auto_deployment=False), False, "off: "),
    ],
)
def test_accounts_that_are_named_turn_automatic_deployment_off(
    chosen: StackSet, enabled: bool, words: str
) -> None:
    assert sets.auto_deployment(chosen)["Enabled"] is enabled
    assert re.match(words, sets.automatic_words(chosen))


def described(parameters: dict[str, str], automatic: dict[str, bool] | None = None) -> Description:
    return Description("body", parameters, {}, (), automatic or {}, "SERVICE_MANAGED")


def test_retention_does_not_differ_where_nothing_is_automatic() -> None:
    """AWS may tell it, though it is refused in the request."""
    template = StackTemplate("body", {}, ())
    there = described({}, {"Enabled": False, "RetainStacksOnAccountRemoval": False})
    assert sets.differences(there, template, StackSet(accounts=[ONE]), sends_key=False) == ()
    (found,) = sets.differences(there, template, StackSet(organizational_units=[UNIT]), sends_key=False)
    assert found.startswith("auto-deployment on")


def test_a_set_holds_a_key_unless_it_was_given_by_arn() -> None:
    """CloudFormation tells an empty key as it tells one: ``****``."""
    assert sets.holds_key(described({"AccessKey": "****", "AccessKeySecretArn": ""}))
    assert not sets.holds_key(described({"AccessKey": "****", "AccessKeySecretArn": "arn:aws:secretsmanager:…"}))
    assert not sets.holds_key(described({"AccessKeyParameterArn": "arn:aws:ssm:…"}))
    assert not sets.holds_key(None)


@pytest.mark.parametrize(
    ("instances", "operation", "problem"),
    [
        ((instance(ONE, "a"),), "SUCCEEDED", None),
        ((instance(ONE, "a"),), "STOPPED", "the last operation, UPDATE, is STOPPED: too many"),
        ((instance(ONE, "a"),), "FAILED", "the last operation, UPDATE, is FAILED: too many"),
        ((instance(ONE, "a", "OUTDATED"),), "SUCCEEDED", f"{ONE} a is OUTDATED (why)"),
        ((), "SUCCEEDED", "the set has no stacks"),
    ],
)
def test_status_tells_what_is_not_as_it_should_be(
    instances: tuple[Instance, ...], operation: str, problem: str | None
) -> None:
    last = Operation("id", "UPDATE", operation, "now", None, "too many")
    seen = StackSetStatus("set", described({}), instances, last, ())
    assert seen.problems == (() if problem is None else (problem,))


def test_an_operation_that_was_stopped_when_all_was_done_is_no_problem() -> None:
    last = Operation("id", "UPDATE", "STOPPED", "now", None)
    done, cancelled = Outcome(ONE, "a", "SUCCEEDED", None), Outcome(TWO, "a", "CANCELLED", None)
    there = (instance(ONE, "a"), instance(TWO, "a"))
    assert StackSetStatus("set", described({}), there, last, (done,)).problems == ()
    seen = StackSetStatus("set", described({}), there, last, (done, cancelled))
    assert seen.problems == ("the last operation, UPDATE, is STOPPED",)


def told(**changed: Any) -> str:
    """What status shows of a set that is as it should be but for this."""
    seen = replace(StackSetStatus("set", described({}), (instance(ONE, "a"),), None, ()), **changed)
    return "\n".join(status_lines(seen, lambda command: f"fguard {command} --stack-set"))


def test_status_says_how_to_go_on_with_a_removal() -> None:
    for action, goes_on in (("DELETE", True), ("UPDATE", False)):
        text = told(last_operation=Operation("id", action, "FAILED", "now", None))
        assert ("fguard destroy --stack-set" in text) is goes_on, text
        assert "fguard deploy --stack-set" in text


def test_drift_alone_is_nothing_that_another_deploy_takes_up() -> None:
    there = replace(instance(ONE, "a"), drift="DRIFTED", stack_id="arn:of-the-stack")
    text = told(instances=(there,), looked_for_drift=True)
    assert f"{ONE} a: drift DRIFTED" in text
    assert "describe-stack-resource-drifts --region a --stack-name arn:of-the-stack" in text
    assert "fguard deploy" not in text
    text = told(not_looked=(Outcome(ONE, "a", "FAILED", "the role is gone"),))
    assert ("fguard deploy" in text, "fguard status --stack-set --drift" in text) == (False, True), text


def test_a_look_for_drift_that_failed_does_not_pass_for_the_former_one() -> None:
    there = replace(instance(ONE, "a"), drift="IN_SYNC")
    failed = Outcome(ONE, "a", "FAILED", "the role is gone")
    assert StackSetStatus("set", described({}), (there,), None, (), looked_for_drift=True).problems == ()
    seen = StackSetStatus("set", described({}), (there,), None, (), looked_for_drift=True, not_looked=(failed,))
    assert seen.problems == (f"{ONE} a: drift could not be looked for: the role is gone",)


def test_preferences_keep_the_order_of_regions_and_tell_shares_from_counts() -> None:
    chosen = StackSet(regions=["us-east-1", "eu-west-1"], failure_tolerance="25%", max_concurrent="3")
    assert sets.preferences(chosen, ["ap-south-1", "eu-west-1", "us-east-1"]) == {
        "RegionConcurrencyType": "SEQUENTIAL",
        "RegionOrder": ["us-east-1", "eu-west-1", "ap-south-1"],
        "FailureTolerancePercentage": 25,
        "MaxConcurrentCount": 3,
    }


@pytest.mark.parametrize(
    "wrong", ["max_concurrent: 0", "regions: [virginia]", "organizational_units: [prod]", MANY_UNITS]
)
def test_what_stack_sets_do_not_take_is_refused_in_the_file(wrong: str) -> None:
    base = "name: training\nsysdig: {region: us1, access_key: {env: KEY}}\n"
    with pytest.raises(FguardError):
        parse_config(f"{base}cloudformation: {{stack_set: {{{wrong}}}}}\n")
    parse_config(f"{base}cloudformation: {{stack_set: {{failure_tolerance: 10%, max_concurrent: 2}}}}\n")
