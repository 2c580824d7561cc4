"""What is given instead of a task definition is named, with what to do about it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fargate_guard.formats import Syntax, read_source
from fargate_guard.taskdef import NotATaskDefinitionError, TaskDefinitionError, read

SERVICE = {"serviceArn": "arn:s", "taskDefinition": "arn:aws:ecs:us-east-1:1:task-definition/web:7"}

OTHER_DOCUMENTS: dict[str, tuple[Any, str]] = {
    "a Kubernetes Deployment": ({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {}}, "Helm chart"),
    "the output of describe-services": (
        {"services": [SERVICE], "failures": []},
        "aws ecs describe-task-definition --task-definition arn:aws:ecs:us-east-1:1:task-definition/web:7",
    ),
    "the output of list-task-definitions": ({"taskDefinitionArns": ["arn"]}, "describe-task-definition"),
    "the output of list-task-definition-families": ({"families": ["web"]}, "describe-task-definition"),
    "the output of list-services": ({"serviceArns": ["arn"]}, "describe-services"),
    "the output of list-tasks": ({"taskArns": []}, "describe-tasks"),
    "the output of list-clusters": ({"clusterArns": []}, "describe-task-definition"),
    "the output of describe-clusters": ({"clusters": [], "failures": []}, "describe-task-definition"),
    "the output of describe-tasks": (
        {"tasks": [{"taskArn": "arn", "containers": []}], "failures": []},
        "taskDefinitionArn",
    ),
    "an ECS service": ({"serviceName": "web", "taskDefinition": "web:3"}, "the taskDefinition in it"),
    "the overrides of run-task": ({"containerOverrides": [{"name": "web"}]}, "task definition"),
    "an AWS Batch job definition": (
        {"jobDefinitionName": "j", "type": "container", "containerProperties": {"image": "x"}},
        "instrument the image",
    ),
    "a Terraform plan": ({"format_version": "1.2", "planned_values": {}}, "terraform-external"),
    "a Terraform state": (
        {"version": 4, "terraform_version": "1.9", "serial": 1, "resources": []},
        "terraform-external",
    ),
    "a template with Resource instead of Resources": (
        {"Resource": {"Web": {"Type": "AWS::ECS::TaskDefinition"}}},
        "rename $.Resource to Resources",
    ),
    "a Terraform configuration": ({"resource": {"aws_ecs_task_definition": {}}}, "terraform-external"),
    "a Terraform resource": ({"family": "web", "container_definitions": "[]"}, "terraform-external"),
    "one resource of a CloudFormation template": (
        {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": []}},
        "whole template",
    ),
    "a CodeDeploy AppSpec": ({"version": 0.0, "Resources": [{"TargetService": {}}]}, "deploys"),
    "a CDK project file": ({"app": "python app.py", "context": {}}, "cdk synth"),
    "the manifest of a CDK assembly": ({"version": "36.0.0", "artifacts": {}}, ".template.json"),
    "an AWS Copilot manifest": (
        {"name": "web", "type": "Load Balanced Web Service", "image": {"build": "."}},
        "copilot svc package",
    ),
    "an ECS CLI parameter file": ({"version": 1, "task_definition": {}}, "describe-task-definition"),
    "the configuration of fguard": ({"name": "x", "agent": {}, "sysdig": {}}, "--config"),
    "a report of fguard": ({"schema": "fguard.instrument/v1", "files": []}, "without --json"),
    "a package.json": ({"name": "web", "version": "1.0.0", "scripts": {}}, "runs the package"),
    "a Helm chart's Chart.yaml": ({"apiVersion": "v2", "name": "web", "version": "1.0.0"}, "ECS"),
    "the values of a Helm chart": ({"replicaCount": 1, "image": {"repository": "nginx"}}, "ECS"),
    "a single container definition": ({"name": "web", "image": "nginx"}, "array"),
    "an image's configuration": ({"architecture": "amd64", "config": {}, "rootfs": {}}, "runs the image"),
    "a Serverless Framework file": ({"service": "x", "provider": {"name": "aws"}}, "packages"),
    "a Compose file": ({"services": {"web": {"image": "nginx"}}}, "ECS task definition"),
    "a CI workflow": ({"name": "ci", "jobs": {}}, "deploys"),
    "an array of task definitions": ([{"family": "a", "containerDefinitions": []}], "a file of its own"),
    "the output of docker inspect": (
        [{"Id": "sha256:1", "RepoTags": ["x"], "Config": {"Cmd": ["x"]}}],
        "--entrypoint",
    ),
    "CodePipeline's imagedefinitions.json": ([{"name": "web", "imageUri": "nginx"}], "updates"),
    "an array of Kubernetes objects": ([{"apiVersion": "v1", "kind": "Pod"}], "ECS"),
}


@pytest.mark.parametrize("what", OTHER_DOCUMENTS)
def test_a_document_of_another_kind_is_named_with_what_to_do(what: str) -> None:
    document, advice = OTHER_DOCUMENTS[what]
    for reader in (read, read_source):
        with pytest.raises(NotATaskDefinitionError) as caught:
            reader(json.dumps(document))
        assert caught.value.message == f"this is {what}, not a task definition"
        assert advice in (caught.value.fix or "")


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"family": "web", "containerDefinition": [{"name": "web"}]}, "$.containerDefinition"),
        ({"family": "web", "containers": [{"name": "web"}]}, "$.containers"),
        ({"family": "web", "container-definitions": []}, "$.container-definitions"),
        ({"taskDefinition": {"ContainerDefintions": []}}, "$.taskDefinition.ContainerDefintions"),
    ],
)
def test_a_misspelled_key_is_recognised(document: dict[str, Any], path: str) -> None:
    with pytest.raises(NotATaskDefinitionError, match="no container definitions") as caught:
        read_source(json.dumps(document))
    assert caught.value.fix is not None
    assert caught.value.fix.startswith(f"rename {path} to containerDefinitions")


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ('\ufeffresource "aws_ecs_task_definition" "web" {\n}\n', "this is Terraform's language", "line 1"),
        ('# web\n\nmodule "web" {\n  source = "./web"\n}\n', "this is Terraform's language", "line 3"),
        ("terraform {\n}\n", "this is Terraform's language", "line 1"),
        ("# syntax\nFROM nginx:1.27\nRUN true\n", "this is a Dockerfile", "$"),
        ("<html></html>", "this is XML or HTML", "line 1"),
        ("---\napiVersion: v1\nkind: Pod\n---\napiVersion: v1\nkind: Service\n", "this is a Kubernetes Pod", "$"),
        ("family: {{ must_env `NAME` }}\n", "this is a template of Helm, Jinja or ecspresso", "$"),
        ("just words", "a string is not a task definition", "$"),
        ("", "the input is empty", None),
        ("\ufeff \n", "the input is empty", None),
        ('{\n  "family" "web"\n}', "not JSON", "line 2, column 12"),
        ('\ufeff[\n  {"name" "web"}]', "not JSON", "line 2, column 11"),
    ],
)
def test_what_is_neither_json_nor_yaml_is_told_where(text: str, message: str, where: str | None) -> None:
    with pytest.raises(NotATaskDefinitionError) as caught:
        read_source(text)
    assert caught.value.message.startswith(message)
    assert caught.value.where == where
    assert caught.value.exit_code == 64


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('{"a": [1, 2,]}', "remove the comma"),
        ('{"a": 1,\n}', "remove the comma"),
        ('{"a": 1, // one\n "b": 2}', "no comments"),
        ('// one\n{"a": 1}', "no comments"),
        ("{'a': 1}", "double quotes"),
        ('{"family": {{ must_env `NAME` }}}', "render the template"),
        ('{"cpu": ${CPU}}', "render the template"),
        ('[{"name": "web"}', "cut off"),
    ],
)
def test_a_common_mistake_in_json_comes_with_advice(text: str, advice: str) -> None:
    with pytest.raises(NotATaskDefinitionError, match="not JSON") as caught:
        read_source(text)
    assert advice in (caught.value.fix or "")


TEMPLATES = [
    {"Resources": {"Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": {}}}},
    {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Loop": 1}},
    {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"F": {"Type": "AWS::Serverless::Function"}}},
    {"Resources": {"Fn::ForEach::Tasks": ["Name", ["a"], {}]}},
    {"Resources": {}},
]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_recognised_by_its_resources(template: dict[str, Any]) -> None:
    source = read_source(json.dumps(template))
    assert source.is_template
    assert source.value == template
    with pytest.raises(NotATaskDefinitionError, match="this is a CloudFormation template"):
        read(json.dumps(template))


@pytest.mark.parametrize("other", [{"Resources": {"cpu": "1"}}, {"resources": []}, {"Resources": None}])
def test_other_resources_are_no_template(other: dict[str, Any]) -> None:
    with pytest.raises(NotATaskDefinitionError):
        read_source(json.dumps(other))


def test_json_is_read_and_written_in_its_own_style() -> None:
    text = '\ufeff{ "family":"web",\r\n\t"containerDefinitions" : [ {"name": "web", "cpu": 1.0} ] }\r\n'
    source = read_source(text)
    assert source.syntax is Syntax.JSON
    assert not source.is_template
    assert source.write(source.value) == text
    changed = {**source.value, "pidMode": "task"}
    assert source.write(changed) == text.replace("} ] }", '} ],\r\n\t"pidMode": "task" }')


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": {"b": 1, "b": 2}}', '{"a": 1e999}', '{"a": Infinity}'])
def test_json_that_nobody_can_rely_on_is_refused(text: str) -> None:
    with pytest.raises(TaskDefinitionError):
        read_source(text)
