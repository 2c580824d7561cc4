"""The quickstart with CloudFormation, from nothing to nothing, on a machine without Terraform.

Read from top to bottom, in this order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.sandbox import Fault, FaultKind
from tests.end_to_end.conftest import ACCESS_KEY
from tests.end_to_end.test_quickstart_story import permissions
from tests.fguard_inside import FguardInside
from tests.fguard_process import Ran
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.sandbox import Sandbox
    from tests.fguard_process import Fguard

    Client = Callable[[str], Any]

STACK = "fguard-quickstart"
WRITER = "WorkloadWriterToBin"
METHOD = ("--method", "cloudformation")


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the deploy printed that picked up where the first was killed, and what both called."""

    ran: Ran
    calls: frozenset[str]


def stack_status(client: Client) -> str | None:
    """The stack's state; None where there is none."""
    listed = client("cloudformation").describe_stacks()["Stacks"]
    return next((one["StackStatus"] for one in listed if one["StackName"] == STACK), None)


def calls_of(sandbox: Sandbox) -> frozenset[str]:
    """What was called; the actions of REST APIs, such as S3's, have no names on the way."""
    return frozenset(call for call in sandbox.take_calls() if not call.endswith(":"))


@pytest.fixture(scope="module")
def quickstart(quickstart: Fguard) -> Fguard:
    """The quickstart, where there is no Terraform."""
    return FguardInside(quickstart.folder, {**quickstart.environ, "FGUARD_TERRAFORM": "/there/is/none"})


@pytest.fixture(scope="module")
def deployed(quickstart: Fguard, sandbox: Sandbox, client: Client) -> Deployment:
    """The quickstart; the first deploy is killed while the load balancer is made, the second goes on."""
    sandbox.take_calls()
    sandbox.faults.add(Fault(FaultKind.RESOURCE_HANG, action="create", logical_id="LoadBalancer"))
    with quickstart.start("deploy", *METHOD, "--yes") as first:
        wait_until(lambda: stack_status(client) == "CREATE_IN_PROGRESS", "the stack is being created")
        first.kill()
    with quickstart.start("deploy", *METHOD, "--yes", "--json") as second:
        assert second.stderr is not None
        told = ""
        while "=> Follow the create" not in told:
            line = second.stderr.readline()
            assert line, told
            told += line
        sandbox.faults.clear()
        stdout, rest = second.communicate(timeout=120)
    ran = Ran(second.returncode, stdout, told + rest)
    assert ran.exit_code == 0, ran.stderr
    return Deployment(ran, calls_of(sandbox))


@pytest.fixture
def workload_file(quickstart: Fguard) -> Iterator[Callable[[str, str], None]]:
    """Changes the workload's task definition; it is put back."""
    file = quickstart.folder / "writer-to-bin.json"
    before = file.read_text()

    def change(old: str, new: str) -> None:
        assert old in before
        file.write_text(before.replace(old, new))

    yield change
    file.write_text(before)


def test_the_doctor_does_not_miss_what_this_method_does_not_need(quickstart: Fguard) -> None:
    healthy = quickstart("doctor", "--method", "cloudformation")
    assert healthy.exit_code == 0, healthy.stdout
    assert "Terraform" not in healthy.stdout
    for method in ((), ("--method", "terraform")):
        missing = quickstart("doctor", *method)
        assert missing.exit_code == 4
        assert "MISSING  Terraform" in missing.stdout
    assert quickstart("doctor", "--method", "pulumi").exit_code == 64


def test_before_anything_is_deployed_plan_says_so_and_leaves_nothing(
    quickstart: Fguard, client: Client, sandbox: Sandbox
) -> None:
    sandbox.take_calls()
    planned = quickstart("plan", *METHOD, "--json")
    assert planned.exit_code == 2, planned.stderr
    assert planned.document["method"] == "cloudformation"
    assert planned.document["plan"]["summary"]["add"] > 30
    assert calls_of(sandbox) <= permissions("plan with CloudFormation")
    assert stack_status(client) is None
    assert client("secretsmanager").list_secrets()["SecretList"] == []


def test_without_yes_and_without_a_terminal_nothing_is_deployed(quickstart: Fguard, client: Client) -> None:
    refused = quickstart("deploy", *METHOD)
    assert refused.exit_code == 64
    assert "--yes" in refused.stderr
    assert stack_status(client) is None


