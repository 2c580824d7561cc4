"""What cannot be deployed as it should be is refused, or found afterwards; nothing passes in silence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.own_template.conftest import Desk

Json = Any


def task(image: Json = "nginx:1.27", **more: Json) -> Json:
    """A task definition for Fargate that says all that it runs."""
    container = {"Name": "web", "Image": image, "EntryPoint": ["/web"], **more}
    properties = {
        "RequiresCompatibilities": ["FARGATE"],
        "NetworkMode": "awsvpc",
        "Cpu": "256",
        "Memory": "512",
        "ContainerDefinitions": [container],
    }
    return {"Type": "AWS::ECS::TaskDefinition", "Properties": properties}


def text(resources: Json, **sections: Json) -> str:
    return json.dumps({**sections, "Resources": resources}, indent=2)


def nested(place: str, **parameters: Json) -> Json:
    properties: Json = {"TemplateURL": place, **({"Parameters": parameters} if parameters else {})}
    return {"Type": "AWS::CloudFormation::Stack", "Properties": properties}


CODE = {"Type": "AWS::Lambda::Function", "Properties": {"Code": "src/", "Handler": "a.b", "Role": "r"}}
GROUP = {"Type": "AWS::Logs::LogGroup", "Properties": {}}


@pytest.mark.parametrize(
    ("template", "exit_code", "words"),
    [
        (text({"Web": task(), "Code": CODE}), 4, "aws cloudformation package --template-file"),
        (text({"Web": task(), "Self": nested("refused.json")}), 4, "nest each other without end"),
        (text({"Web": task(), "Lost": nested("lost.yaml")}), 64, "lost.yaml"),
        (text({"Logs": GROUP}), 4, "no task definition for Fargate"),
        (text({"Web": task(), "Inner": nested("open.json")}), 4, "open.json"),
        (text({"Web": task()}, Parameters={"Stage": {"Type": "String"}}), 64, "--parameter Stage=VALUE"),
        ('{"family": "web", "containerDefinitions": [{"name": "web", "image": "nginx"}]}', 64, "workloads"),
        ('{"Resources": ', 64, "refused.json"),
    ],
    ids=["local code", "cycle", "no such child", "nothing", "child unknown", "no value", "no template", "syntax"],
)
def test_what_would_not_work_is_refused_before_anything_is_made(
    desk: Desk, template: str, exit_code: int, words: str
) -> None:
    desk.write("refused.json", template)
    desk.write("open.json", text({"Web": task({"Ref": "Image"}, EntryPoint=[])}, Parameters=IMAGE))
    refused = desk.deploy("refused.json")
    assert refused.exit_code == exit_code, refused.stderr
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr
    assert desk.stack("refused") is None


IMAGE = {"Image": {"Type": "String", "Default": "nginx:1.27"}}


def test_a_misspelt_parameter_is_refused_with_the_nearest(desk: Desk) -> None:
    desk.write("spelt.json", text({"Web": task({"Ref": "Image"})}, Parameters=IMAGE))
    refused = desk.deploy("spelt.json", "--parameter", "Imgae=nginx:1.28")
    assert (refused.exit_code, "did you mean Image?" in refused.stderr) == (64, True)


def test_a_stack_that_fguard_made_is_not_overwritten(desk: Desk) -> None:
    desk.client("cloudformation").create_stack(
        StackName="fguard-templates",
        TemplateBody=text({"Logs": GROUP}),
        Tags=[{"Key": "fguard:managed-by", "Value": "fargate-guard"}],
    )
    desk.write("mine.json", text({"Web": task()}))
    refused = desk.deploy("mine.json", "--stack-name", "fguard-templates")
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
    told = [one["found"] for one in done.document["verification"]["findings"]]
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


def test_options_of_a_template_need_one(desk: Desk) -> None:
    for arguments in (
        ("--parameter", "A=b"),
        ("--uninstrumented",),
        ("--template", "app.yaml", "--method", "terraform"),
    ):
        refused = desk.fguard("deploy", *arguments, "--yes")
        assert (refused.exit_code, "--template" in refused.stderr) == (64, True)
