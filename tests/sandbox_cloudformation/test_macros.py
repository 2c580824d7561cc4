"""Transforms: a macro's package is run, and its failures are told as CloudFormation tells them."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.sandbox_account import client
from tests.sandbox_cloudformation.stacks import log_group, refused, template

if TYPE_CHECKING:
    from tests.sandbox_cloudformation.stacks import Stacks

Json = dict[str, Any]
HANDLER = """
import json
def handler(event, context):
    answer = {"requestId": event["requestId"], "status": "success", "fragment": event["fragment"]}
    wish = event["templateParameterValues"].get("Wish") or event["params"].get("Wish")
    if wish == "raise":
        raise RuntimeError("no")
    if wish == "refuse":
        return {**answer, "status": "failure", "errorMessage": "cannot instrument Task"}
    if wish == "refuse silently":
        return {**answer, "status": "failure"}
    if wish == "forget":
        return {"status": "success"}
    if "Resources" in event["fragment"]:
        seen = {key: event[key] for key in ("region", "accountId", "transformId", "params")}
        event["fragment"]["Resources"]["Made"] = {
            "Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/made-by-macro"}, "Metadata": seen
        }
    else:
        event["fragment"]["RetentionInDays"] = event["params"]["Days"]
    return answer
"""
CAPABILITIES = ["CAPABILITY_AUTO_EXPAND"]


@pytest.fixture(scope="module")
def macro(sandbox: Any, clock: Any) -> str:
    """The name of a macro that adds a log group, or does what the parameter ``Wish`` says."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", HANDLER)
    role = client(sandbox, "iam").create_role(RoleName="macro", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    client(sandbox, "lambda").create_function(
        FunctionName="macro",
        Runtime="python3.12",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": buffer.getvalue()},
    )
    body = template({"Macro": {"Type": "AWS::CloudFormation::Macro", "Properties": {}}})
    document = json.loads(body)
    document["Resources"]["Macro"]["Properties"] = {"Name": "Adder", "FunctionName": "macro"}
    api = client(sandbox, "cloudformation")
    api.create_stack(StackName="macro", TemplateBody=json.dumps(document))
    clock.advance(20)
    assert api.describe_stacks(StackName="macro")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    return "Adder"


def wishing(wish: str, transform: str) -> Json:
    return {"Transform": transform, "Parameters": {"Wish": {"Type": "String", "Default": wish}}}


def test_a_macro_rewrites_the_template_and_both_stages_are_kept(stacks: Stacks, macro: str) -> None:
    sections = {"Transform": [macro]}
    code, message = refused(stacks.create, {"Log": log_group()}, sections=sections)
    assert (code, message) == (
        "InsufficientCapabilitiesException",
        "Requires capabilities : [CAPABILITY_AUTO_EXPAND]",
    )
    stacks.create({"Log": log_group()}, sections=sections, Capabilities=CAPABILITIES)
    assert stacks.resources()["Made"] == "/made-by-macro"
    original = stacks.api.get_template(StackName=stacks.name, TemplateStage="Original")["TemplateBody"]
    processed = stacks.api.get_template(StackName=stacks.name, TemplateStage="Processed")["TemplateBody"]
    assert set(original["Resources"]) == {"Log"}
    assert "Transform" not in processed
    assert processed["Resources"]["Made"]["Metadata"] == {
        "region": "us-east-1",
        "accountId": "123456789012",
        "transformId": "123456789012::Adder",
        "params": {},
    }
    summary = stacks.api.get_template_summary(TemplateBody=template({"Log": log_group()}, Transform=macro))
    assert summary["DeclaredTransforms"] == ["Adder"]
    assert summary["Capabilities"] == CAPABILITIES
    stacks.delete()


def test_a_macro_within_a_resource_sees_its_siblings(stacks: Stacks, macro: str) -> None:
    inline = {"Name": macro, "Parameters": {"Days": 60}}
    properties = {"LogGroupName": "/inline", "Fn::Transform": inline}
    resources = {"Log": {"Type": "AWS::Logs::LogGroup", "Properties": properties}}
    described = stacks.change_set(resources, kind="CREATE")
    assert described["Status"] == "CREATE_COMPLETE"
    stacks.execute()
    assert stacks.retention("/inline") == 60


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ("refuse", "Transform 123456789012::Adder failed with: cannot instrument Task"),
        ("refuse silently", "Transform 123456789012::Adder failed without an error message."),
        ("raise", "Received malformed response from transform 123456789012::Adder"),
        ("forget", "Received malformed response from transform 123456789012::Adder"),
    ],
)
def test_a_macro_that_fails_fails_the_change_set(stacks: Stacks, macro: str, wish: str, told: str) -> None:
    described = stacks.change_set({"Log": log_group()}, kind="CREATE", sections=wishing(wish, macro))
    assert (described["Status"], described["StatusReason"]) == ("FAILED", told)


@pytest.mark.parametrize("days", [{"A": 1}, {"Fn::ImportValue": "days"}, [{"Fn::GetAtt": ["Log", "Arn"]}]])
def test_a_macro_gets_no_objects_and_nothing_of_other_stacks(stacks: Stacks, macro: str, days: Any) -> None:
    transform = [{"Name": macro, "Parameters": {"Days": days}}]
    described = stacks.change_set({"Log": log_group()}, kind="CREATE", sections={"Transform": transform})
    assert described["Status"] == "FAILED"
    assert described["StatusReason"] == (
        "The value of parameter Days under transform Adder must resolve to a string, number, boolean or a list of"
        " any of these."
    )


def test_a_macro_that_fails_fails_the_stack(stacks: Stacks, macro: str) -> None:
    sections = wishing("refuse", macro)
    stacks.create({"Log": log_group()}, sections=sections, Capabilities=CAPABILITIES)
    assert stacks.status == "ROLLBACK_COMPLETE"
    assert stacks.reason("stack", "ROLLBACK_IN_PROGRESS") == (
        "Transform 123456789012::Adder failed with: cannot instrument Task. Rollback requested by user."
    )
    stacks.delete()
    stacks.create({"Log": log_group()})
    stacks.update({"Log": log_group(30)}, sections=sections, Capabilities=CAPABILITIES)
    assert stacks.status == "UPDATE_ROLLBACK_COMPLETE"


def test_a_transform_that_is_not_there_is_named(stacks: Stacks) -> None:
    described = stacks.change_set({"Log": log_group()}, kind="CREATE", sections={"Transform": "Nobody"})
    assert described["StatusReason"] == "No transform named 123456789012::Nobody found."
    sections = {"Transform": "AWS::Serverless-2016-10-31"}
    stacks.delete()
    code, message = refused(stacks.create, {"Log": log_group()}, sections=sections, Capabilities=CAPABILITIES)
    assert code == "NotSupportedBySandbox"
    assert "the transform AWS::Serverless-2016-10-31" in message


def test_aws_include_brings_a_snippet_from_a_bucket(stacks: Stacks) -> None:
    s3 = client(stacks.sandbox, "s3")
    s3.create_bucket(Bucket=stacks.name)
    s3.put_object(Bucket=stacks.name, Key="part.yaml", Body=b"RetentionInDays: 90\n")
    include = {"Name": "AWS::Include", "Parameters": {"Location": f"s3://{stacks.name}/part.yaml"}}
    properties = {"LogGroupName": "/included", "Fn::Transform": include}
    resources = {"Log": {"Type": "AWS::Logs::LogGroup", "Properties": properties}}
    stacks.create(resources, Capabilities=CAPABILITIES)
    assert stacks.retention("/included") == 90
