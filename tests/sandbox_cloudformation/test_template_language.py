"""What templates can say, and how CloudFormation refuses what they cannot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.sandbox_account import client
from tests.sandbox_cloudformation.stacks import log_group, refused, template

if TYPE_CHECKING:
    from tests.sandbox_cloudformation.stacks import Stacks

Json = Any
EVERY_FUNCTION = """
Parameters:
  Stage: {Type: String, Default: prod}
  Names: {Type: CommaDelimitedList, Default: 'a, b,c'}
Mappings:
  Days: {prod: {Kept: 30}, test: {Kept: 7}}
Conditions:
  Prod: !Equals [!Ref Stage, prod]
  Test: !Not [!Condition Prod]
  Both: !And [!Condition Prod, !Condition Test]
  Either: !Or [!Condition Prod, !Condition Test]
Resources:
  Log:
    Type: AWS::Logs::LogGroup
    Properties:
      LogGroupName: !Sub '/${AWS::StackName}/${Stage}/${!literal}'
      RetentionInDays: !If [Prod, !FindInMap [Days, !Ref Stage, Kept], !Ref AWS::NoValue]
  Never:
    Type: AWS::Logs::LogGroup
    Condition: Both
Outputs:
  Ref: {Value: !Ref Log}
  GetAtt: {Value: !GetAtt Log.Arn}
  Sub: {Value: !Sub ['${Log}-${Log.Arn}-${X}', {X: !Ref AWS::Region}]}
  Join: {Value: !Join ['-', !Ref Names]}
  SelectSplit: {Value: !Select [1, !Split ['/', 'a/b/c']]}
  Base64: {Value: {'Fn::Base64': hello}}
  Cidr: {Value: !Select [1, !Cidr ['10.0.0.0/16', 4, 8]]}
  Zones: {Value: !Select [0, !GetAZs '']}
  Json: {Value: !ToJsonString {a: !Ref Stage}}
  Id: {Value: !Select [2, !Split ['/', !Ref AWS::StackId]], Condition: Both}
  Either: {Value: !Join [':', [!Ref AWS::Partition, !Ref AWS::AccountId, !Ref AWS::URLSuffix]], Condition: Either}
  Date: {Value: 2012-10-17}
