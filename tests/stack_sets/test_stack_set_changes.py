"""What happens to a stack set after its first rollout, from a change to its end; read from top to bottom."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.aws.session import Aws
from fargate_guard.cli.progress import ProgressObserver
from fargate_guard.cli.screen import screen_of_process
from fargate_guard.config import load_config
from fargate_guard.deployment import DeploymentFolder
from fargate_guard.errors import PreflightError
from fargate_guard.sandbox import Fault, FaultKind
from fargate_guard.workflows.context import Context
from fargate_guard.workflows.stack_sets import carry_out, open_sets, plan_rollout
from fargate_guard.workflows.stack_sets_following import follow_running
from fargate_guard.workflows.stack_sets_plan import some_accounts
from fargate_guard.workflows.stack_sets_removal import remove_all
from fargate_guard.workflows.stack_sets_work import StackSetFailed, Work
from tests.stack_sets.conftest import ACCESS_KEY, CONFIG, SET

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fguard_process import Ran
    from tests.stack_sets.conftest import Organization

REGION = "us-east-1"
FAST = ("--max-concurrent", "100%", "--failure-tolerance", "100%")
CONCURRENCY = "cloudformation: {stack_set: {max_concurrent: 50%, region_concurrency: parallel}}\n"
ROLE = "OrganizationAccountAccessRole"
"""https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access.html"""


def configure(organization: Organization, *, key: str = "{env: SYSDIG_ACCESS_KEY}", more: str = "") -> None:
    text = CONFIG.replace("{env: SYSDIG_ACCESS_KEY}", key)
    (organization.fguard.folder / "fguard.yaml").write_text(f"{text}{more}")


def run(organization: Organization, command: str, *more: str) -> Ran:
    flags = FAST if command == "deploy" else ()
    targets = ("--organizational-units", organization.unit, "--regions", REGION)
    return organization.ran(command, *targets, *flags, *more)


def deploy(organization: Organization, *more: str) -> Ran:
    return run(organization, "deploy", "--yes", *more)


def actions(ran: Ran) -> dict[str, str]:
    """What happens in each account."""
    return {one["account"]: one["action"] for one in ran.document["plan"]["places"]}


def desk(organization: Organization) -> Context:
    """What the commands work with."""
    more = f"organizational_units: [{organization.unit}], regions: [{REGION}]"
    configure(organization, more=f"cloudformation: {{stack_set: {{{more}}}}}\nlogs: {{retention_days: 14}}\n")
    file = organization.fguard.folder / "fguard.yaml"
    config, environ = load_config(file), organization.fguard.environ
    screen = screen_of_process(environ, json=False, quiet=True, verbose=False)
    aws = Aws(region=REGION, environ=environ)
    folder = DeploymentFolder.of(file, config.name)
    return Context(config, file, folder, aws, environ, ProgressObserver(screen))


def first_account(organization: Organization) -> dict[str, Any]:
    """``DeploymentTargets`` and ``Regions``."""
    return some_accounts([organization.unit], organization.accounts[:1], [REGION])


def change_retention(organization: Organization, days: str) -> None:
    """What somebody else does."""
    cloudformation = organization.client("cloudformation")
    there = cloudformation.describe_stack_set(StackSetName=SET)["StackSet"]
    names = {one["ParameterKey"] for one in there["Parameters"]} - {"LogRetentionDays"}
    cloudformation.update_stack_set(
        StackSetName=SET,
        UsePreviousTemplate=True,
        Capabilities=there["Capabilities"],
        Parameters=[
            {"ParameterKey": "LogRetentionDays", "ParameterValue": days},
            *({"ParameterKey": name, "UsePreviousValue": True} for name in sorted(names)),
        ],
    )


def test_a_unit_without_accounts_is_refused_before_anything_is_made(organization: Organization) -> None:
    organization.client("cloudformation").activate_organizations_access()
    empty = organization.client("organizations").create_organizational_unit(ParentId=organization.root, Name="new")
    unit = empty["OrganizationalUnit"]["Id"]
    refused = organization.ran("deploy", "--organizational-units", unit, "--regions", REGION, "--yes")
    assert (refused.exit_code, "there is no account to deploy to" in refused.stderr) == (4, True), refused.stderr
    assert organization.client("cloudformation").list_stack_sets(Status="ACTIVE")["Summaries"] == []
    both = f"{unit},{organization.unit}"
    planned = organization.ran("plan", "--organizational-units", both, "--regions", REGION)
    assert (planned.exit_code, f"{unit} has no account to deploy to" in planned.stderr) == (2, True), (
        planned.stderr
    )
    assert f"{organization.unit} has no account" not in planned.stderr


def test_a_unit_below_another_one_is_reached_through_the_upper_one(organization: Organization) -> None:
    both = f"{organization.unit},{organization.root}"
    planned = organization.ran("plan", "--organizational-units", both, "--regions", REGION, "--json")
    units = {one["account"]: one["organizational_unit"] for one in planned.document["plan"]["places"]}
    assert units == dict.fromkeys(organization.accounts, organization.root)


def test_accounts_that_are_named_are_not_joined_by_others(organization: Organization) -> None:
    one, two, third = organization.accounts
    done = deploy(organization, "--accounts", f"{one},{two}")
    assert done.exit_code == 0, done.stderr
    assert "Auto-deployment is off (accounts are named)" in done.stderr
    before = organization.operations()
    organization.move(third, organization.root, organization.unit)
    planned = run(organization, "plan", "--json")
    assert planned.document["plan"]["settings"] == ["auto-deployment on, stacks go where accounts leave"]
    assert actions(planned) == {one: "update", two: "update", third: "create"}
    organization.move(third, organization.unit, organization.root)
    assert organization.operations() == before


def test_a_set_that_is_updated_is_updated_everywhere_and_the_plan_says_so(organization: Organization) -> None:
    one, two, _ = organization.accounts
    configure(organization, more="logs: {retention_days: 90}\n")
    done = deploy(organization, "--accounts", one, "--json")
    assert done.exit_code == 0, done.stderr
    assert actions(done) == {one: "update", two: "update"}
    reasons = {each["account"]: each["reason"] for each in done.document["plan"]["places"]}
    assert reasons[one] is None
    assert str(reasons[two]).startswith("is not asked for any more; it is updated too")
    assert {each["account"] for each in done.document["results"]} == {one, two}


def test_what_is_to_go_goes_before_the_update(organization: Organization) -> None:
    one, two, _ = organization.accounts
    configure(organization, more=f"logs: {{retention_days: 30}}\n{CONCURRENCY}")
    done = deploy(organization, "--accounts", one, "--remove-absent", "--json")
    assert done.exit_code == 0, done.stderr
    assert actions(done) == {one: "update", two: "remove"}
    assert organization.operations()[:2] == [("UPDATE", "SUCCEEDED"), ("DELETE", "SUCCEEDED")]
    assert organization.instances() == {(one, REGION): "CURRENT"}


def test_status_looks_for_drift_and_tells_where_the_orchestrators_listen(organization: Organization) -> None:
    one = organization.accounts[0]
    seen = organization.ran("status", "--drift", "--account-role", ROLE, "--json")
    assert seen.exit_code == 0, seen.stdout + seen.stderr
    document = seen.document["stack_set"]
    (instance,) = document["instances"]
    assert (instance["account"], instance["drift"]) == (one, "IN_SYNC")
    assert instance["drift_checked"]
    assert instance["orchestrator"]["host"].endswith(".amazonaws.com")
    assert instance["orchestrator"]["port"] == 6667
    assert document["last_operation"]["action"] == "UPDATE"  # and not the look for drift
    assert (document["healthy"], document["problems"]) == (True, [])

    logs = organization.inside(one, "logs")
    (group, *_) = logs.describe_log_groups()["logGroups"]
    logs.put_retention_policy(logGroupName=group["logGroupName"], retentionInDays=1)
    seen = organization.ran("status", "--drift")
    assert (seen.exit_code, f"{one} {REGION}: drift DRIFTED" in seen.stdout) == (3, True), seen.stdout


def test_drift_is_looked_for_in_as_many_accounts_at_once_as_configured_and_in_all(
    organization: Organization,
) -> None:
    cloudformation = organization.client("cloudformation")
    (newest, *_) = cloudformation.list_stack_set_operations(StackSetName=SET)["Summaries"]
    described = cloudformation.describe_stack_set_operation(StackSetName=SET, OperationId=newest["OperationId"])
    look = described["StackSetOperation"]
    assert (look["Action"], look["OperationPreferences"]) == (
        "DETECT_DRIFT",
        {
            "RegionConcurrencyType": "PARALLEL",
            "RegionOrder": [REGION],
            "FailureTolerancePercentage": 100,
            "MaxConcurrentPercentage": 50,
        },
    )


def test_a_failed_update_ends_status_with_3_and_its_reason(organization: Organization) -> None:
    one = organization.accounts[0]
    secret = organization.client("secretsmanager").create_secret(Name="key", SecretString="of one account only")
    configure(organization, key=f"{{secret_arn: '{secret['ARN']}'}}", more="logs: {retention_days: 30}\n")
    done = deploy(organization, "--accounts", one)
    assert (done.exit_code, "stored in another account than 1 of those" in done.stderr) == (1, True), done.stderr
    seen = organization.ran("status", "--json")
    assert (seen.exit_code, seen.document["stack_set"]["healthy"]) == (3, False)
    (problem,) = seen.document["stack_set"]["problems"]
    assert f"{one} {REGION} is OUTDATED" in problem
    assert "Circuit Breaker was triggered" in problem
    (result,) = seen.document["stack_set"]["last_operation"]["results"]
    assert (result["status"], "Circuit Breaker was triggered" in result["reason"]) == ("FAILED", True)


def test_a_key_that_cloudformation_does_not_have_is_sent_without_being_asked_for(
    organization: Organization,
) -> None:
    one = organization.accounts[0]
    configure(organization, more="logs: {retention_days: 30}\n")
    done = deploy(organization, "--accounts", one, "--json")
    assert done.exit_code == 0, done.stderr
    assert "the access key" in done.document["plan"]["settings"]
    assert organization.access_key(one, REGION) == ACCESS_KEY


def test_a_plan_that_something_else_came_after_is_refused(organization: Organization) -> None:
    context = desk(organization)
    rollout = plan_rollout(context, remove_absent=False, renews_key=False)
    cloudformation = organization.client("cloudformation")
    cloudformation.update_stack_instances(StackSetName=SET, **first_account(organization))
    before = organization.operations()
    with pytest.raises(PreflightError, match="the plan is out of date"):
        carry_out(context, rollout, lambda: True)
    assert [action for action, _ in organization.operations()] == [action for action, _ in before]


QUIET = screen_of_process({}, json=False, quiet=True, verbose=False)


class Meanwhile(ProgressObserver):
    """Does something as soon as these words are told."""

    def __init__(self, words: str, what: Callable[[], object]) -> None:
        super().__init__(QUIET)
        self._words, self._what, self._done = words, what, False

    def note(self, text: str) -> None:
        """Do it once."""
        if self._words in text and not self._done:
            self._done = True
            self._what()


def test_what_ends_while_the_plan_is_made_makes_it_stale(organization: Organization) -> None:
    context = desk(organization)

    def somebody_changes_it() -> None:
        change_retention(organization, "3")
        follow_running(context, open_sets(context))

    observer = Meanwhile("the access key stays as it is", somebody_changes_it)  # the stacks are read after that
    planning = replace(context, observer=observer)
    rollout = plan_rollout(planning, remove_absent=False, renews_key=False)
    assert organization.operations()[0] == ("UPDATE", "SUCCEEDED")
    with pytest.raises(PreflightError, match="the plan is out of date"):
        carry_out(context, rollout, lambda: True)


class Releasing(ProgressObserver):
    """Lets go what hangs as soon as it is followed."""

    def __init__(self, organization: Organization) -> None:
        super().__init__(QUIET)
        self._organization, self.followed = organization, 0

    def step(self, title: str) -> None:
        """Clear the faults when it is told that something is followed."""
        if title.startswith("Follow the UPDATE"):
            self.followed += 1
            self._organization.sandbox.faults.clear()


def test_between_two_steps_an_operation_of_somebody_else_is_waited_for(organization: Organization) -> None:
    observer = Releasing(organization)
    context = replace(desk(organization), observer=observer)
    sets = open_sets(context)
    follow_running(context, sets)  # what the test before began
    observer.followed = 0
    work = Work(context, sets, None)
    work.start("first", sets.create_instances, first_account(organization))
    hang = Fault(FaultKind.RESOURCE_HANG, action="update", logical_id="OrchestratorLogGroup")
    organization.sandbox.faults.add(hang)
    change_retention(organization, "7")
    work.start("second", sets.create_instances, first_account(organization))
    assert observer.followed == 1
    assert organization.operations()[:3] == [(one, "SUCCEEDED") for one in ("CREATE", "UPDATE", "CREATE")]
    assert [one.status for one in work.finished()] == ["SUCCEEDED"]


def test_a_stack_that_could_not_be_deleted_is_told_and_made_again_on_request(organization: Organization) -> None:
    one, two, _ = organization.accounts
    configure(organization, more="logs: {retention_days: 30}\n")
    assert deploy(organization).exit_code == 0
    fault = Fault(FaultKind.RESOURCE_FAILURE, action="delete", logical_id="Vpc", message="In use.")
    organization.sandbox.faults.add(fault)
    failed = deploy(organization, "--accounts", one, "--remove-absent")
    organization.sandbox.faults.clear()
    assert (failed.exit_code, f"why    {two} {REGION}: " in failed.stderr) == (1, True), failed.stderr
    assert "In use." in failed.stderr.partition("error:")[2]
    config = str(organization.fguard.folder / "fguard.yaml")
    seen = organization.ran("status", "-c", config, "--management-account")
    same = f"fguard deploy -c {config} --stack-set --management-account --repair"
    assert (seen.exit_code, same in seen.stdout) == (3, True), seen.stdout
    left = deploy(organization)
    assert (left.exit_code, "--repair deletes it, and makes it again" in left.stderr) == (3, True), left.stderr
    done = deploy(organization, "--repair", "--json")
    assert done.exit_code == 0, done.stderr
    assert actions(done) == {two: "repair"}
    assert set(organization.instances().values()) == {"CURRENT"}


def test_accounts_that_left_keep_their_stacks_where_that_was_asked_for(organization: Organization) -> None:
    _, two, _ = organization.accounts
    keeping = "cloudformation: {stack_set: {retain_on_leaving: true}}\n"
    configure(organization, more=f"logs: {{retention_days: 30}}\n{keeping}")
    assert deploy(organization).exit_code == 0
    organization.move(two, organization.unit, organization.root)
    assert run(organization, "plan").exit_code == 0  # what CloudFormation begins by itself is followed
    assert two not in {account for account, _ in organization.instances()}


def test_suspended_accounts_are_passed_over_or_taken_out_of_the_set(organization: Organization) -> None:
    one, _, third = organization.accounts
    organizations = organization.client("organizations")
    made = organizations.create_account(AccountName="four", Email="four@example.com")
    fourth = str(made["CreateAccountStatus"]["AccountId"])
    organization.accounts.append(fourth)
    root = ("--organizational-units", organization.root, "--regions", REGION)
    done = organization.ran("deploy", *root, *FAST, "--yes", "--accounts", f"{one},{third},{fourth}")
    assert done.exit_code == 0, done.stderr
    organizations.close_account(AccountId=one)
    passed_over = organization.ran("plan", *root, "--accounts", f"{third},{fourth}")
    assert passed_over.exit_code == 0
    assert f"? {one} {REGION} ({organization.unit}): the account is SUSPENDED" in passed_over.stdout
    done = organization.ran(
        "deploy", *root, *FAST, "--yes", "--accounts", f"{third},{fourth}", "--remove-absent", "--json"
    )
    assert (done.exit_code, actions(done)) == (0, {one: "left"}), done.stderr
    assert {account for account, _ in organization.instances()} == {third, fourth}


def test_a_removal_that_somebody_stops_leaves_no_stack_behind_that_could_be_deleted(
    organization: Organization,
) -> None:
    _, _, third, fourth = organization.accounts
    cloudformation = organization.client("cloudformation")

    def stop() -> None:
        newest = cloudformation.list_stack_set_operations(StackSetName=SET)["Summaries"][0]
        cloudformation.stop_stack_set_operation(StackSetName=SET, OperationId=newest["OperationId"])
        organization.sandbox.faults.clear()

    context = desk(organization)
    repairing = replace(context.stacks, repair=True, confirm=lambda _question: True)
    organization.sandbox.faults.add(Fault(FaultKind.RESOURCE_HANG, action="delete", logical_id="Vpc"))
    with pytest.raises(StackSetFailed, match="the operation is STOPPED"):
        remove_all(replace(context, observer=Meanwhile("in progress", stop), stacks=repairing), lambda _plan: True)
    (left,) = organization.instances()
    assert left in {(third, REGION), (fourth, REGION)}
    root = ("--organizational-units", organization.root, "--accounts", f"{third},{fourth}", "--regions", REGION)
    assert organization.ran("deploy", *root, *FAST, "--yes").exit_code == 0


def test_destroy_names_what_it_cannot_delete_and_what_stays(organization: Organization) -> None:
    one, two, third, fourth = organization.accounts
    organization.client("organizations").close_account(AccountId=fourth)
    fault = Fault(FaultKind.RESOURCE_FAILURE, action="delete", logical_id="Vpc", message="In use.")
    organization.sandbox.faults.add(fault)
    failed = organization.ran("destroy", "--yes")
    assert f"x {fourth} {REGION} ({organization.root}): the account is SUSPENDED" in failed.stderr
    assert (failed.exit_code, "In use." in failed.stderr.partition("error:")[2]) == (1, True), failed.stderr
    assert organization.instances() == {(third, REGION): "INOPERABLE"}
    done = organization.ran("destroy", "--yes", "--repair", "--json")
    organization.sandbox.faults.clear()
    assert done.exit_code == 3, done.stderr
    assert done.document["removed"] == []
    why = {each["account"]: each["reason"] for each in done.document["stays"]}
    earlier = "an earlier operation took it out of the set, since its account left or was out of reach"
    assert why == {one: earlier, two: earlier, fourth: earlier, third: why[third]}
    assert "In use." in why[third]
    assert "Leave them in their accounts?" in done.stderr
    assert organization.client("cloudformation").list_stack_sets(Status="ACTIVE")["Summaries"] == []
