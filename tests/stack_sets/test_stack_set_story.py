"""The orchestrator in an organisation, from the refusal to the last account; read from top to bottom."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from fargate_guard.sandbox import Fault, FaultKind
from tests.stack_sets.conftest import ACCESS_KEY, SET

if TYPE_CHECKING:
    import subprocess

    from tests.fguard_process import Ran
    from tests.stack_sets.conftest import Organization

REGIONS = ("us-east-1", "eu-west-1")
FAST = ("--max-concurrent", "100%", "--failure-tolerance", "100%", "--region-concurrency", "parallel")


def run(organization: Organization, command: str, *more: str, regions: str = "us-east-1,eu-west-1") -> Ran:
    units = ("--organizational-units", organization.unit, "--regions", regions)
    return organization.fguard(command, "--stack-set", *units, *more)


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


def test_a_delegated_administrator_calls_as_one(organization: Organization) -> None:
    """The embedded AWS does not simulate them, and says so: so much is sent."""
    sent = run(organization, "plan", "--delegated-administrator")
    assert "delegated administrators of stack sets" in sent.stderr


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
    account = organization.accounts[1]
    secrets = organization.inside(account, "secretsmanager", "eu-west-1")
    (secret,) = secrets.list_secrets()["SecretList"]
    assert secrets.get_secret_value(SecretId=secret["ARN"])["SecretString"] == ACCESS_KEY
    template = organization.client("cloudformation").describe_stack_set(StackSetName=SET)["StackSet"]
    assert ACCESS_KEY not in template["TemplateBody"]


def test_without_a_difference_nothing_is_done(organization: Organization) -> None:
    before = organization.operations()
    again = run(organization, "deploy", *FAST, "--yes")
    assert (again.exit_code, "Nothing to change" in again.stdout) == (0, True), again.stderr
    assert "current in 2 accounts and 2 Regions (4 stacks)" in again.stdout
    assert organization.operations() == before


def test_an_interrupted_update_goes_on_and_a_second_run_follows_it(organization: Organization) -> None:
    config = organization.fguard.folder / "fguard.yaml"
    config.write_text(config.read_text() + "logs: {retention_days: 90}\n")
    hang = Fault(FaultKind.RESOURCE_HANG, action="update", logical_id="OrchestratorLogGroup")
    organization.sandbox.faults.add(hang)
    arguments = ("--organizational-units", organization.unit, "--regions", ",".join(REGIONS), *FAST, "--yes")
    with organization.fguard.start("deploy", "--stack-set", *arguments) as first:
        read_until("us-east-1: in progress", first)
        first.send_signal(signal.SIGINT)
        _, told = first.communicate(timeout=60)
    assert first.returncode == 130
    assert "CloudFormation goes on in all accounts and Regions" in told
    with organization.fguard.start("deploy", "--stack-set", *arguments) as second:
        read_until("Follow the UPDATE that is under way", second)
        organization.sandbox.faults.clear()
        said, told = second.communicate(timeout=60)
    assert (second.returncode, "Nothing to change" in said) == (0, True), told
    assert [one for one, _ in organization.operations()].count("UPDATE") == 2  # the retry, and this one


def test_status_gathers_all_of_them(organization: Organization) -> None:
    seen = organization.fguard("status", "--stack-set", "--json")
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


def test_destroy_removes_every_stack_and_the_set(organization: Organization) -> None:
    done = organization.fguard("destroy", "--stack-set", "--yes")
    assert done.exit_code == 0, done.stderr
    assert "Removed the stack set of training, and 2 stacks." in done.stdout
    cloudformation = organization.client("cloudformation")
    assert cloudformation.list_stack_sets(Status="ACTIVE")["Summaries"] == []
    inside = organization.inside(organization.accounts[0], "ec2")
    assert [vpc for vpc in inside.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []
