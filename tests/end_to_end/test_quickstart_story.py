"""The quickstart from nothing to nothing, with the real Terraform; read from top to bottom, in this order."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.sandbox import Fault, FaultKind
from tests.end_to_end.conftest import ACCESS_KEY, QUICKSTART
from tests.fguard_inside import FguardInside
from tests.stack_templates.inventory import Inventory, differences
from tests.terraform_templates.account import account_elsewhere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.sandbox import Sandbox
    from tests.fguard_process import Fguard, Ran


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the first deploy printed, and every command line that was seen on this machine meanwhile."""

    ran: Ran
    calls: frozenset[str]
    command_lines: frozenset[str]


@pytest.fixture(scope="module")
def deployed(quickstart: Fguard, sandbox: Sandbox) -> Deployment:
    """The quickstart, deployed."""
    sandbox.take_calls()
    with watching_command_lines() as seen:
        ran = quickstart("deploy", "--method", "terraform", "--yes", "--json")
    assert ran.exit_code == 0, ran.stderr
    return Deployment(ran, sandbox.take_calls(), frozenset(seen))


def test_before_anything_is_deployed_plan_says_so_and_changes_nothing(
    quickstart: Fguard, client: Callable[[str], Any], sandbox: Sandbox
) -> None:
    sandbox.take_calls()
    planned = quickstart("plan", "--json")
    assert planned.exit_code == 2, planned.stderr
    assert sandbox.take_calls() <= permissions("plan")
    assert planned.document["plan"]["summary"]["add"] > 40
    assert client("secretsmanager").list_secrets()["SecretList"] == []
    assert client("ecs").list_clusters()["clusterArns"] == []


def test_without_yes_and_without_a_terminal_nothing_is_deployed(
    quickstart: Fguard, client: Callable[[str], Any]
) -> None:
    refused = quickstart("deploy")
    assert refused.exit_code == 64
    assert "--yes" in refused.stderr
    assert client("secretsmanager").list_secrets()["SecretList"] == []


def test_deploy_reports_one_document_with_what_comes_next(deployed: Deployment) -> None:
    document = deployed.ran.document
    assert document["schema"] == "fguard.deploy/v1"
    assert document["changed"] is True
    assert document["orchestrator"]["port"] == 6667
    assert not [finding for finding in document["verification"]["findings"] if finding["outcome"] == "NG"]
    assert len({finding["check"] for finding in document["verification"]["findings"]}) >= 30


