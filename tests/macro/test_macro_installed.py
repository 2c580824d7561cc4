"""The macro in the embedded AWS: installed, used by stacks, updated, looked at, removed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from fargate_guard.sandbox import Sandbox
from tests.fguard_process import Fguard
from tests.macro.calling import EXAMPLE
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STACK = "fguard-macro-FargateGuard"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(speed=20) as running:
        yield running


@pytest.fixture(scope="module")
def client(sandbox: Sandbox) -> Callable[[str], Any]:
    environ = sandbox.environment()
    keys = {
        "aws_access_key_id": environ["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environ["AWS_SECRET_ACCESS_KEY"],
    }
    return lambda service: boto3.client(service, endpoint_url=sandbox.endpoint, region_name="us-east-1", **keys)


@pytest.fixture(scope="module")
def pipeline(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Fguard:
    """``fguard`` in a copy of the example, on the embedded AWS."""
    folder = tmp_path_factory.mktemp("macro")
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    return Fguard(folder, sandbox.environment())


@pytest.fixture(scope="module")
def installed(pipeline: Fguard) -> Fguard:
    ran = pipeline("macro", "deploy", "--yes", "--json")
    assert ran.exit_code == 0, ran.stderr
    assert ran.document["changed"] is True
    assert ran.document["outputs"]["MacroName"] == "FargateGuard"
    return pipeline


def create(client: Callable[[str], Any], name: str, template: dict[str, Any]) -> dict[str, Any]:
    """Create a stack as a pipeline does, and wait for its end."""
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    found: list[dict[str, Any]] = []

    def ended() -> bool:
        found[:] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        return not found[0]["StackStatus"].endswith("IN_PROGRESS")

    wait_until(ended, f"the stack {name} is done")
    return found[0]


def containers(client: Callable[[str], Any], family: str) -> list[dict[str, Any]]:
    found = client("ecs").describe_task_definition(taskDefinition=family)["taskDefinition"]
    return list(found["containerDefinitions"])


def with_task(*definitions: dict[str, Any], transform: Any = "FargateGuard") -> dict[str, Any]:
    return {
        "Transform": transform,
        "Resources": {
            "Web": {
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": {
                    "Family": "web",
                    "RequiresCompatibilities": ["FARGATE"],
                    "NetworkMode": "awsvpc",
                    "Cpu": "512",
                    "Memory": "1024",
                    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/execution",
                    "ContainerDefinitions": list(definitions),
                },
            }
        },
    }


WEB = {"Name": "web", "Image": "nginx:1.27", "EntryPoint": ["/docker-entrypoint.sh"], "Command": ["nginx"]}


@pytest.mark.usefixtures("installed")
def test_a_pipelines_stack_is_instrumented(client: Callable[[str], Any]) -> None:
    stack = create(client, "app", with_task(WEB))
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    web, sidecar = containers(client, "web")
    assert web["entryPoint"] == ["/opt/draios/bin/instrument", "/docker-entrypoint.sh"]
    assert sidecar["name"] == "SysdigInstrumentation"
    assert sidecar["image"].endswith(":6.2.1")
    processed = client("cloudformation").get_template(StackName="app", TemplateStage="Processed")["TemplateBody"]
    assert "SysdigInstrumentation" in json.dumps(processed)


@pytest.mark.usefixtures("installed")
def test_a_stack_changes_its_own_settings(client: Callable[[str], Any]) -> None:
    transform = [{"Name": "FargateGuard", "Parameters": {"SidecarCpu": 64, "IgnoreContainers": ["log*"]}}]
    template = with_task(WEB, {"Name": "logs", "Image": "fluent-bit:3"}, transform=transform)
    template["Resources"]["Web"]["Properties"]["Family"] = "own"
    stack = create(client, "own-settings", template)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    found = containers(client, "own")
    assert {one["name"]: one.get("cpu", 0) for one in found} == {"web": 0, "logs": 0, "SysdigInstrumentation": 64}
    assert [one["name"] for one in found if one.get("entryPoint", [])[:1] == ["/opt/draios/bin/instrument"]] == [
        "web"
    ]


@pytest.mark.usefixtures("installed")
def test_one_task_definition_of_a_stack_is_instrumented(client: Callable[[str], Any]) -> None:
    template = with_task(WEB)
    del template["Transform"]
    properties = template["Resources"]["Web"]["Properties"]
    template["Resources"]["Other"] = {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {**properties, "Family": "left-alone"},
    }
    asked = {"Name": "FargateGuard", "Parameters": {"SidecarCpu": 32}}
    template["Resources"]["Web"]["Properties"] = {**properties, "Family": "snippet", "Fn::Transform": asked}
    stack = create(client, "snippet", template)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    assert len(containers(client, "snippet")) == 2
    assert len(containers(client, "left-alone")) == 1


@pytest.mark.usefixtures("installed")
def test_a_stack_that_cannot_be_instrumented_fails_with_our_message(client: Callable[[str], Any]) -> None:
    cloudformation = client("cloudformation")
    template = with_task({"Name": "api", "Image": "team/api:1"})
    cloudformation.create_change_set(
        StackName="broken",
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_AUTO_EXPAND"],
    )
    found: dict[str, Any] = {}

    def ended() -> bool:
        found.update(cloudformation.describe_change_set(StackName="broken", ChangeSetName="first"))
        return found["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS")

    wait_until(ended, "the change set is made")
    assert found["Status"] == "FAILED"
    assert "FargateGuard failed" in found["StatusReason"]
    assert "Web, container api: what container api would run is not known" in found["StatusReason"]


def test_what_is_installed_already_is_not_installed_again(installed: Fguard) -> None:
    ran = installed("macro", "deploy", "--yes", "--json")
    assert ran.exit_code == 0, ran.stderr
    assert ran.document["changed"] is False


def test_status_tells_version_settings_and_whether_they_are_current(installed: Fguard) -> None:
    ran = installed("macro", "status", "--json")
    assert ran.exit_code == 0, ran.stderr
    assert ran.document["current"] is True
    assert ran.document["settings"]["agent"]["topology"] == "direct"
    other = installed("macro", "status", "--agent-version", "6.3.0")
    assert other.exit_code == 2
    assert "agent_version: 6.2.1 is installed, 6.3.0 is wanted" in other.stdout
    assert "arn:aws:secretsmanager" in other.stdout


def test_code_that_was_changed_outside_is_noticed(installed: Fguard, client: Callable[[str], Any]) -> None:
    functions = client("lambda")
    ours = functions.get_function_configuration(FunctionName=STACK)["CodeSha256"]
    location = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
    bucket, key = (
        next(one["OutputValue"] for one in location if one["OutputKey"] == name)
        for name in ("CodeBucket", "CodeKey")
    )
    client("s3").put_object(Bucket=bucket, Key="other.zip", Body=b"PK\x05\x06" + bytes(18))
    functions.update_function_code(FunctionName=STACK, S3Bucket=bucket, S3Key="other.zip")
    try:
        ran = installed("macro", "deploy", "--yes")
        assert ran.exit_code == 3
        assert "does not run the package" in ran.stderr
    finally:
        functions.update_function_code(FunctionName=STACK, S3Bucket=bucket, S3Key=key)
        client("s3").delete_object(Bucket=bucket, Key="other.zip")
    assert functions.get_function_configuration(FunctionName=STACK)["CodeSha256"] == ours


def test_it_is_not_removed_while_stacks_use_it_and_then_nothing_is_left(
    installed: Fguard, client: Callable[[str], Any]
) -> None:
    create(client, "user", with_task(WEB))
    refused = installed("macro", "destroy", "--yes")
    assert refused.exit_code == 4
    assert "use the macro FargateGuard" in refused.stderr
    assert "user" in refused.stderr
    ran = installed("macro", "destroy", "--yes", "--even-if-used", "--json")
    assert ran.exit_code == 0, ran.stderr
    assert {"Function", "Role", "LogGroup", "Macro"} <= set(ran.document["removed"])
    assert client("lambda").list_functions()["Functions"] == []
    assert client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda")["logGroups"] == []
    (bucket,) = client("s3").list_buckets()["Buckets"]
    left = client("s3").list_object_versions(Bucket=bucket["Name"]).get("Versions", [])
    assert {one["Key"] for one in left} == {"other.zip"}, "what another put there keeps the bucket"
    assert installed("macro", "status").exit_code == 1


def test_without_a_terminal_it_wants_yes_and_changes_nothing(
    pipeline: Fguard, client: Callable[[str], Any]
) -> None:
    ran = pipeline("macro", "deploy", "--name", "Another")
    assert ran.exit_code == 64
    assert "--yes" in ran.stderr
    names = [one["StackName"] for one in client("cloudformation").describe_stacks()["Stacks"]]
    assert "fguard-macro-Another" not in names
