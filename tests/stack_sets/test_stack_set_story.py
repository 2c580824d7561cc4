"""The orchestrator in an organisation, from the refusal to the last account; read from top to bottom."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fargate_guard.sandbox import Fault, FaultKind
from tests.end_to_end.test_quickstart_story import permissions
from tests.stack_sets.conftest import ACCESS_KEY, CONFIG, SET

if TYPE_CHECKING:
    import subprocess

    from tests.fguard_process import Ran
    from tests.stack_sets.conftest import Organization

RENEWED = "the-agents-new-access-key"
REGIONS = ("us-east-1", "eu-west-1")
FAST = ("--max-concurrent", "100%", "--failure-tolerance", "100%", "--region-concurrency", "parallel")


def run(organization: Organization, command: str, *more: str, regions: str = "us-east-1,eu-west-1") -> Ran:
    units = ("--organizational-units", organization.unit, "--regions", regions)
    return organization.ran(command, *units, *more)


def places(organization: Organization, *accounts: int) -> set[tuple[str, str]]:
    return {(organization.accounts[number], region) for number in accounts for region in REGIONS}


def read_until(words: str, process: subprocess.Popen[str]) -> None:
    """Read what a running fguard tells, up to these words."""
    assert process.stderr is not None
    line = "begin"
    while line and words not in line:
        line = process.stderr.readline()
    assert line, f"never told: {words}"


def test_without_access_to_the_organisation_the_way_to_it_is_told(organization: Organization) -> None:
    refused = run(organization, "deploy", "--yes")
    assert refused.exit_code == 4
    assert "aws cloudformation activate-organizations-access" in refused.stderr
    organization.client("cloudformation").activate_organizations_access()


@pytest.mark.parametrize("command", [("deploy", "--yes"), ("plan",), ("destroy", "--yes")])
def test_a_stack_set_of_somebody_else_is_left_alone(organization: Organization, command: tuple[str, ...]) -> None:
    cloudformation = organization.client("cloudformation")
    body = '{"Resources": {"Logs": {"Type": "AWS::Logs::LogGroup"}}}'
    cloudformation.create_stack_set(
        StackSetName=SET,
        TemplateBody=body,
        PermissionModel="SERVICE_MANAGED",
        AutoDeployment={"Enabled": False},
        Tags=[{"Key": "owner", "Value": "team-b"}],
    )
    refused = organization.ran(*command) if command[0] == "destroy" else run(organization, *command)
    there = cloudformation.describe_stack_set(StackSetName=SET)["StackSet"]["TemplateBody"]
    cloudformation.delete_stack_set(StackSetName=SET)
    assert (refused.exit_code, "was not made for the deployment" in refused.stderr) == (4, True), refused.stderr
    assert there == body


def test_a_delegated_administrator_calls_as_one(organization: Organization) -> None:
    """The embedded AWS does not simulate them, and says so: so much is sent."""
    sent = run(organization, "plan", "--delegated-administrator")
    assert "delegated administrators of stack sets" in sent.stderr


def test_a_unit_that_is_none_and_a_number_that_is_none_are_refused(organization: Organization) -> None:
    wrong = organization.ran("plan", "--organizational-units", "ou-ab12-11111111", "--regions", "us-east-1")
    assert (wrong.exit_code, "no such organizational unit" in wrong.stderr) == (4, True), wrong.stderr
    wrong = run(organization, "plan", "--max-concurrent", "0")
    assert (wrong.exit_code, "1 or more, or a percentage" in wrong.stderr) == (64, True), wrong.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ("deploy", "--no-auto-deployment"),
        ("plan", "--remove-absent"),
        ("status", "--account-role", "reader"),
        ("status", "--stack-set", "--watch"),
        ("deploy", "--stack-set", "--renew-access-key", "--yes", "-c", "by-arn.yaml"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(organization: Organization, wrong: tuple[str, ...]) -> None:
    arn = "{secret_arn: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:key-AbCdEf'}"
    targets = (
        f"cloudformation: {{stack_set: {{accounts: ['{organization.accounts[0]}'], regions: [us-east-1]}}}}\n"
    )
    by_arn = CONFIG.replace("{env: SYSDIG_ACCESS_KEY}", arn) + targets
    (organization.fguard.folder / "by-arn.yaml").write_text(by_arn)
    refused = organization.fguard(*wrong)
    told = ("goes with --stack-set", "does not go with --stack-set", "there is no access key to send")
    assert (refused.exit_code, any(one in refused.stderr for one in told)) == (64, True), refused.stderr


def test_a_plan_names_every_account_and_region_and_makes_nothing(organization: Organization) -> None:
    planned = run(organization, "plan", "--json")
    assert planned.exit_code == 2, planned.stderr
    document = planned.document["plan"]
    assert {(one["account"], one["region"]) for one in document["places"]} == places(organization, 0, 1)
    assert {one["action"] for one in document["places"]} == {"create"}
    assert organization.client("cloudformation").list_stack_sets(Status="ACTIVE")["Summaries"] == []


def test_failures_come_first_with_their_reason_tolerated_or_not(organization: Organization) -> None:
    fault = Fault(FaultKind.RESOURCE_FAILURE, action="create", logical_id="Vpc", message="No room.", count=1)
    organization.sandbox.faults.add(fault)
    done = run(organization, "deploy", *FAST, "--yes")
    organization.sandbox.faults.clear()
    assert done.exit_code == 1, done.stdout + done.stderr
    assert "error: 1 of 4 stacks failed" in done.stderr
    assert "No room." in done.stderr.partition("error:")[2]
    assert "within the failure tolerance 100% per Region" in done.stderr
    assert ACCESS_KEY not in done.stdout + done.stderr
    assert sorted(organization.instances().values()) == ["CURRENT"] * 3 + ["OUTDATED"]


def test_a_second_run_takes_up_what_failed_and_nothing_else(organization: Organization) -> None:
    done = run(organization, "deploy", *FAST, "--yes", "--json")
    assert done.exit_code == 0, done.stderr
    assert [one["action"] for one in done.document["plan"]["places"]] == ["retry"]
    assert set(organization.instances().values()) == {"CURRENT"}
    assert set(organization.instances()) == places(organization, 0, 1)


def test_the_access_key_is_a_secret_of_each_account(organization: Organization) -> None:
    assert organization.access_key(organization.accounts[1], "eu-west-1") == ACCESS_KEY
    described = organization.client("cloudformation").describe_stack_set(StackSetName=SET)["StackSet"]
    assert ACCESS_KEY not in str(described)
    assert {"ParameterKey": "AccessKey", "ParameterValue": "****"} in described["Parameters"]


def test_without_a_difference_nothing_is_done(organization: Organization) -> None:
    before = organization.operations()
    again = run(organization, "deploy", *FAST, "--yes")
    assert (again.exit_code, "Nothing to change" in again.stdout) == (0, True), again.stderr
    assert "current in 2 accounts and 2 Regions (4 stacks)" in again.stdout
    assert organization.operations() == before


def test_an_interrupted_update_goes_on_and_a_second_run_follows_it(organization: Organization) -> None:
    """The template is too large for a request now."""
    config = organization.fguard.folder / "fguard.yaml"
    extra = f"orchestrator: {{extra_conf: 'x: {'y' * 45_000}'}}\n"
    config.write_text(f"{config.read_text()}logs: {{retention_days: 90}}\n{extra}")
    hang = Fault(FaultKind.RESOURCE_HANG, action="update", logical_id="OrchestratorLogGroup")
    organization.sandbox.faults.add(hang)
    units = ("--organizational-units", organization.unit, "--regions", ",".join(REGIONS))
    command = ("deploy", "--stack-set", *units, *FAST, "--yes")
    with organization.noting("deploy"), organization.fguard.start(*command) as first:
        read_until("us-east-1: in progress", first)
        first.send_signal(signal.SIGINT)
        _, told = first.communicate(timeout=60)
    assert first.returncode == 130
    assert "CloudFormation goes on in all accounts and Regions" in told
    described = organization.client("cloudformation").describe_stack_set(StackSetName=SET)["StackSet"]
    assert len(described["TemplateBody"]) > 51_200
    assert organization.client("s3").list_buckets()["Buckets"] == []
    watching = organization.clear_faults_once("cloudformation:ListStackSetOperationResults")
    second = organization.fguard(*command)
    watching.join()
    assert (second.exit_code, "Nothing to change" in second.stdout) == (0, True), second.stderr
    assert "Follow the UPDATE that is under way" in second.stderr
    assert [one for one, _ in organization.operations()].count("UPDATE") == 1


def test_status_gathers_all_of_them(organization: Organization) -> None:
    seen = organization.ran("status", "--json")
    assert seen.exit_code == 0, seen.stderr
    document = seen.document["stack_set"]
    assert {(one["account"], one["region"]) for one in document["instances"]} == places(organization, 0, 1)
    assert {(one["status"], one["drift"]) for one in document["instances"]} == {("CURRENT", "NOT_CHECKED")}
    assert (document["last_operation"]["action"], document["auto_deployment"]) == ("UPDATE", True)


def test_what_is_not_asked_for_any_more_is_told_and_removed_on_request(organization: Organization) -> None:
    told = run(organization, "plan", regions="us-east-1")
    assert told.exit_code == 0
    assert told.stdout.count("it stays (--remove-absent removes it)") == 2
    done = run(organization, "deploy", *FAST, "--remove-absent", "--yes", regions="us-east-1")
    assert done.exit_code == 0, done.stderr
    assert {region for _, region in organization.instances()} == {"us-east-1"}


def test_a_renewed_access_key_is_sent_and_a_run_that_is_to_cancel_ends_what_it_began(
    organization: Organization,
) -> None:
    environ = {**organization.fguard.environ, "SYSDIG_ACCESS_KEY": RENEWED}
    organization.fguard = replace(organization.fguard, environ=environ)
    hang = Fault(FaultKind.RESOURCE_HANG, action="update", logical_id="AccessKeySecret")
    organization.sandbox.faults.add(hang)
    one_by_one = ("--organizational-units", organization.unit, "--regions", "us-east-1", "--max-concurrent", "1")
    flags = ("--renew-access-key", "--on-interrupt", "cancel", "--yes")
    command = ("deploy", "--stack-set", *one_by_one, *flags)
    with organization.noting("deploy"), organization.fguard.start(*command) as process:
        read_until("us-east-1: in progress", process)
        process.send_signal(signal.SIGINT)
        read_until("stopping: what has begun is finished", process)
        organization.sandbox.faults.clear()
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped, as asked; the operation is STOPPED" in told
    assert sorted(organization.instances().values()) == ["CURRENT", "OUTDATED"]


def test_the_next_run_takes_up_what_was_cancelled(organization: Organization) -> None:
    def revision(account: str) -> str:
        return organization.orchestrator_revision(account, "us-east-1")

    accounts = organization.accounts[:2]
    keys = {organization.access_key(account, "us-east-1") for account in accounts}
    assert keys == {ACCESS_KEY, RENEWED}
    before = {revision(one) for one in accounts}
    assert len(before) == 2  # what runs does not see that its secret changes: it is replaced
    done = run(organization, "deploy", "--yes", "--json", regions="us-east-1")
    assert done.exit_code == 0, done.stderr
    assert [one["action"] for one in done.document["plan"]["places"]] == ["retry"]
    keys = {organization.access_key(account, "us-east-1") for account in organization.accounts[:2]}
    assert keys == {RENEWED}
    assert [revision(one) for one in accounts] == [max(before), max(before)]
    assert RENEWED not in done.stdout + done.stderr


def test_accounts_choose_among_units_or_in_the_whole_organisation(organization: Organization) -> None:
    one, two, third = organization.accounts
    refused = run(organization, "plan", "--accounts", f"{one},{third}", regions="us-east-1")
    assert (refused.exit_code, f"not in the organizational units: {third}" in refused.stderr) == (4, True)
    planned = run(organization, "plan", "--accounts", one, "--json")
    found = {(each["account"], each["region"]): each["action"] for each in planned.document["plan"]["places"]}
    assert found == {(one, "eu-west-1"): "create", (one, "us-east-1"): "update", (two, "us-east-1"): "update"}
    assert planned.document["plan"]["settings"] == ["auto-deployment off"]
    told = run(organization, "plan", "--accounts", one, "--auto-deployment")
    assert (
        "on: accounts that join the organizational units get it, too, whichever accounts are named" in told.stdout
    )
    assert "~ the stack set" not in told.stdout
    assert "it stays (--remove-absent removes it)" in told.stdout
    done = organization.ran("deploy", "--accounts", third, "--regions", "us-east-1", "--yes")
    assert done.exit_code == 0, done.stderr
    assert set(organization.instances()) == {(account, "us-east-1") for account in organization.accounts}
    described = organization.client("cloudformation").describe_stack_set(StackSetName=SET)["StackSet"]
    assert described["AutoDeployment"] == {"Enabled": False}  # the others of the root do not follow
    assert "Auto-deployment is off (accounts are named)" in done.stderr


def test_destroy_removes_every_stack_and_the_set(organization: Organization) -> None:
    done = organization.ran("destroy", "--yes")
    assert done.exit_code == 0, done.stderr
    assert "Removed the stack set of training, and 3 stacks." in done.stdout
    cloudformation = organization.client("cloudformation")
    assert cloudformation.list_stack_sets(Status="ACTIVE")["Summaries"] == []
    inside = organization.inside(organization.accounts[0], "ec2")
    assert [vpc for vpc in inside.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []


@pytest.mark.parametrize("command", ["plan", "deploy", "status", "destroy"])
def test_the_permissions_are_those_that_are_listed(organization: Organization, command: str) -> None:
    called = {call for call in organization.calls[command] if not call.endswith(":")}
    assert called == permissions(f"{command} --stack-set")