def test_boto3_sees_the_network(deployed: Deployment, client: Callable[[str], Any]) -> None:
    vpc = deployed.ran.document["vpc_id"]
    subnets = client("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2


def test_boto3_sees_an_internal_load_balancer_with_a_healthy_target(
    deployed: Deployment, client: Callable[[str], Any]
) -> None:
    elbv2 = client("elbv2")
    (balancer,) = elbv2.describe_load_balancers()["LoadBalancers"]
    assert (balancer["Type"], balancer["Scheme"]) == ("network", "internal")
    assert balancer["State"]["Code"] == "active"
    assert balancer["DNSName"] == deployed.ran.document["orchestrator"]["host"]
    (group,) = elbv2.describe_target_groups(LoadBalancerArn=balancer["LoadBalancerArn"])["TargetGroups"]
    health = elbv2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
    assert [target["TargetHealth"]["State"] for target in health] == ["healthy"]


def test_boto3_sees_running_tasks_on_the_instrumented_revision(
    deployed: Deployment, client: Callable[[str], Any]
) -> None:
    ecs = client("ecs")
    workload = deployed.ran.document["workloads"]["writer-to-bin"]
    cluster = deployed.ran.document["cluster_arn"]
    arns = ecs.list_tasks(cluster=cluster, serviceName=workload["service_arn"].rsplit("/", 1)[-1])["taskArns"]
    tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
    assert [(task["lastStatus"], task["taskDefinitionArn"]) for task in tasks] == [
        ("RUNNING", workload["task_definition_arn"])
    ]
    definition = ecs.describe_task_definition(taskDefinition=workload["task_definition_arn"])["taskDefinition"]
    writer, sidecar = definition["containerDefinitions"]
    assert writer["entryPoint"] == ["/opt/draios/bin/instrument", "/usr/bin/demo-writer-c"]
    assert writer["command"] == ["/usr/bin/oh-no-i-wrote-in-bin"]
    assert sidecar["name"] == "SysdigInstrumentation"
    orchestrator = {"name": "SYSDIG_ORCHESTRATOR", "value": deployed.ran.document["orchestrator"]["host"]}
    assert orchestrator in sidecar["environment"]
    assert definition["pidMode"] == "task"


def test_the_access_key_is_in_secrets_manager(deployed: Deployment, client: Callable[[str], Any]) -> None:
    (secret,) = client("secretsmanager").list_secrets()["SecretList"]
    stored = client("secretsmanager").get_secret_value(SecretId=secret["ARN"])["SecretString"]
    assert stored == ACCESS_KEY
    assert deployed.ran.exit_code == 0


def test_and_nowhere_else(deployed: Deployment, quickstart: Fguard, client: Callable[[str], Any]) -> None:
    assert ACCESS_KEY not in deployed.ran.stdout + deployed.ran.stderr
    files = [path for path in quickstart.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert any(path.name == "terraform.tfstate" for path in files)
    assert not [path for path in files if ACCESS_KEY.encode() in path.read_bytes()]
    assert any("terraform" in line for line in deployed.command_lines)
    assert not [line for line in deployed.command_lines if ACCESS_KEY in line]
    ecs = client("ecs")
    for arn in ecs.list_task_definitions()["taskDefinitionArns"]:
        assert ACCESS_KEY not in json.dumps(ecs.describe_task_definition(taskDefinition=arn), default=str)


def test_whatever_has_a_fixed_name_can_be_replaced(deployed: Deployment, quickstart: Fguard) -> None:
    assert deployed.ran.exit_code == 0
    state = json.loads(
        (quickstart.folder / ".fguard" / "quickstart" / "terraform" / "terraform.tfstate").read_text()
    )
    created_first = {
        resource["type"]
        for resource in state["resources"]
        for instance in resource["instances"]
        if instance.get("create_before_destroy")
    }
    assert not created_first & {"aws_lb", "aws_security_group", "aws_ecs_cluster", "aws_cloudwatch_log_group"}


def test_the_deployments_files_are_private_and_ignored_by_git(deployed: Deployment, quickstart: Fguard) -> None:
    folder = quickstart.folder / ".fguard"
    assert deployed.ran.exit_code == 0
    assert (folder / ".gitignore").read_text() == "*\n"
    public = {".terraform.lock.hcl"}  # hashes of published packages; Terraform makes it readable for everyone
    everything = [path for path in (folder, *folder.rglob("*")) if ".terraform" not in path.parts]
    ours = [path for path in everything if path.name not in public]
    assert {path.stat().st_mode & 0o777 for path in ours if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in ours if path.is_file()} == {0o600}


@pytest.mark.usefixtures("deployed")
def test_a_second_deploy_changes_nothing_and_says_so(quickstart: Fguard) -> None:
    again = quickstart("deploy", "--yes")
    assert again.exit_code == 0, again.stderr
    assert again.stdout.startswith("Nothing to change: quickstart")
    assert "0 failed" in again.stdout


def test_verify_and_status_agree_and_call_what_the_permissions_say(
    deployed: Deployment, quickstart: Fguard, sandbox: Sandbox
) -> None:
    assert deployed.calls <= permissions("deploy")
    for command in ("verify", "status"):
        sandbox.take_calls()
        ran = quickstart(command, "--json")
        assert ran.exit_code == 0, ran.stdout + ran.stderr
        assert ran.document["schema"] == f"fguard.{command}/v1"
        assert sandbox.take_calls() <= permissions(command)


def test_detect_runs_its_trigger_in_the_place_of_the_deployed_workload(
    deployed: Deployment, quickstart: Fguard, client: Callable[[str], Any]
) -> None:
    ran = quickstart("detect", "--no-wait", "--json")
    assert ran.exit_code == 0, ran.stderr
    (there,) = client("ecs").describe_tasks(
        cluster=deployed.ran.document["cluster_arn"], tasks=[ran.document["task_arn"]]
    )["tasks"]
    (attachment,) = there["attachments"]
    subnet = next(one["value"] for one in attachment["details"] if one["name"] == "subnetId")
    vpc = client("ec2").describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]
    assert vpc == deployed.ran.document["vpc_id"]
    assert there["desiredStatus"] == "STOPPED"
    assert there["taskDefinitionArn"] in ran.document["removed"]


def test_instrument_takes_the_orchestrator_from_the_deployment(deployed: Deployment, quickstart: Fguard) -> None:
    instrumented = quickstart("instrument", "writer-to-bin.json", "--execution-role-supplied")
    assert instrumented.exit_code == 0, instrumented.stderr
    assert deployed.ran.document["orchestrator"]["host"] in instrumented.stdout


@pytest.mark.usefixtures("deployed")
def test_cloudformation_makes_the_same_resource_by_resource(
    quickstart: Fguard, client: Callable[[str], Any], tmp_path: Path
) -> None:
    with account_elsewhere(tmp_path) as elsewhere:
        folder = shutil.copytree(QUICKSTART, tmp_path / "quickstart")
        environ = {**quickstart.environ, **elsewhere.sandbox.environment()}
        ran = FguardInside(folder, environ)("deploy", "--method", "cloudformation", "--yes", "--json")
        assert ran.exit_code == 0, ran.stderr
        terraform, cloudformation = (
            Inventory(made_by, "quickstart", names_of_access_key(made_by))
            for made_by in (client, elsewhere.client)
        )
        assert len(terraform.resources()) >= 25
        assert differences(terraform, cloudformation) == {}


@pytest.mark.usefixtures("deployed")
def test_the_other_method_is_refused_with_the_way_to_migrate(quickstart: Fguard) -> None:
    inside = FguardInside(quickstart.folder, quickstart.environ)
    refused = inside("deploy", "--method", "cloudformation", "--yes")
    assert refused.exit_code == 4
    assert "quickstart is deployed with Terraform" in refused.stderr
    assert "copy fguard.yaml with another `name`, deploy that with --method cloudformation" in refused.stderr


def names_of_access_key(client: Callable[[str], Any]) -> dict[str, str]:
    """A name for the secret that fguard stored, and for its version."""
    (secret,) = client("secretsmanager").list_secrets()["SecretList"]
    (version,) = secret["SecretVersionsToStages"]
    return {secret["ARN"]: "<access key>", version: "<its version>"}


@pytest.mark.usefixtures("deployed")
def test_a_changed_access_key_is_a_pending_change_and_declining_leaves_the_stored_one(
    quickstart: Fguard, client: Callable[[str], Any]
) -> None:
    rotated = type(quickstart)(quickstart.folder, {**quickstart.environ, "SYSDIG_ACCESS_KEY": "another-key"})
    assert rotated("plan", "--json").exit_code == 2
    declined = rotated("deploy")
    assert declined.exit_code == 64
    (secret,) = client("secretsmanager").list_secrets()["SecretList"]
    assert client("secretsmanager").get_secret_value(SecretId=secret["ARN"])["SecretString"] == ACCESS_KEY
    assert quickstart("plan").exit_code == 0


@pytest.mark.usefixtures("deployed")
def test_a_rollout_that_ecs_rolled_back_is_exit_5_with_the_stop_reason(
    quickstart: Fguard, sandbox: Sandbox
) -> None:
    workload = quickstart.folder / "writer-to-bin.json"
    before = workload.read_text()
    workload.write_text(before.replace("writer-to-bin:latest", "writer-to-bin:broken"))
    sandbox.faults.add(Fault(FaultKind.IMAGE_PULL, container="writer-to-bin"))
    try:
        ran = quickstart("deploy", "--yes")
    finally:
        sandbox.faults.clear()
        workload.write_text(before)
    assert ran.exit_code == 5, ran.stderr
    assert "ROLLED_BACK" in ran.stdout
    assert "CannotPullContainerError" in ran.stdout


@pytest.mark.usefixtures("deployed")
def test_destroy_refuses_while_another_service_sends_to_the_orchestrator(
    quickstart: Fguard, client: Callable[[str], Any], deployed: Deployment
) -> None:
    ecs = client("ecs")
    host = deployed.ran.document["orchestrator"]["host"]
    definition = ecs.register_task_definition(
        family="elsewhere",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[
            {"name": "app", "image": "app:1", "environment": [{"name": "SYSDIG_ORCHESTRATOR", "value": host}]}
        ],
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.create_cluster(clusterName="elsewhere")
    network = {"awsvpcConfiguration": {"subnets": deployed.ran.document["subnet_ids"]}}
    service = {"cluster": "elsewhere", "serviceName": "elsewhere", "taskDefinition": definition, "desiredCount": 0}
    ecs.create_service(**service, launchType="FARGATE", networkConfiguration=network)
    refused = quickstart("destroy", "--yes")
    ecs.delete_service(cluster="elsewhere", service="elsewhere", force=True)
    ecs.delete_cluster(cluster="elsewhere")
    assert refused.exit_code == 4
    assert "service/elsewhere/elsewhere" in refused.stderr
    assert "--even-if-used" in refused.stderr


@pytest.mark.usefixtures("deployed")
def test_destroy_leaves_nothing_behind(quickstart: Fguard, client: Callable[[str], Any], sandbox: Sandbox) -> None:
    sandbox.take_calls()
    ran = quickstart("destroy", "--yes", "--json")
    calls = sandbox.take_calls()
    assert ran.document["leftovers"] == []
    assert ran.exit_code == 0, ran.stderr
    assert client("ecs").list_task_definitions()["taskDefinitionArns"] == [
        arn for arn in client("ecs").list_task_definitions()["taskDefinitionArns"] if "/elsewhere:" in arn
    ]
    assert calls <= permissions("destroy")
    assert client("secretsmanager").list_secrets()["SecretList"] == []
    assert client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert client("logs").describe_log_groups()["logGroups"] == []
    assert [vpc for vpc in client("ec2").describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []
    assert [role for role in client("iam").list_roles()["Roles"] if "quickstart" in role["RoleName"]] == []
    assert not (quickstart.folder / ".fguard" / "quickstart").exists()


@contextlib.contextmanager
def watching_command_lines() -> Iterator[set[str]]:
    """Collect the command line of every process of this machine while the block runs."""
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            seen.update(command_lines())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def permissions(command: str) -> set[str]:
    """What docs/permissions.md lists for a command."""
    text = (Path(__file__).parents[2] / "docs" / "permissions.md").read_text(encoding="utf-8")
    listed = text.split(f"\n## {command}\n", 1)[1].split("```")[1]
    return set(listed.split())


def command_lines() -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