def test_render_writes_what_the_aws_cli_deploys(quickstart: Fguard) -> None:
    ran = quickstart("render", *METHOD, "-o", "rendered")
    assert ran.exit_code == 0, ran.stderr
    folder = quickstart.folder / "rendered"
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "parameters.json", "template.yaml"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert "aws cloudformation deploy" in (folder / "README.md").read_text()
    parameters = json.loads((folder / "parameters.json").read_text())
    assert all(one.keys() == {"ParameterKey", "ParameterValue"} for one in parameters)


def test_a_killed_deploy_is_picked_up_and_brought_to_its_end(deployed: Deployment, client: Client) -> None:
    document = deployed.ran.document
    assert document["schema"] == "fguard.deploy/v1"
    assert (document["method"], document["changed"]) == ("cloudformation", False)
    assert "LoadBalancer" in deployed.ran.stderr
    assert not [finding for finding in document["verification"]["findings"] if finding["outcome"] == "NG"]
    (stack,) = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert deployed.calls <= permissions("deploy with CloudFormation")


def test_the_next_deploy_changes_nothing_and_protects_the_stack(
    deployed: Deployment, quickstart: Fguard, client: Client
) -> None:
    assert deployed.ran.exit_code == 0
    again = quickstart("deploy", "--yes")
    assert again.exit_code == 0, again.stderr
    assert again.stdout.startswith("Nothing to change: quickstart")
    (stack,) = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    assert stack["EnableTerminationProtection"] is True


def test_the_access_key_is_in_secrets_manager_and_nowhere_else(
    deployed: Deployment, quickstart: Fguard, client: Client
) -> None:
    (secret,) = client("secretsmanager").list_secrets()["SecretList"]
    stored = client("secretsmanager").get_secret_value(SecretId=secret["ARN"])["SecretString"]
    assert stored == ACCESS_KEY
    cloudformation = client("cloudformation")
    told = [
        cloudformation.describe_stacks(StackName=STACK),
        cloudformation.describe_stack_events(StackName=STACK),
        cloudformation.get_template(StackName=STACK),
    ]
    assert ACCESS_KEY not in json.dumps(told, default=str) + deployed.ran.stdout + deployed.ran.stderr
    files = [path for path in quickstart.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if ACCESS_KEY.encode() in path.read_bytes()]


def test_verify_and_status_find_the_method_by_themselves(
    deployed: Deployment, quickstart: Fguard, sandbox: Sandbox
) -> None:
    sandbox.take_calls()
    verified = quickstart("verify", "--json")
    assert verified.exit_code == 0, verified.stdout
    assert calls_of(sandbox) <= permissions("verify with CloudFormation")
    status = quickstart("status", "--json")
    assert status.exit_code == 0, status.stderr
    assert calls_of(sandbox) <= permissions("status with CloudFormation")
    assert status.document["method"] == "cloudformation"
    assert status.document["stack"]["status"] == "CREATE_COMPLETE"
    assert status.document["drift"] == []
    assert status.document["orchestrator"] == deployed.ran.document["orchestrator"]


