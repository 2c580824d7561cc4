"""A template of the user's own from nothing to its agent and back; read from top to bottom, in this order."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.test_quickstart_story import permissions
from tests.own_template.conftest import HOST
from tests.own_template.templates import GROUP, nested, task, text

if TYPE_CHECKING:
    from tests.own_template.conftest import Desk

INSTRUMENT = "/opt/draios/bin/instrument"
SECRET = "the-secret-token"
LIVE = """\
name: live
aws: {region: us-east-1}
network: {nat_gateway: none}
sysdig: {region: us1, access_key: {env: SYSDIG_ACCESS_KEY}}
"""
ADDS_A_TASK = """
def handler(event, context):
    added = {"Properties": event["fragment"]["Resources"]["Web"]["Metadata"], "Type": "AWS::ECS::TaskDefinition"}
    event["fragment"]["Resources"]["Added"] = added
    return {"requestId": event["requestId"], "status": "success", "fragment": event["fragment"]}
"""


def parameters(desk: Desk) -> tuple[str, str]:
    return "--parameter", f"Subnets={desk.subnet}"


def test_a_plan_shows_the_diff_and_the_change_set_and_leaves_nothing(desk: Desk) -> None:
    planned = desk.ran("plan", "--template", "app.yaml", *parameters(desk))
    assert planned.exit_code == 2, planned.stderr
    assert '+          EntryPoint: ["/opt/draios/bin/instrument", "/bin/sh", "-c"]' in planned.stderr
    assert f"Value: {HOST}" in planned.stderr
    assert "+ Service AWS::ECS::Service" in planned.stdout
    assert desk.stack("app") is None
    assert desk.client("s3").list_buckets()["Buckets"] == []


def test_everything_is_deployed_instrumented_nested_stacks_too(desk: Desk) -> None:
    desk.fguard.environ["API_TOKEN"] = SECRET  # type: ignore[index]
    done = desk.deploy("app.yaml", *parameters(desk), "--parameter-env", "ApiToken=API_TOKEN", "--json")
    assert done.exit_code == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    document = done.document
    assert (document["stack"], document["changed"], document["plan"]["summary"]["add"]) == ("app", True, 5)
    assert [(one["file"], one["nested_as"]) for one in document["templates"]] == [
        ("app.yaml", None),
        ("batch.yaml", "Batch"),
    ]
    verified = document["verification"]["findings"]
    assert {one["outcome"] for one in verified} == {"OK"}
    assert {one["resource"].partition(" ")[0] for one in verified} == {"Web", "Batch.Nightly", "Service"}
    made = desk.resources("app")
    assert desk.containers(made["Web"]) == {
        "web": [INSTRUMENT, "/docker-entrypoint.sh"],
        "SysdigInstrumentation": [],
    }
    nested = desk.resources(made["Batch"])
    assert desk.containers(nested["Nightly"])["nightly"] == [INSTRUMENT, "/bin/sh", "-c"]


def test_nested_templates_lie_under_their_contents_hash(desk: Desk) -> None:
    body = desk.client("cloudformation").get_template(StackName="app", TemplateStage="Original")["TemplateBody"]
    (url,) = re.findall(r"TemplateURL: (\S+)", body)
    assert re.search(r"/app/([0-9a-f]{32})/\1\.yaml$", url)
    assert "# a path, as for `aws cloudformation package`" in body


def test_the_stack_stays_the_users_own(desk: Desk) -> None:
    stack = desk.stack("app")
    assert (stack["Tags"], stack["EnableTerminationProtection"]) == ([], False)


def test_a_second_run_keeps_the_values_and_has_nothing_to_do_but_verifies(desk: Desk) -> None:
    again = desk.deploy("app.yaml")
    assert again.exit_code == 0, again.stderr
    assert (
        "Nothing to change: the stack app is as its template says, with the values of its parameters."
        in again.stdout
    )
    assert "Verified with 4 checks" in again.stdout
    secret = desk.client("secretsmanager").get_secret_value(SecretId=desk.resources("app")["Token"])
    assert secret["SecretString"] == SECRET


def test_what_somebody_else_deployed_to_the_service_is_not_called_done(desk: Desk) -> None:
    ecs, made = desk.client("ecs"), desk.resources("app")
    web = ecs.describe_task_definition(taskDefinition=made["Web"])["taskDefinition"]
    bare = [{**one, "entryPoint": ["/docker-entrypoint.sh"]} for one in web["containerDefinitions"][:1]]
    for one in bare:
        one.pop("volumesFrom")
    other = ecs.register_task_definition(
        family=web["family"],
        containerDefinitions=bare,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
    )["taskDefinition"]["taskDefinitionArn"]
    service = {"cluster": made["Cluster"], "service": made["Service"]}
    ecs.update_service(**service, taskDefinition=other)
    found = desk.deploy("app.yaml")
    assert found.exit_code == 3, found.stderr
    assert "own-stack.service: Service arn:" in found.stdout
    assert "somebody else deployed it" in found.stdout
    (put_back,) = re.findall(
        r"aws ecs update-service --cluster (\S+) --service (\S+) --task-definition (\S+)", found.stdout
    )
    ecs.update_service(**dict(zip(("cluster", "service", "taskDefinition"), put_back, strict=True)))
    assert desk.deploy("app.yaml").exit_code == 0


def test_uninstrumented_puts_the_users_own_back(desk: Desk) -> None:
    undone = desk.deploy("app.yaml", "--uninstrumented")
    assert undone.exit_code == 0, undone.stdout + undone.stderr
    made = desk.resources("app")
    assert desk.containers(made["Web"]) == {"web": ["/docker-entrypoint.sh"]}
    nested = desk.resources(made["Batch"])
    assert desk.containers(nested["Nightly"]) == {"nightly": ["/bin/sh", "-c"]}
    body = desk.client("cloudformation").get_template(StackName="app", TemplateStage="Original")["TemplateBody"]
    before = (desk.fguard.folder / "app.yaml").read_text()
    assert re.sub(r"TemplateURL: \S+", "TemplateURL: batch.yaml", body) == before


def test_what_cannot_be_deployed_as_it_should_is_refused_before_anything_is_made(desk: Desk) -> None:
    image = {"Image": {"Type": "String", "Default": "nginx:1.27"}}
    desk.write("open.json", text({"Worker": task({"Ref": "Image"}, EntryPoint=[])}, Parameters=image))
    desk.write("mine.json", text({"Web": task(), "Inner": nested("open.json")}))
    refused = desk.deploy("mine.json")
    assert (refused.exit_code, "open.json" in refused.stderr) == (4, True), refused.stderr
    assert desk.stack("mine") is None
    loop = {"Fn::ForEach::Tasks": ["Name", ["A", "B"], {"Task${Name}": task()}]}
    desk.write("loop.json", text({"Logs": GROUP, **loop}, Transform="AWS::LanguageExtensions"))
    refused = desk.deploy("loop.json")
    assert (refused.exit_code, "a loop makes this task definition" in refused.stderr) == (4, True), refused.stderr
    desk.write("sam.json", text({"Web": task()}, Transform="AWS::Serverless-2016-10-31"))
    refused = desk.deploy("sam.json")
    assert (refused.exit_code, "the transform AWS::Serverless-2016-10-31" in refused.stderr) == (1, True)
    assert "container web: instrumented" in refused.stderr
    assert {desk.stack("loop"), desk.stack("sam")} == {None}
    desk.client("cloudformation").create_stack(
        StackName="fguard-templates",
        TemplateBody=text({"Logs": GROUP}),
        Tags=[{"Key": "fguard:managed-by", "Value": "fargate-guard"}],
    )
    nested_name = desk.resources("app")["Batch"].split("/")[1]
    refused = desk.deploy("batch.yaml", "--stack-name", nested_name)
    assert (refused.exit_code, "is nested in another one" in refused.stderr) == (4, True), refused.stderr
    refused = desk.deploy("app.yaml", "--stack-name", "fguard-templates")
    assert (refused.exit_code, "made by fguard itself" in refused.stderr) == (4, True)


def test_a_child_by_url_is_named_before_and_found_uninstrumented_after(desk: Desk) -> None:
    s3 = desk.client("s3")
    s3.create_bucket(Bucket="elsewhere")
    s3.put_object(Bucket="elsewhere", Key="child.json", Body=text({"Worker": task()}))
    url = "https://elsewhere.s3.us-east-1.amazonaws.com/child.json"
    desk.write("parent.json", text({"Web": task(), "Child": nested(url)}))
    done = desk.deploy("parent.json", "--json")
    assert done.exit_code == 3, done.stderr
    assert f"Child: its template is not a file here ({url})" in done.stderr
    assert done.document["not_changed"] == [{"nested_as": "Child", "url": url}]
    wrong = [one for one in done.document["verification"]["findings"] if one["outcome"] == "NG"]
    assert [one["check"] for one in wrong] == ["own-stack.template", "own-stack.task-definition"]
    assert all(one["resource"].startswith("Child.Worker") for one in wrong)


def test_a_parameters_file_and_a_container_that_is_left_out(desk: Desk) -> None:
    left_out = {"DockerLabels": {"com.fargate-guard.ignore": "true"}}
    template = task({"Ref": "Image"})
    template["Properties"]["ContainerDefinitions"].append(
        {"Name": "proxy", "Image": {"Ref": "Image"}, "EntryPoint": ["/proxy"], **left_out}
    )
    parameters = {"Image": {"Type": "String"}}
    desk.write("partly.json", text({"Web": template}, Parameters=parameters))
    desk.write("values.json", json.dumps([{"ParameterKey": "Image", "ParameterValue": "nginx:1.28"}]))
    done = desk.deploy("partly.json", "--parameters-file", "values.json", "--json")
    assert done.exit_code == 0, done.stderr
    told = [one["found"] for one in done.document["verification"]["findings"] if one["outcome"] == "OK"]
    assert len(told) == 2
    assert all("proxy left out" in one for one in told)
    assert desk.stack("partly")["Parameters"][0]["ParameterValue"] == "nginx:1.28"


def test_a_role_in_the_template_is_acknowledged_and_tags_are_kept(desk: Desk) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "web", "AssumeRolePolicyDocument": {}}}
    body = text({"Web": task(), "Role": role})
    desk.client("cloudformation").create_stack(
        StackName="tagged", TemplateBody=text({"Logs": GROUP}), Tags=[{"Key": "team", "Value": "web"}]
    )
    desk.write("tagged.json", body)
    done = desk.deploy("tagged.json")
    assert done.exit_code == 0, done.stderr
    assert desk.stack("tagged")["Tags"] == [{"Key": "team", "Value": "web"}]


def test_a_task_definition_that_a_macro_adds_does_not_go_uninstrumented_in_silence(desk: Desk) -> None:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.py", ADDS_A_TASK)
    role = desk.client("iam").create_role(RoleName="macro", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    desk.client("lambda").create_function(
        FunctionName="adder",
        Runtime="python3.12",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": package.getvalue()},
    )
    macro = {"Type": "AWS::CloudFormation::Macro", "Properties": {"Name": "Adder", "FunctionName": "adder"}}
    api = desk.client("cloudformation")
    api.create_stack(StackName="macro", TemplateBody=text({"Macro": macro}))
    api.get_waiter("stack_create_complete").wait(StackName="macro", WaiterConfig={"Delay": 0.05})
    web = {**task(), "Metadata": task()["Properties"]}
    desk.write("grows.json", text({"Web": web}, Transform="Adder"))
    done = desk.deploy("grows.json", "--json")
    assert done.exit_code == 3, done.stderr
    found = {(one["check"], one["resource"].split()[0]): one for one in done.document["verification"]["findings"]}
    assert {key for key, one in found.items() if one["outcome"] == "NG"} == {
        ("own-stack.template", "Added"),
        ("own-stack.task-definition", "Added"),
    }
    assert "fguard macro deploy" in found["own-stack.task-definition", "Added"]["fix"]


def test_the_orchestrators_host_is_the_live_deployments(desk: Desk) -> None:
    desk.write("live.yaml", LIVE)
    desk.write("web.json", text({"Web": task()}))
    environ = {key: value for key, value in desk.fguard.environ.items() if key != "FGUARD_ORCHESTRATOR_HOST"}
    fguard = replace(desk.fguard, environ=environ)
    plan = ("plan", "-c", "live.yaml", "--template", "web.json")
    before = fguard(*plan)
    assert (before.exit_code, "--orchestrator-host" in before.stderr) == (64, True), before.stderr
    deployed = fguard("deploy", "-c", "live.yaml", "--method", "cloudformation", "--yes", "--json")
    assert deployed.exit_code == 0, deployed.stderr
    planned = fguard(*plan)
    assert planned.exit_code == 2, planned.stderr
    assert deployed.document["orchestrator"]["host"] in planned.stderr


@pytest.mark.parametrize("command", ["plan", "deploy"])
def test_the_permissions_are_those_that_are_listed(desk: Desk, command: str) -> None:
    called = {call for call in desk.calls[command] if not call.endswith(":")}
    assert called == permissions(f"{command} --template")
