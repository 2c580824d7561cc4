"""Every state in which the macro's stack is stuck: produced in the embedded AWS, and left by the command line.

And what `destroy` takes for a user of the macro.
"""

from __future__ import annotations

import shutil
import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from fargate_guard.sandbox import Fault, FaultKind, Sandbox
from fargate_guard.workflows.macro_stack import MacroStack
from fargate_guard.workflows.macro_users import uses
from tests.fguard_inside import FguardInside
from tests.macro.calling import EXAMPLE
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fguard_process import Ran


@dataclass(frozen=True)
class Installation:
    """One macro of the account, and ``fguard macro`` for it."""

    name: str
    sandbox: Sandbox
    fguard: FguardInside

    def __call__(self, command: str, *options: str) -> Ran:
        return self.fguard(*self.line(command, *options))

    def line(self, command: str, *options: str) -> tuple[str, ...]:
        return ("macro", command, "--name", self.name, *options)

    def client(self, service: str) -> Any:
        environ = self.fguard.environ
        keys = (environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"])
        return boto3.client(
            service,
            endpoint_url=self.sandbox.endpoint,
            region_name="us-east-1",
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
        )

    @property
    def stack(self) -> str:
        return MacroStack(self.name).stack_name

    @property
    def status(self) -> str | None:
        """Of the stack; None where there is none."""
        found = self.client("cloudformation").describe_stacks()["Stacks"]
        return next((one["StackStatus"] for one in found if one["StackName"] == self.stack), None)

    @property
    def packages(self) -> list[str]:
        """What is in the bucket for this macro; no bucket is none."""
        s3 = self.client("s3")
        return [
            one["Key"]
            for bucket in s3.list_buckets()["Buckets"]
            for one in s3.list_object_versions(Bucket=bucket["Name"], Prefix=f"{self.stack}/").get("Versions", [])
        ]

    @property
    def is_gone(self) -> bool:
        """Whether neither stack nor package is left."""
        return self.status is None and not self.packages

    def fail(self, action: str, logical_id: str, count: int | None = None) -> None:
        fault = Fault(
            FaultKind.RESOURCE_FAILURE, action=action, logical_id=logical_id, message="Refused.", count=count
        )
        self.sandbox.faults.add(fault)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(speed=40) as running:
        yield running


@pytest.fixture
def macro(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Installation]:
    """A macro of the test's own name, that is not installed yet."""
    folder = tmp_path_factory.mktemp("stuck")
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    name = "".join(filter(str.isalnum, request.node.name.removeprefix("test_").title()))[:40]
    yield Installation(name, sandbox, FguardInside(folder, sandbox.environment()))
    sandbox.faults.clear()


def test_rollback_complete(macro: Installation) -> None:
    secrets = ("--extra-conf", "http_proxy: {http_proxy_password: hush}", "--workload-env", "TOKEN=hush")
    options = ("--strict", "--memory", "2048", *secrets)
    macro.fail("create", "Macro", count=1)
    failed = macro("deploy", *options, "--yes")
    assert failed.exit_code == 5
    withheld = "--extra-conf <value> --workload-env TOKEN=<value>"
    again = f"fguard macro deploy --strict --memory 2048 {withheld} --name {macro.name} --repair"
    assert again in failed.stderr, "the whole command line: without --strict another macro would be installed"
    assert macro.status == "ROLLBACK_COMPLETE"
    refused = macro("deploy", *options, "--yes")
    assert refused.exit_code == 4
    assert "is stuck: ROLLBACK_COMPLETE" in refused.stderr
    assert "first cause: Macro (AWS::CloudFormation::Macro) CREATE_FAILED: Refused." in refused.stderr
    assert again in refused.stderr
    assert "hush" not in failed.stderr + refused.stderr
    assert macro("deploy", *options, "--yes", "--repair").exit_code == 0
    assert macro.status == "CREATE_COMPLETE"
    assert macro("status", "--strict", *secrets).exit_code == 0


def test_rollback_complete_is_destroyed_without_a_repair(macro: Installation) -> None:
    macro.fail("create", "Macro", count=1)
    assert macro("deploy", "--yes").exit_code == 5
    assert macro("destroy", "--yes").exit_code == 0
    assert macro.is_gone


def test_update_rollback_failed(macro: Installation) -> None:
    assert macro("deploy", "--yes").exit_code == 0
    installed = macro.packages
    macro.fail("update", "Function")
    failed = macro("deploy", "--image-lookup", "--yes")
    assert failed.exit_code == 1
    assert macro.status == "UPDATE_ROLLBACK_FAILED"
    refused = macro("deploy", "--image-lookup", "--yes")
    assert refused.exit_code == 4
    assert f"fguard macro deploy --image-lookup --name {macro.name} --repair" in refused.stderr
    assert set(installed) < set(macro.packages), "the rollback still needs the former package"
    macro.sandbox.faults.clear()
    repaired = macro("deploy", "--image-lookup", "--yes", "--repair")
    assert repaired.exit_code == 0, repaired.stderr
    assert macro.status == "UPDATE_COMPLETE"
    assert macro("status", "--image-lookup").exit_code == 0


def test_delete_failed(macro: Installation) -> None:
    assert macro("deploy", "--yes").exit_code == 0
    macro.fail("delete", "LogGroup")
    failed = macro("destroy", "--yes")
    assert failed.exit_code == 1
    assert f"fguard macro destroy --name {macro.name} --repair" in failed.stderr
    assert macro.status == "DELETE_FAILED"
    refused = macro("deploy", "--yes")
    assert refused.exit_code == 4
    assert f"fguard macro deploy --name {macro.name} --repair" in refused.stderr
    told = macro("status", "--strict").stdout
    assert "its deletion failed" in told
    assert f"go on with its removal: fguard macro destroy --name {macro.name} --repair" in told
    assert f"or install it again: fguard macro deploy --strict --name {macro.name} --repair" in told
    repaired = macro("destroy", "--yes", "--repair")
    assert repaired.exit_code == 0, repaired.stderr
    assert f"LogGroup (AWS::Logs::LogGroup) /aws/lambda/{macro.stack}" in repaired.stderr
    assert macro.is_gone


def test_delete_failed_and_the_repair_is_not_confirmed(macro: Installation) -> None:
    assert macro("deploy", "--yes").exit_code == 0
    macro.fail("delete", "Macro", count=1)
    assert macro("destroy", "--yes").exit_code == 1
    unasked = macro("deploy", "--repair")
    assert unasked.exit_code == 64
    assert "--yes" in unasked.stderr
    assert macro.status == "DELETE_FAILED"
    assert macro("deploy", "--repair", "--yes").exit_code == 0
    assert macro.status == "CREATE_COMPLETE"


def test_review_in_progress(macro: Installation) -> None:
    def reviewed() -> None:
        macro.client("cloudformation").create_change_set(
            StackName=macro.stack,
            ChangeSetName="left-by-a-killed-run",
            ChangeSetType="CREATE",
            TemplateBody='{"Resources": {"Log": {"Type": "AWS::Logs::LogGroup"}}}',
            Tags=[{"Key": key, "Value": value} for key, value in MacroStack(macro.name).owner.tags.items()],
        )
        wait_until(lambda: macro.status == "REVIEW_IN_PROGRESS", "the stack is under review")

    reviewed()
    assert macro("destroy", "--yes").exit_code == 0
    assert macro.status is None
    reviewed()
    used = macro("deploy", "--yes")
    assert used.exit_code == 0
    assert used.stderr.count("is under review") == 1
    assert macro.status == "CREATE_COMPLETE"


def test_a_declined_installation_leaves_nothing(macro: Installation) -> None:
    refused = macro("deploy")
    assert refused.exit_code == 64
    assert macro.is_gone


@pytest.mark.parametrize("wish", ["leave", "cancel"])
def test_on_interrupt(macro: Installation, wish: str) -> None:
    macro.sandbox.faults.add(Fault(FaultKind.RESOURCE_HANG, action="create", logical_id="Macro"))
    with macro.fguard.start(*macro.line("deploy", "--yes", "--on-interrupt", wish)) as process:
        wait_until(lambda: macro.status == "CREATE_IN_PROGRESS", "the stack is being created")
        wait_until(lambda: "Macro" in begun(macro), "the macro is being created")
        process.send_signal(signal.SIGINT)
        if wish == "cancel":
            wait_until(lambda: macro.status != "CREATE_IN_PROGRESS", "the creation is taken back")
        else:
            wait_until(lambda: process.poll() is not None, "fguard has stopped")
        macro.sandbox.faults.clear()
        _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert f"fguard macro deploy --name {macro.name}" in stderr
    if wish == "cancel":
        assert macro.status is None
        return
    assert macro("deploy", "--yes").exit_code == 0
    assert macro.status == "CREATE_COMPLETE", "as the first run began it"


def begun(macro: Installation) -> set[str]:
    """Logical IDs on which work has begun."""
    found = macro.client("cloudformation").list_stack_resources(StackName=macro.stack)["StackResourceSummaries"]
    return {one["LogicalResourceId"] for one in found}


def test_another_word_for_on_interrupt_is_refused(macro: Installation) -> None:
    for command in ("deploy", "destroy"):
        assert macro(command, "--yes", "--on-interrupt", "explode").exit_code == 64


TASK = """
Resources:
  Web:
    Type: AWS::ECS::TaskDefinition
    Properties:
      RequiresCompatibilities: [FARGATE]
      NetworkMode: awsvpc
      Cpu: "256"
      Memory: "512"
      ExecutionRoleArn: arn:aws:iam::123456789012:role/execution
      ContainerDefinitions: [{Name: web, Image: "nginx:1", EntryPoint: [/run], Command: []}]
"""
ONLY_NAMED = """
Description: Once Transform FargateGuard was here
Resources:
  Log:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: FargateGuard} # Transform: FargateGuard
"""


def test_destroy_is_refused_for_stacks_that_use_the_macro_and_for_no_others(macro: Installation) -> None:
    macro, other = replace(macro, name="FargateGuard"), macro
    assert macro("deploy", "--yes").exit_code == 0
    assert other("deploy", "--yes").exit_code == 0, "its template has FargateGuard for a default"
    macro.fail("create", "Web", count=1)
    used = f"Transform: FargateGuard{TASK}"
    for name, body, status in (
        ("never-made", used, "ROLLBACK_COMPLETE"),
        ("named", ONLY_NAMED, "CREATE_COMPLETE"),
        ("user", used, "CREATE_COMPLETE"),
    ):
        create(macro, name, body, status)
    refused = macro("destroy", "--yes")
    assert refused.exit_code == 4
    assert "1 stack uses the macro FargateGuard: user" in refused.stderr
    assert "fguard macro destroy --name FargateGuard --even-if-used" in refused.stderr
    macro.client("cloudformation").delete_stack(StackName="user")
    wait_until(lambda: "user" not in stacks(macro), "the user is gone")
    assert macro("destroy", "--yes").exit_code == 0
    assert macro.status is None
    assert other.status == "CREATE_COMPLETE"


def create(macro: Installation, name: str, body: str, status: str) -> None:
    """Create a stack as a pipeline does, and wait for its end."""
    macro.client("cloudformation").create_stack(
        StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_AUTO_EXPAND"]
    )
    wait_until(lambda: stacks(macro).get(name) == status, f"the stack {name} is {status}")


def stacks(macro: Installation) -> dict[str, str]:
    """Status by name."""
    found = macro.client("cloudformation").describe_stacks()["Stacks"]
    return {one["StackName"]: one["StackStatus"] for one in found}


@pytest.mark.parametrize(
    ("body", "used"),
    [
        ("Transform: Guard\nResources: {}", True),
        ("Transform: [AWS::Serverless-2016-10-31, Guard]\nResources: {}", True),
        ("Transform: {Name: Guard, Parameters: {Strict: true}}\nResources: {}", True),
        ("Transform: 123456789012::Guard\nResources: {}", True),
        ("Resources:\n  Web: {Type: X, Properties: !Transform {Name: Guard}}", True),
        ("Resources:\n  Web: {Type: X, Properties: {Fn::Transform: [{Name: Guard}]}}", True),
        ("Transform: {Name: !Sub Guard}\nResources: {}", True),
        ("Transform: Guard\n  no: yaml", True),
        ({"Transform": ["Guard"], "Resources": {}}, True),
        ({"Resources": {"Web": {"Properties": {"Fn::Transform": {"Name": "Guard"}}}}}, True),
        ("Transform: GuardOfMine\nResources: {}", False),
        ("Transform: AWS::Guard\nResources: {}", False),
        ("Transform: My-Guard\nResources: {}", False),
        ("# Transform: Guard\nResources: {}", False),
        ({"Parameters": {"Transform": {"Default": "Guard"}}, "Resources": {}}, False),
        (
            {"Resources": {"Web": {"Properties": {"Fn::Transform": {"Name": "X", "Parameters": {"Y": "Guard"}}}}}},
            False,
        ),
        (None, False),
    ],
)
def test_what_uses_a_macro(body: Any, *, used: bool) -> None:
    assert uses(body, "Guard") is used
