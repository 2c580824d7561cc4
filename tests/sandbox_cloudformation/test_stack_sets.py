"""Stack sets over an organisation's accounts and Regions."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from fargate_guard.sandbox import Sandbox
from tests.sandbox.sandbox_account import ManualClock
from tests.sandbox_cloudformation.resource_stack import Aws

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = Any
REGIONS = ["us-east-1", "eu-west-1"]
AUTOMATIC = {"Enabled": True, "RetainStacksOnAccountRemoval": False}
NUMBERS = itertools.count(1)


def template(group: str) -> str:
    properties = {"LogGroupName": group, "RetentionInDays": {"Ref": "Days"}}
    document = {
        "Parameters": {"Days": {"Type": "Number", "Default": 7}},
        "Resources": {"Logs": {"Type": "AWS::Logs::LogGroup", "Properties": properties}},
    }
    return json.dumps(document)


class Organization:
    """An organisation with a unit of two accounts, and a third account beside them."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.cf, self.organizations = aws.cloudformation, aws.organizations
        self.organizations.create_organization(FeatureSet="ALL")
        self.root = self.organizations.list_roots()["Roots"][0]["Id"]
        unit = self.organizations.create_organizational_unit(ParentId=self.root, Name="prod")
        self.unit = unit["OrganizationalUnit"]["Id"]
        self.accounts = [self._account(name) for name in ("one", "two", "three")]
        for account in self.accounts[:2]:
            self.move(account, self.root, self.unit)
        self.rename()

    def rename(self) -> None:
        """Let the next test have a stack set and log groups of its own."""
        self.name = f"fguard-{next(NUMBERS)}"
        self.group = f"/{self.name}/"

    def tidy(self) -> None:
        """Delete the test's stacks, and move the accounts back."""
        with contextlib.suppress(ClientError):
            self.cf.update_stack_set(
                StackSetName=self.name, UsePreviousTemplate=True, AutoDeployment={"Enabled": False}
            )
        for account, wanted in zip(self.accounts, (self.unit, self.unit, self.root), strict=True):
            parent = self.organizations.list_parents(ChildId=account)["Parents"][0]["Id"]
            if parent != wanted:
                self.move(account, parent, wanted)
        self.rename()

    def _account(self, name: str) -> str:
        status = self.organizations.create_account(AccountName=name, Email=f"{name}@example.com")
        return str(status["CreateAccountStatus"]["AccountId"])

    def move(self, account: str, source: str, destination: str) -> None:
        self.organizations.move_account(AccountId=account, SourceParentId=source, DestinationParentId=destination)

    @functools.cache  # noqa: B019 - as long as the module
    def inside(self, account: str, service: str, region: str = "us-east-1") -> Any:
        """A client of another account, as its administrator gets one."""
        role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
        given = self.aws.sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        return boto3.client(
            service,
            endpoint_url=self.aws.sandbox.endpoint,
            region_name=region,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )

    def retention(self, account: str, region: str) -> int | None:
        groups = self.inside(account, "logs", region).describe_log_groups(logGroupNamePrefix=self.group)[
            "logGroups"
        ]
        return int(groups[0]["retentionInDays"]) if groups else None

    def create_set(self, **options: Any) -> None:
        request = {
            "StackSetName": self.name,
            "TemplateBody": template(self.group),
            "PermissionModel": "SERVICE_MANAGED",
            "AutoDeployment": AUTOMATIC,
        }
        self.cf.create_stack_set(**{**request, **options})

    def start(self, call: str, **options: Any) -> str:
        targets = {"DeploymentTargets": {"OrganizationalUnitIds": [self.unit]}, "Regions": REGIONS}
        return str(getattr(self.cf, call)(**{"StackSetName": self.name, **targets, **options})["OperationId"])

    def finish(self, operation: str) -> Json:
        for _ in range(200):
            found = self.cf.describe_stack_set_operation(StackSetName=self.name, OperationId=operation)
            if found["StackSetOperation"]["Status"] not in ("QUEUED", "RUNNING", "STOPPING"):
                return found["StackSetOperation"]
            self.aws.clock.advance(0.5)
        message = "the operation does not end"
        raise AssertionError(message)

    def results(self, operation: str) -> dict[tuple[str, str], Json]:
        listed = self.cf.list_stack_set_operation_results(StackSetName=self.name, OperationId=operation)[
            "Summaries"
        ]
        return {(each["Account"], each["Region"]): each for each in listed}

    def instances(self) -> dict[tuple[str, str], Json]:
        listed = self.cf.list_stack_instances(StackSetName=self.name)["Summaries"]
        return {(each["Account"], each["Region"]): each for each in listed}


@pytest.fixture(scope="module")
def organization() -> Iterator[Organization]:
    clock = ManualClock(time.time())
    with Sandbox.start(clock=clock, sleep=clock.advance) as sandbox:
        yield Organization(Aws(sandbox, clock))


