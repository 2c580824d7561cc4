"""What may go wrong on the way, and what is left then."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.sandbox.faults import Fault, FaultKind
from tests.own_template.templates import GROUP, cluster_and, nested, service, task, text
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.fguard_process import Ran
    from tests.own_template.conftest import Desk

Json = Any
STAGE = {"Stage": {"Type": "String", "Default": "dev"}}
IN_PRODUCTION = {"Production": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}}


def padded(size: int) -> Json:
    """A section that makes a template this much larger."""
    return {"AWSTemplateFormatVersion": "2010-09-09", "Metadata": {"Padding": "x" * size}}


def buckets(desk: Desk) -> list[str]:
    return [one["Name"] for one in desk.client("s3").list_buckets()["Buckets"]]


def agent_of(desk: Desk, stack: str) -> str:
    arn = desk.resources(stack)["Web"]
    found = desk.client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]
    return str(found["containerDefinitions"][-1]["image"])


@pytest.fixture(scope="module")
def stages(desk: Desk) -> list[Ran]:
    """A stack whose service exists only in production, deployed as it is first, then to production."""
    resources = cluster_and(desk.subnet)
    resources["Service"] |= {"Condition": "Production"}
    desk.write("stages.json", text(resources, Parameters=STAGE, Conditions=IN_PRODUCTION))
    return [desk.deploy("stages.json"), desk.deploy("stages.json", "--parameter", "Stage=prod")]


def test_a_service_that_exists_only_in_production_is_verified_there(stages: list[Ran]) -> None:
    first, second = stages
    assert (first.exit_code, "Verified with 2 checks" in first.stdout) == (0, True), first.stderr
    assert (second.exit_code, "Verified with 4 checks" in second.stdout) == (0, True), second.stderr


@pytest.mark.usefixtures("stages")
def test_a_value_that_is_kept_although_the_default_is_another_is_told(desk: Desk) -> None:
    body = json.loads((desk.fguard.folder / "stages.json").read_text())
    body["Parameters"]["Stage"]["Default"] = "test"
    desk.write("stages.json", json.dumps(body))
    again = desk.deploy("stages.json")
    assert again.exit_code == 0, again.stderr
    assert "parameter Stage: prod, as the stack has it; the template's default is test" in again.stdout
    planned = desk.ran("plan", "--template", "stages.json", "--json")
    assert "--parameter Stage=VALUE" in planned.stderr
    assert planned.document["kept_parameters"] == [{"name": "Stage", "value": "prod", "default": "test"}]
    given = desk.ran("plan", "--template", "stages.json", "--parameter", "Stage=prod", "--json")
    assert given.document["kept_parameters"] == []


def test_nobody_to_ask_leaves_nothing_behind(desk: Desk) -> None:
    desk.write("inner.json", text({"Job": task()}))
    desk.write("asked.json", text({"Web": task(), "Inner": nested("inner.json")}, **padded(60_000)))
    unanswered = desk.ran("deploy", "--template", "asked.json")
    assert (unanswered.exit_code, "--yes" in unanswered.stderr) == (64, True), unanswered.stderr
    assert (desk.stack("asked"), buckets(desk)) == (None, [])


def test_uploads_stay_while_somebody_else_has_a_plan_that_may_refer_to_them(desk: Desk) -> None:
    cloudformation, s3 = desk.client("cloudformation"), desk.client("s3")
    body = text({"Logs": GROUP})
    cloudformation.create_change_set(
        StackName="shared", ChangeSetName="another", ChangeSetType="CREATE", TemplateBody=body
    )
    desk.write("inner.json", text({"Job": task()}))
    desk.write("shared.json", text({"Web": task(), "Inner": nested("inner.json")}))
    planned = desk.ran("plan", "--template", "shared.json")
    assert planned.exit_code == 2, planned.stderr
    assert "somebody else is, or may be, at work on the stack" in planned.stderr
    (bucket,) = buckets(desk)
    (kept,) = s3.list_object_versions(Bucket=bucket)["Versions"]
    s3.delete_object(Bucket=bucket, Key=kept["Key"], VersionId=kept["VersionId"])
    s3.delete_bucket(Bucket=bucket)
    cloudformation.delete_stack(StackName="shared")


def test_what_is_too_large_for_cloudformation_is_refused_before_anything_is_made(desk: Desk) -> None:
    desk.write("inner.json", text({"Job": task()}))
    desk.write("huge.json", text({"Job": task()}, **padded(1_000_000)))
    desk.write("around.json", text({"Web": task(), "Inner": nested("inner.json"), "Huge": nested("huge.json")}))
    for template in ("huge.json", "around.json"):
        refused = desk.deploy(template)
        assert (refused.exit_code, "CloudFormation takes 1,000,000" in refused.stderr) == (4, True), refused.stderr
        assert "where  huge.json" in refused.stderr
    assert (desk.stack("huge"), desk.stack("around"), buckets(desk)) == (None, None, [])


def test_a_large_template_that_cloudformation_does_not_take_leaves_no_bucket(desk: Desk) -> None:
    wrong = {"Type": "My::Own::Type"}
    desk.write("wrong.json", text(cluster_and(desk.subnet, Wrong=wrong), **padded(60_000)))
    refused = desk.deploy("wrong.json")
    assert (refused.exit_code, "My::Own::Type" in refused.stderr) == (4, True), refused.stderr
    assert (desk.stack("wrong"), buckets(desk)) == (None, [])


def test_a_failure_names_the_users_file_and_the_second_run_repairs_what_is_left(desk: Desk) -> None:
    desk.write("fails.json", text(cluster_and(desk.subnet), Parameters={"Stage": {"Type": "String"}}))
    fault = Fault(FaultKind.RESOURCE_FAILURE, action="create", logical_id="Service", message="No more.", count=1)
    desk.sandbox.faults.add(fault)
    failed = desk.deploy("fails.json", "--parameter", "Stage=prod")
    assert failed.exit_code == 5, failed.stderr
    lines = (desk.fguard.folder / "fails.json").read_text().splitlines()
    (line,) = (number for number, one in enumerate(lines, 1) if '"Service": {' in one)
    assert f"resource Service, line {line} of fails.json" in failed.stderr
    stuck = desk.deploy("fails.json")
    assert (stuck.exit_code, "ROLLBACK_COMPLETE" in stuck.stderr, "--repair" in stuck.stderr) == (4, True, True)
    without = desk.deploy("fails.json", "--repair")  # a stack that is made again has no values to keep
    assert (without.exit_code, "neither a value nor a default: Stage" in without.stderr) == (64, True), (
        without.stderr
    )
    assert desk.stack("fails")["StackStatus"] == "ROLLBACK_COMPLETE"
    again = (
        "--capability",
        "CAPABILITY_IAM",
        "--orchestrator-host",
        "other.internal",
        "--parameter",
        "Stage=prod",
    )
    stuck = desk.deploy("fails.json", *again)
    same = "--capability CAPABILITY_IAM --orchestrator-host other.internal --offline --parameter Stage=<value>"
    assert f"fguard deploy --template fails.json --stack-name fails {same} --repair" in stuck.stderr
    repaired = desk.deploy("fails.json", "--repair", "--parameter", "Stage=prod")
    assert repaired.exit_code == 0, repaired.stderr


def test_another_version_of_the_agent_rolls_out(desk: Desk) -> None:
    desk.write("agent.json", text(cluster_and(desk.subnet)))
    assert desk.deploy("agent.json").exit_code == 0
    before = agent_of(desk, "agent")
    config = desk.fguard.folder / "fguard.yaml"
    written = config.read_text()
    config.write_text(f"{written}\nagent: {{version: 5.4.0}}\n")
    done = desk.deploy("agent.json")
    config.write_text(written)
    assert done.exit_code == 0, done.stderr
    assert "Deployed the stack agent: 1 added, 1 changed, 1 removed." in done.stdout
    assert (before.endswith(":5.4.0"), agent_of(desk, "agent")) == (False, "quay.io/sysdig/workload-agent:5.4.0")


def test_ctrl_c_leaves_cloudformation_at_work_and_the_second_run_takes_up_there(desk: Desk) -> None:
    desk.write("inner.json", text({"Job": task()}))
    desk.write("hangs.json", text(cluster_and(desk.subnet, Inner=nested("inner.json"))))
    desk.sandbox.faults.add(Fault(FaultKind.RESOURCE_HANG, action="create", logical_id="Service"))
    with desk.fguard.start("deploy", "--template", "hangs.json", "--yes", "--on-interrupt", "leave") as process:
        wait_until(lambda: "Service" in desk.resources_so_far("hangs"), "the service is being made")
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()
    desk.sandbox.faults.clear()
    assert (process.returncode, "CloudFormation goes on" in told) == (130, True), told
    again = desk.deploy("hangs.json")
    assert again.exit_code == 0, again.stderr
    assert "Nothing to change" in again.stdout


def test_an_include_that_brings_a_task_definition_does_not_go_uninstrumented_in_silence(desk: Desk) -> None:
    s3 = desk.client("s3")
    s3.create_bucket(Bucket="included")
    s3.put_object(Bucket="included", Key="more.json", Body=json.dumps({"Brought": task()}))
    include = {"Name": "AWS::Include", "Parameters": {"Location": "s3://included/more.json"}}
    desk.write("includes.json", text({"Web": task(), "Fn::Transform": include}))
    done = desk.deploy("includes.json", "--json")
    assert done.exit_code == 3, done.stderr
    wrong = [one for one in done.document["verification"]["findings"] if one["outcome"] == "NG"]
    assert {one["resource"].partition(" ")[0] for one in wrong} == {"Brought"}
    within = {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": "s3://included/x.json"}}}
    whole = task()
    whole["Properties"]["ContainerDefinitions"] = within
    desk.write("within.json", text({"Web": whole}))
    refused = desk.deploy("within.json")
    assert (refused.exit_code, "what Fn::Transform gives here is not known" in refused.stderr) == (4, True)


def test_what_fguard_cannot_instrument_is_said_before_it_is_deployed(desk: Desk) -> None:
    job = {"Type": "AWS::Batch::JobDefinition", "Properties": {"PlatformCapabilities": ["FARGATE"]}}
    desk.write("batch.json", text(cluster_and(desk.subnet, Service=service(desk.subnet), Job=job)))
    planned = desk.ran("plan", "--template", "batch.json")
    assert "batch.json: Job: AWS Batch makes task definitions of its own from it" in planned.stderr


def test_what_an_update_cannot_delete_is_named_and_ends_in_exit_3(desk: Desk) -> None:
    desk.write("remains.json", text({"Web": task(), "Gone": GROUP}))
    assert desk.deploy("remains.json").exit_code == 0
    desk.write("remains.json", text({"Web": task()}))
    group = desk.resources("remains")["Gone"]
    desk.sandbox.faults.add(
        Fault(FaultKind.RESOURCE_FAILURE, action="delete", logical_id="Gone", message="In use.")
    )
    done = desk.deploy("remains.json", "--json")
    desk.sandbox.faults.clear()
    left = f"Gone (AWS::Logs::LogGroup) {group}: In use."
    assert (done.exit_code, done.document["left_behind"]) == (3, [left])
    assert left in done.stderr