@pytest.mark.usefixtures("deployed")
def test_status_tells_what_was_changed_behind_cloudformations_back(quickstart: Fguard, client: Client) -> None:
    logs, ec2, group = client("logs"), client("ec2"), "/fguard/quickstart/orchestrator"
    before = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"]
    orchestrator = physical_id(client, "OrchestratorSecurityGroup")
    opened = {"GroupId": orchestrator, "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "10.9.0.0/16"}
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    ec2.authorize_security_group_ingress(**opened)
    drifted = quickstart("status")
    logs.put_retention_policy(logGroupName=group, retentionInDays=before)
    ec2.revoke_security_group_ingress(**opened)
    assert "Drift, made outside CloudFormation" in drifted.stdout
    assert f"/RetentionInDays was changed: expected {before}, is 7" in drifted.stdout
    assert f"{orchestrator} admits tcp 22 from 10.9.0.0/16" in drifted.stdout


def physical_id(client: Client, logical_id: str) -> str:
    """What a resource of the stack is called."""
    described = client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
    return str(described["StackResourceDetail"]["PhysicalResourceId"])


def test_instrument_takes_the_orchestrator_from_the_stack(deployed: Deployment, quickstart: Fguard) -> None:
    instrumented = quickstart("instrument", "writer-to-bin.json", "--execution-role-supplied")
    assert instrumented.exit_code == 0, instrumented.stderr
    assert deployed.ran.document["orchestrator"]["host"] in instrumented.stdout


@pytest.mark.usefixtures("deployed")
def test_the_other_method_is_refused_with_the_way_to_migrate(quickstart: Fguard) -> None:
    refused = quickstart("deploy", "--method", "terraform", "--yes")
    assert refused.exit_code == 4
    assert "deployed with CloudFormation" in refused.stderr
    assert "fguard destroy" in refused.stderr


@pytest.mark.usefixtures("deployed")
def test_an_agent_upgrade_rolls_out(quickstart: Fguard, client: Client) -> None:
    file = quickstart.folder / "fguard.yaml"
    file.write_text(file.read_text().replace("version: 5.0.1", "version: 5.1.0"))
    planned = quickstart("plan", "--json")
    assert planned.exit_code == 2, planned.stderr
    actions = {one["address"]: one["action"] for one in planned.document["plan"]["changes"]}
    assert actions["OrchestratorTaskDefinition"] == actions[f"{WRITER}TaskDefinition"] == "replace"
    assert "update" in actions[f"{WRITER}Service"]
    upgraded = quickstart("deploy", "--yes", "--json")
    assert upgraded.exit_code == 0, upgraded.stderr
    assert upgraded.document["changed"] is True
    ecs, document = client("ecs"), upgraded.document
    arn = document["workloads"]["writer-to-bin"]["task_definition_arn"]
    (task,) = ecs.describe_tasks(
        cluster=document["cluster_arn"],
        tasks=ecs.list_tasks(
            cluster=document["cluster_arn"], serviceName="fguard_quickstart_writer-to-bin", desiredStatus="RUNNING"
        )["taskArns"],
    )["tasks"]
    assert (task["taskDefinitionArn"], task["lastStatus"]) == (arn, "RUNNING")
    containers = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]["containerDefinitions"]
    assert [one["image"] for one in containers if one["name"] == "SysdigInstrumentation"] == [
        "quay.io/sysdig/workload-agent:5.1.0"
    ]


@pytest.mark.usefixtures("deployed")
def test_what_ecs_does_not_keep_is_rolled_back_exit_5_with_the_stop_reason(
    quickstart: Fguard, sandbox: Sandbox, workload_file: Callable[[str, str], None]
) -> None:
    workload_file("writer-to-bin:latest", "writer-to-bin:broken")
    sandbox.faults.add(Fault(FaultKind.IMAGE_PULL, container="writer-to-bin"))
    try:
        ran = quickstart("deploy", "--yes")
    finally:
        sandbox.faults.clear()
    assert ran.exit_code == 5, ran.stderr
    error = ran.stderr.partition("error: ")[2]
    assert error.startswith(f"CloudFormation could not update {WRITER}Service (AWS::ECS::Service)")
    assert "CannotPullContainerError" in error
    assert "UPDATE_ROLLBACK_COMPLETE" in error


@pytest.mark.usefixtures("deployed")
def test_destroy_leaves_nothing_behind(quickstart: Fguard, client: Client, sandbox: Sandbox) -> None:
    assert quickstart("destroy").exit_code == 64
    sandbox.take_calls()
    ran = quickstart("destroy", "--yes", "--json")
    assert ran.exit_code == 0, ran.stderr
    assert calls_of(sandbox) <= permissions("destroy with CloudFormation")
    assert ran.document["leftovers"] == []
    assert "turned termination protection" in ran.stderr
    assert len(ran.document["removed"]) > 30
    assert stack_status(client) is None
    assert client("ecs").list_task_definitions()["taskDefinitionArns"] == []
    assert client("secretsmanager").list_secrets()["SecretList"] == []
    assert client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert client("logs").describe_log_groups()["logGroups"] == []
    assert client("s3").list_buckets()["Buckets"] == []
    assert [vpc for vpc in client("ec2").describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []
    assert [role for role in client("iam").list_roles()["Roles"] if "quickstart" in role["RoleName"]] == []
    assert not (quickstart.folder / ".fguard" / "quickstart").exists()