@pytest.fixture
def trusted(organization: Organization) -> Iterator[Organization]:
    """Stack sets may look into the organisation."""
    organization.cf.activate_organizations_access()
    yield organization
    organization.tidy()


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_without_access_to_the_organisation_there_is_no_stack_set(organization: Organization) -> None:
    assert organization.cf.describe_organizations_access()["Status"] == "DISABLED"
    with pytest.raises(ClientError, match="You must enable organizations access") as error:
        organization.create_set()
    assert code(error) == "ValidationError"


def test_a_stack_set_follows_its_organisation_from_the_first_account_to_the_last(trusted: Organization) -> None:
    one, two, three = trusted.accounts
    trusted.create_set()
    creation = trusted.start("create_stack_instances", OperationPreferences={"MaxConcurrentPercentage": 100})
    with pytest.raises(ClientError, match="Another Operation on StackSet") as busy:
        trusted.start("update_stack_set", UsePreviousTemplate=True)
    assert code(busy) == "OperationInProgressException"
    assert trusted.finish(creation)["Status"] == "SUCCEEDED"
    assert {key: each["Status"] for key, each in trusted.instances().items()} == {
        (account, region): "CURRENT" for account in (one, two) for region in REGIONS
    }
    assert trusted.retention(one, "eu-west-1") == 7
    assert trusted.aws.logs.describe_log_groups()["logGroups"] == []  # not in the management account

    trusted.move(three, trusted.root, trusted.unit)  # a new account joins and is deployed to
    joined = trusted.cf.list_stack_set_operations(StackSetName=trusted.name)["Summaries"][0]
    assert trusted.finish(joined["OperationId"])["Action"] == "CREATE"
    assert trusted.retention(three, "us-east-1") == 7

    days = [{"ParameterKey": "Days", "ParameterValue": "30"}]
    update = trusted.cf.update_stack_set(StackSetName=trusted.name, UsePreviousTemplate=True, Parameters=days)
    assert trusted.finish(update["OperationId"])["Status"] == "SUCCEEDED"
    assert {trusted.retention(account, "us-east-1") for account in trusted.accounts} == {30}

    with pytest.raises(ClientError, match="StackSet is not empty") as full:
        trusted.cf.delete_stack_set(StackSetName=trusted.name)
    assert code(full) == "StackSetNotEmptyException"
    deletion = trusted.start("delete_stack_instances", RetainStacks=False)
    assert trusted.finish(deletion)["Status"] == "SUCCEEDED"
    assert trusted.instances() == {}
    assert trusted.retention(one, "us-east-1") is None
    trusted.cf.delete_stack_set(StackSetName=trusted.name)
    assert trusted.cf.list_stack_sets(Status="ACTIVE")["Summaries"] == []


def test_more_failures_than_tolerated_cancel_the_rest_and_say_why(trusted: Organization) -> None:
    one, two, _ = trusted.accounts
    trusted.inside(one, "logs", "eu-west-1").create_log_group(logGroupName=trusted.group)  # in the stack's way
    trusted.create_set()
    preferences = {"RegionOrder": ["eu-west-1", "us-east-1"], "MaxConcurrentCount": 1}
    operation = trusted.start("create_stack_instances", OperationPreferences=preferences)
    assert trusted.finish(operation)["Status"] == "FAILED"
    results = trusted.results(operation)
    assert results[one, "eu-west-1"]["Status"] == "FAILED"
    assert "ResourceLogicalId:Logs, ResourceType:AWS::Logs::LogGroup" in results[one, "eu-west-1"]["StatusReason"]
    cancelled = results[two, "us-east-1"]
    assert cancelled["Status"] == "CANCELLED"
    assert cancelled["StatusReason"] == "Cancelled since failure tolerance has exceeded"
    assert trusted.instances()[one, "eu-west-1"]["Status"] == "OUTDATED"

    trusted.inside(one, "logs", "eu-west-1").delete_log_group(
        logGroupName=trusted.group
    )  # the next attempt starts afresh
    again = trusted.start("create_stack_instances", OperationPreferences=preferences)
    assert trusted.finish(again)["Status"] == "SUCCEEDED"
    assert trusted.retention(one, "eu-west-1") == 7


def test_tolerated_failures_do_not_stop_the_others(trusted: Organization) -> None:
    one, two, _ = trusted.accounts
    trusted.inside(one, "logs").create_log_group(logGroupName=trusted.group)
    trusted.create_set()
    preferences = {"FailureTolerancePercentage": 50, "RegionConcurrencyType": "PARALLEL", "MaxConcurrentCount": 2}
    operation = trusted.start("create_stack_instances", OperationPreferences=preferences)
    finished = trusted.finish(operation)
    assert (finished["Status"], finished["StatusDetails"]["FailedStackInstancesCount"]) == ("SUCCEEDED", 1)
    assert trusted.retention(two, "us-east-1") == 7


def test_an_operation_can_be_stopped(trusted: Organization) -> None:
    trusted.create_set()
    operation = trusted.start("create_stack_instances")
    trusted.cf.describe_stack_set(StackSetName=trusted.name)
    trusted.cf.stop_stack_set_operation(StackSetName=trusted.name, OperationId=operation)
    assert trusted.finish(operation)["Status"] == "STOPPED"
    statuses = [each["Status"] for each in trusted.results(operation).values()]
    assert statuses.count("CANCELLED") >= 2


