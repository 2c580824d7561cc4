"""Functions, macros and nested stacks."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.sandbox import Sandbox
from tests.sandbox.sandbox_account import ManualClock
from tests.sandbox_cloudformation.resource_stack import Aws, deploy, drift, failures, physical_ids, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = Any
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
HANDLER = """
import os, sys, time

def handler(event, context):
    print("called as", context.function_name)
    if event.get("wrong"):
        raise ValueError("not like this")
    if event.get("slow"):
        print("going to sleep")
        time.sleep(60)
    libraries = [name for name in ("boto3", "fargate_guard") if _there(name)]
    return {"stage": os.environ["STAGE"], "home": os.environ.get("HOME"), "libraries": libraries}

def _there(name):
    try:
        __import__(name)
    except ImportError:
        return False
    return True
"""


def package(text: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", text)
    return archive.getvalue()


def template(stage: str, *, timeout: Json = 3) -> Json:
    return {
        "Resources": {
            "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/fguard/{stage}"}},
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.13",
                    "Architectures": ["arm64"],
                    "Handler": "index.handler",
                    "MemorySize": 256,
                    "Timeout": timeout,
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Code": {"S3Bucket": "code", "S3Key": "package.zip"},
                    "Environment": {"Variables": {"STAGE": stage}},
                    "LoggingConfig": {"LogGroup": {"Ref": "Logs"}},
                },
            },
            "Macro": {
                "Type": "AWS::CloudFormation::Macro",
                "Properties": {"Name": "Stage", "FunctionName": {"Fn::GetAtt": ["Function", "Arn"]}},
            },
            "Permission": {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "FunctionName": {"Ref": "Function"},
                    "Action": "lambda:InvokeFunction",
                    "Principal": "cloudformation.amazonaws.com",
                },
            },
        }
    }


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    clock = ManualClock(time.time())
    with Sandbox.start(clock=clock, sleep=clock.advance) as sandbox:
        aws = Aws(sandbox, clock)
        aws.s3.create_bucket(Bucket="code")
        aws.s3.put_object(Bucket="code", Key="package.zip", Body=package(HANDLER))
        deploy(aws, "macro", template("one"))
        yield aws


def call(aws: Aws, event: Json) -> Json:
    answer = aws.__getattr__("lambda").invoke(
        FunctionName=physical_ids(aws, "macro")["Function"], Payload=json.dumps(event)
    )
    return answer.get("FunctionError"), json.load(answer["Payload"])


def lines(aws: Aws, group: str) -> list[str]:
    streams = aws.logs.describe_log_streams(logGroupName=group)["logStreams"]
    pages = [aws.logs.get_log_events(logGroupName=group, logStreamName=s["logStreamName"]) for s in streams]
    return [event["message"] for page in pages for event in page["events"]]


def test_a_function_runs_in_a_clean_process_and_logs_where_it_should(aws: Aws) -> None:
    failed, payload = call(aws, {})
    assert failed is None
    assert payload == {"stage": "one", "home": None, "libraries": []}
    assert f"called as {physical_ids(aws, 'macro')['Function']}" in lines(aws, "/fguard/one")


def test_a_handler_s_error_is_answered_and_logged(aws: Aws) -> None:
    failed, payload = call(aws, {"wrong": True})
    assert failed == "Unhandled"
    assert (payload["errorType"], payload["errorMessage"]) == ("ValueError", "not like this")
    assert "[ERROR] ValueError: not like this" in lines(aws, "/fguard/one")


def test_a_function_is_changed_in_place_and_stopped_at_its_time_out(aws: Aws) -> None:
    before = physical_ids(aws, "macro")
    deploy(aws, "macro", template("two", timeout="1"), update=True)
    assert physical_ids(aws, "macro")["Function"] == before["Function"]
    assert drift(aws, "macro") == {}
    failed, payload = call(aws, {"slow": True})
    assert failed == "Unhandled"
    assert payload["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert "going to sleep" in lines(aws, "/fguard/two")
    deploy(aws, "macro", template("one"), update=True)


def test_two_macros_cannot_have_one_name(aws: Aws) -> None:
    macro = {"Type": "AWS::CloudFormation::Macro", "Properties": {"Name": "Stage", "FunctionName": "any"}}
    body = json.dumps({"Resources": {"Macro": macro}})
    stack = aws.cloudformation.create_stack(StackName="twin", TemplateBody=body)["StackId"]
    assert settle(aws, stack)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert failures(aws, stack) == ["Macro: Stage already exists"]


def nested(days: int, key: str = "child.json") -> Json:
    return {
        "Resources": {
            "Child": {
                "Type": "AWS::CloudFormation::Stack",
                "Properties": {
                    "TemplateURL": f"https://code.s3.amazonaws.com/{key}",
                    "Parameters": {"Days": days},
                },
            }
        },
        "Outputs": {"Group": {"Value": {"Fn::GetAtt": ["Child", "Outputs.Group"]}}},
    }


def child(kind: str = "AWS::Logs::LogGroup") -> bytes:
    properties = {"RetentionInDays": {"Ref": "Days"}}
    document = {
        "Parameters": {"Days": {"Type": "Number"}},
        "Resources": {"Logs": {"Type": kind, "Properties": properties}},
        "Outputs": {"Group": {"Value": {"Ref": "Logs"}}},
    }
    return json.dumps(document).encode()


def test_a_nested_stack_lives_with_its_parent(aws: Aws) -> None:
    aws.s3.put_object(Bucket="code", Key="child.json", Body=child())
    parent = deploy(aws, "parent", nested(7))
    (output,) = parent["Outputs"]
    stack = physical_ids(aws, "parent")["Child"]
    described = aws.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    assert (described["ParentId"], described["StackStatus"]) == (parent["StackId"], "CREATE_COMPLETE")
    deploy(aws, "parent", nested(14), update=True)
    (group,) = aws.logs.describe_log_groups(logGroupNamePrefix=output["OutputValue"])["logGroups"]
    assert group["retentionInDays"] == 14
    aws.cloudformation.delete_stack(StackName="parent")
    assert settle(aws, parent["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert settle(aws, stack)["StackStatus"] == "DELETE_COMPLETE"


def test_a_nested_stack_that_fails_fails_its_parent_with_its_name(aws: Aws) -> None:
    aws.s3.put_object(Bucket="code", Key="broken.json", Body=child("AWS::EC2::Subnet"))
    body = json.dumps(nested(7, "broken.json"))
    parent = aws.cloudformation.create_stack(StackName="hapless", TemplateBody=body)["StackId"]
    assert settle(aws, parent)["StackStatus"] == "ROLLBACK_COMPLETE"
    cause = failures(aws, parent)[0]
    assert cause.startswith("Child: Embedded stack arn:aws:cloudformation:")
    assert "The following resource(s) failed to create: [Logs]" in cause