"""


def test_every_function_gives_what_it_gives_on_aws(stacks: Stacks) -> None:
    stacks.api.create_stack(StackName=stacks.name, TemplateBody=EVERY_FUNCTION)
    stacks.clock.advance(20)
    name = f"/{stacks.name}/prod/${{literal}}"
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{name}:*"
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stacks.describe()["Outputs"]}
    assert outputs == {
        "Ref": name,
        "GetAtt": arn,
        "Sub": f"{name}-{arn}-us-east-1",
        "Join": "a-b-c",
        "SelectSplit": "b",
        "Base64": "aGVsbG8=",
        "Cidr": "10.0.1.0/24",
        "Zones": "us-east-1a",
        "Json": '{"a":"prod"}',
        "Either": "aws:123456789012:amazonaws.com",
        "Date": "2012-10-17",
    }
    assert stacks.retention(name) == 30
    assert set(stacks.resources()) == {"Log"}
    given = [{"ParameterKey": "Stage", "ParameterValue": "test"}]
    stacks.api.update_stack(StackName=stacks.name, UsePreviousTemplate=True, Parameters=given)
    stacks.clock.advance(20)
    assert stacks.resources() == {"Log": f"/{stacks.name}/test/${{literal}}"}
    assert (
        "retentionInDays"
        not in stacks.logs.describe_log_groups(logGroupNamePrefix=f"/{stacks.name}/test")["logGroups"][0]
    )


LOG = log_group()
CHAIN = {"A": log_group(DependsOn="B"), "B": log_group(DependsOn="A")}
REFUSALS = {
    "{": "Template format error: JSON not well-formed. (line 1, column 2)",
    "Resources: [": "Template format error: YAML not well-formed. (line 2, column 1)",
    "words": "Template format error: unsupported structure.",
    template({}): "Template format error: At least one Resources member must be defined.",
    template({"A": LOG}, Extra={}): "Invalid template property or properties [Extra]",
    template(
        {"A": {}}
    ): "Template format error: [/Resources/A] Every Resources object must contain a Type member.",
    template({"A-b": LOG}): "Template format error: Resource name A-b is non alphanumeric.",
    template({"A": {**LOG, "Size": 1}}): "Invalid template resource property 'Size'",
    template({"A": {"Type": "Nonsense"}}): "Template format error: Unrecognized resource types: [Nonsense]",
    template({"A": log_group({"Ref": "Gone"})}): (
        "Template format error: Unresolved resource dependencies [Gone] in the Resources block of the template"
    ),
    template({"A": LOG}, Outputs={"O": {"Value": {"Fn::GetAtt": ["Gone", "Arn"]}}}): (
        "Template format error: Unresolved resource dependencies [Gone] in the Outputs block of the template"
    ),
    template(CHAIN): "Circular dependency between resources: [A, B]",
    template({"A": {**LOG, "Condition": "Gone"}}): (
        "Template format error: Unresolved condition dependency Gone in the Resources block of the template"
    ),
    template({"A": LOG}, Parameters={"P": {"Type": "String"}, "Q": {"Type": "String"}}): (
        "Parameters: [P, Q] must have values"
    ),
}


@pytest.mark.parametrize(("text", "message"), REFUSALS.items())
def test_a_template_is_refused_in_cloudformation_s_words(stacks: Stacks, text: str, message: str) -> None:
    found = refused(stacks.api.create_stack, StackName=stacks.name, TemplateBody=text)
    assert found == ("ValidationError", message)


def test_what_only_aws_has_is_said_plainly(stacks: Stacks) -> None:
    code, message = refused(stacks.create, {"A": {"Type": "AWS::Braket::Nothing"}})
    assert code == "NotSupportedBySandbox"
    assert "resources of the type AWS::Braket::Nothing" in message


CONSTRAINED: dict[str, tuple[dict[str, Any], str, str]] = {
    "One": ({"AllowedValues": ["a", "b"]}, "c", "Parameter 'One' must be one of AllowedValues"),
    "Pattern": ({"AllowedPattern": "[a-z]+"}, "A", "Parameter 'Pattern' must match pattern [a-z]+"),
    "Described": (
        {"AllowedPattern": "[a-z]+", "ConstraintDescription": "lower case"},
        "A",
        "Parameter Described failed to satisfy constraint: lower case",
    ),
    "Short": ({"MinLength": 2}, "a", "Parameter 'Short' must contain at least 2 characters"),
    "Long": ({"MaxLength": "2"}, "abc", "Parameter 'Long' must contain at most 2 characters"),
    "Count": ({"Type": "Number"}, "x", "Parameter 'Count' must be a number"),
    "Low": ({"Type": "Number", "MinValue": 2}, "1", "Parameter 'Low' must be a number not less than 2"),
    "High": ({"Type": "Number", "MaxValue": 2}, "3", "Parameter 'High' must be a number not greater than 2"),
}


@pytest.mark.parametrize("key", CONSTRAINED)
def test_a_parameter_is_refused_in_cloudformation_s_words(stacks: Stacks, key: str) -> None:
    declaration, value, message = CONSTRAINED[key]
    sections = {"Parameters": {key: {"Type": "String", **declaration}}}
    given = [{"ParameterKey": key, "ParameterValue": value}]
    assert refused(stacks.create, {"A": LOG}, sections=sections, Parameters=given) == ("ValidationError", message)


def test_unknown_parameters_are_refused(stacks: Stacks) -> None:
    given = [{"ParameterKey": "Extra", "ParameterValue": "1"}]
    message = "Parameters: [Extra] do not exist in the template"
    assert refused(stacks.create, {"A": LOG}, Parameters=given) == ("ValidationError", message)


def test_a_function_that_is_used_wrongly_is_refused_or_fails_its_resource(stacks: Stacks) -> None:
    conditions = {"Conditions": {"C": {"Fn::Equals": ["a"]}}}
    code, message = refused(stacks.create, {"A": LOG}, sections=conditions)
    assert code == "ValidationError"
    assert message.startswith("Template error: every Fn::Equals object must be well-formed")
    stacks.create({"A": log_group({"Fn::Select": [5, ["a"]]})})
    assert stacks.status == "ROLLBACK_COMPLETE"
    assert stacks.reason("A", "CREATE_FAILED") == (
        "Template error: Fn::Select cannot select nonexistent value at index 5"
    )


def test_parameters_come_from_the_parameter_store(stacks: Stacks) -> None:
    kind = "AWS::SSM::Parameter::Value<String>"
    sections = {"Parameters": {"Name": {"Type": kind, "Default": f"/{stacks.name}"}}}
    stacks.create({"A": log_group(name={"Ref": "Name"})}, sections=sections)
    assert stacks.reason("stack", "ROLLBACK_IN_PROGRESS") == (
        f"Unable to fetch parameters [/{stacks.name}] from parameter store for this account. "
        "Rollback requested by user."
    )
    stacks.delete()
    client(stacks.sandbox, "ssm").put_parameter(Name=f"/{stacks.name}", Value="/from-store", Type="String")
    stacks.create({"A": log_group(name={"Ref": "Name"})}, sections=sections)
    assert stacks.retention("/from-store") == 7
    (shown,) = stacks.describe()["Parameters"]
    assert (shown["ParameterValue"], shown["ResolvedValue"]) == (f"/{stacks.name}", "/from-store")


def test_secrets_are_resolved_where_they_are_used_and_shown_nowhere(stacks: Stacks) -> None:
    secrets = client(stacks.sandbox, "secretsmanager")
    arn = secrets.create_secret(Name=stacks.name, SecretString=json.dumps({"name": "/from-secret"}))["ARN"]
    reference = f"{{{{resolve:secretsmanager:{arn}:SecretString:name}}}}"
    stacks.create({"A": log_group(name=reference)})
    assert stacks.retention("/from-secret") == 7
    properties = [event["ResourceProperties"] for event in stacks.events() if "ResourceProperties" in event]
    assert all(json.loads(each)["LogGroupName"] == reference for each in properties)


def test_a_parameter_that_names_what_is_not_there_fails_the_stack(stacks: Stacks) -> None:
    sections = {"Parameters": {"Vpc": {"Type": "AWS::EC2::VPC::Id"}}}
    given = [{"ParameterKey": "Vpc", "ParameterValue": "vpc-12345678"}]
    stacks.create({"A": LOG}, sections=sections, Parameters=given)
    assert stacks.status == "ROLLBACK_COMPLETE"
    assert stacks.reason("stack", "ROLLBACK_IN_PROGRESS") == (
        "Parameter validation failed: parameter value vpc-12345678 for parameter name Vpc does not exist. "
        "Rollback requested by user."
    )


def test_large_templates_come_from_a_bucket(stacks: Stacks) -> None:
    s3 = client(stacks.sandbox, "s3")
    s3.create_bucket(Bucket=stacks.name)
    body = template({"A": log_group(name="/large")}, Metadata={"padding": "x" * 51_200})
    code, message = refused(stacks.api.create_stack, StackName=stacks.name, TemplateBody=body)
    assert code == "ValidationError"
    assert message.endswith(
        "at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200"
    )
    s3.put_object(Bucket=stacks.name, Key="a/template.json", Body=body)
    url = f"https://{stacks.name}.s3.us-east-1.amazonaws.com/a/template.json"
    stacks.api.create_stack(StackName=stacks.name, TemplateURL=url)
    stacks.clock.advance(20)
    assert stacks.retention("/large") == 7
    assert stacks.api.get_template(StackName=stacks.name)["TemplateBody"]["Metadata"]["padding"]


def test_templates_are_summed_up_and_validated(stacks: Stacks) -> None:
    key = {"Type": "String", "NoEcho": True, "Default": "secret", "Description": "the key"}
    resources = {"Role": {"Type": "AWS::IAM::Role", "Properties": {}}, "Log": LOG}
    body = template(resources, Parameters={"Key": key}, Description="about")
    for answer in (
        stacks.api.validate_template(TemplateBody=body),
        stacks.api.get_template_summary(TemplateBody=body),
    ):
        assert answer["Description"] == "about"
        assert answer["Capabilities"] == ["CAPABILITY_IAM"]
        assert "[AWS::IAM::Role]" in answer["CapabilitiesReason"]
        (parameter,) = answer["Parameters"]
        assert (parameter["NoEcho"], parameter["DefaultValue"], parameter["Description"]) == (
            True,
            "****",
            "the key",
        )
    assert answer["ResourceTypes"] == ["AWS::IAM::Role", "AWS::Logs::LogGroup"]
    _, message = refused(stacks.api.validate_template, TemplateBody=template({}))
    assert message == "Template format error: At least one Resources member must be defined."