def test_an_account_that_leaves_loses_its_stacks(trusted: Organization) -> None:
    one, two, _ = trusted.accounts
    trusted.create_set()
    trusted.finish(trusted.start("create_stack_instances"))
    trusted.move(two, trusted.unit, trusted.root)
    deletion = trusted.cf.list_stack_set_operations(StackSetName=trusted.name)["Summaries"][0]
    assert (deletion["Action"], trusted.finish(deletion["OperationId"])["Status"]) == ("DELETE", "SUCCEEDED")
    assert {account for account, _ in trusted.instances()} == {one}


def test_accounts_that_join_get_it_whichever_accounts_were_named(trusted: Organization) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-manage-auto-deployment.html."""
    one, two, three = trusted.accounts
    trusted.create_set()
    targets = {"OrganizationalUnitIds": [trusted.unit], "Accounts": [one]}
    with pytest.raises(ClientError, match="AccountFilterType should be specified"):
        trusted.start("create_stack_instances", DeploymentTargets=targets)
    chosen = {**targets, "AccountFilterType": "INTERSECTION"}
    trusted.finish(trusted.start("create_stack_instances", DeploymentTargets=chosen, Regions=["us-east-1"]))
    assert set(trusted.instances()) == {(one, "us-east-1")}  # who was there, and not named, does not get it
    trusted.move(three, trusted.root, trusted.unit)
    joined = trusted.cf.list_stack_set_operations(StackSetName=trusted.name)["Summaries"][0]
    assert trusted.finish(joined["OperationId"])["Action"] == "CREATE"
    assert set(trusted.instances()) == {(one, "us-east-1"), (three, "us-east-1")}
    assert two not in {account for account, _ in trusted.instances()}


def test_drift_of_a_stack_set_is_that_of_its_stacks(trusted: Organization) -> None:
    one, two, _ = trusted.accounts
    trusted.create_set()
    trusted.finish(trusted.start("create_stack_instances", Regions=["us-east-1"]))
    trusted.inside(one, "logs").put_retention_policy(logGroupName=trusted.group, retentionInDays=1)
    operation = trusted.cf.detect_stack_set_drift(StackSetName=trusted.name)["OperationId"]
    assert trusted.finish(operation)["Action"] == "DETECT_DRIFT"
    found = trusted.instances()
    assert found[one, "us-east-1"]["DriftStatus"] == "DRIFTED"
    assert found[two, "us-east-1"]["DriftStatus"] == "IN_SYNC"
    assert {each["Status"] for each in found.values()} == {"CURRENT"}
    assert found[two, "us-east-1"]["LastDriftCheckTimestamp"]


def test_a_parameter_without_a_value_keeps_none(trusted: Organization) -> None:
    trusted.create_set()
    keeping = [{"ParameterKey": "Days", "UsePreviousValue": True}]
    request = {"StackSetName": trusted.name, "UsePreviousTemplate": True, "Parameters": keeping}
    with pytest.raises(ClientError, match="for a parameter key not in the previous template"):
        trusted.cf.update_stack_set(**request)
    both = {"AutoDeployment": AUTOMATIC, "Regions": ["us-east-1"], "UsePreviousTemplate": True}
    with pytest.raises(ClientError, match="AutoDeployment cannot be specified together"):
        trusted.cf.update_stack_set(StackSetName=trusted.name, **both)


def test_self_managed_stack_sets_need_their_role_in_the_account(trusted: Organization) -> None:
    one = trusted.accounts[0]
    trusted.cf.create_stack_set(StackSetName=trusted.name, TemplateBody=template(trusted.group))
    request = {"StackSetName": trusted.name, "Accounts": [one], "Regions": ["us-east-1"]}
    operation = trusted.cf.create_stack_instances(**request)["OperationId"]
    assert trusted.finish(operation)["Status"] == "FAILED"
    reason = trusted.results(operation)[one, "us-east-1"]["StatusReason"]
    assert "should have 'AWSCloudFormationStackSetExecutionRole' role" in reason


def test_suspended_accounts_are_skipped_and_their_stacks_can_only_be_forgotten(trusted: Organization) -> None:
    """https://repost.aws/knowledge-center/cloudformation-removal-stacksets; the last test: one is closed."""
    one, two, _ = trusted.accounts
    trusted.create_set()
    trusted.finish(trusted.start("create_stack_instances", Regions=["us-east-1"]))
    trusted.organizations.close_account(AccountId=one)
    deletion = trusted.start("delete_stack_instances", Regions=["us-east-1"], RetainStacks=False)
    assert trusted.finish(deletion)["Status"] == "SUCCEEDED"
    assert {account for account, _ in trusted.results(deletion)} == {two}
    left = trusted.instances()[one, "us-east-1"]
    assert left["StackInstanceStatus"]["DetailedStatus"] == "SKIPPED_SUSPENDED_ACCOUNT"
    forgotten = trusted.start("delete_stack_instances", Regions=["us-east-1"], RetainStacks=True)
    assert trusted.finish(forgotten)["RetainStacks"] is True
    assert trusted.instances() == {}
    assert trusted.retention(one, "us-east-1") == 7
