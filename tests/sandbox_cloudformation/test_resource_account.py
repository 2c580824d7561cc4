"""Roles, secrets, keys, buckets and the like that stacks make, as their services show them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.sandbox import Sandbox
from tests.sandbox.sandbox_account import ManualClock
from tests.sandbox_cloudformation.resource_stack import GONE, Aws, Case, Life, failures, live, ref, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = Any
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
EXECUTION = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"


def allow(action: str) -> Json:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


def deny(action: str) -> Json:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*"}],
    }


KEY_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}


def template(*, new: bool) -> Json:
    action = "s3:PutObject" if new else "s3:GetObject"
    resources = {
        "Role": (
            "IAM::Role",
            {
                "AssumeRolePolicyDocument": TRUST,
                "Policies": [{"PolicyName": "inline", "PolicyDocument": allow(action)}],
                **({} if new else {"ManagedPolicyArns": [EXECUTION]}),
                "Tags": [{"Key": "stage", "Value": "new" if new else "old"}],
            },
        ),
        "Policy": (
            "IAM::Policy",
            {"PolicyName": "separate", "PolicyDocument": allow(action), "Roles": [ref("Role")]},
        ),
        "RolePolicy": (
            "IAM::RolePolicy",
            {"PolicyName": "own", "PolicyDocument": allow(action), "RoleName": ref("Role")},
        ),
        "Managed": ("IAM::ManagedPolicy", {"PolicyDocument": allow(action)}),
        "Profile": ("IAM::InstanceProfile", {"Roles": [ref("Role")]}),
        "Secret": ("SecretsManager::Secret", {"Description": "key", "SecretString": "new" if new else "old"}),
        "Generated": (
            "SecretsManager::Secret",
            {"GenerateSecretString": {"GenerateStringKey": "password", "SecretStringTemplate": '{"user": "me"}'}},
        ),
        "SecretPolicy": (
            "SecretsManager::ResourcePolicy",
            {
                "SecretId": ref("Secret"),
                "ResourcePolicy": deny("secretsmanager:PutSecretValue" if new else "secretsmanager:DeleteSecret"),
            },
        ),
        "Parameter": ("SSM::Parameter", {"Type": "String", "Value": "new" if new else "old"}),
        "Key": ("KMS::Key", {"KeyPolicy": KEY_POLICY, "EnableKeyRotation": "false" if new else "true"}),
        "Alias": ("KMS::Alias", {"AliasName": "alias/fguard", "TargetKeyId": ref("Key")}),
        "Bucket": (
            "S3::Bucket",
            {
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": "true",
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": not new,
                },
                "VersioningConfiguration": {"Status": "Enabled"},
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                    ]
                },
                "LifecycleConfiguration": {
                    "Rules": [{"Id": "old", "Status": "Enabled", "ExpirationInDays": "30"}]
                },
            },
        ),
        "BucketPolicy": (
            "S3::BucketPolicy",
            {
                "Bucket": ref("Bucket"),
                "PolicyDocument": deny("s3:PutBucketAcl" if new else "s3:PutObjectAcl"),
            },
        ),
        "Topic": ("SNS::Topic", {"DisplayName": "new" if new else "old"}),
        "Queue": ("SQS::Queue", {"VisibilityTimeout": 60 if new else "45"}),
        "Table": (
            "DynamoDB::Table",
            {
                "AttributeDefinitions": [{"AttributeName": "LockID", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "LockID", "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": new},
            },
        ),
    }
    made = {name: {"Type": f"AWS::{kind}", "Properties": each} for name, (kind, each) in resources.items()}
    return {"Resources": made, "Outputs": {"RoleArn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}}}


def actions(policy: Json) -> str:
    document = json.loads(policy) if isinstance(policy, str) else policy
    return str(document["Statement"][0]["Action"])


def role(aws: Aws, name: str) -> Json:
    tags = {tag["Key"]: tag["Value"] for tag in aws.iam.get_role(RoleName=name)["Role"].get("Tags", [])}
    attached = aws.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    inline = aws.iam.get_role_policy(RoleName=name, PolicyName="inline")["PolicyDocument"]
    return (actions(inline), [policy["PolicyArn"] for policy in attached], tags)


def policy_of_role(name: str) -> Any:
    def look(aws: Aws, _: str) -> Json:
        only = next(each["RoleName"] for each in aws.iam.list_roles()["Roles"] if "-Role-" in each["RoleName"])
        return actions(aws.iam.get_role_policy(RoleName=only, PolicyName=name)["PolicyDocument"])

    return look


def managed(aws: Aws, arn: str) -> Json:
    policy = aws.iam.get_policy(PolicyArn=arn)["Policy"]
    version = aws.iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])
    return (
        actions(version["PolicyVersion"]["Document"]),
        len(aws.iam.list_policy_versions(PolicyArn=arn)["Versions"]),
    )


def key(aws: Aws, key_id: str) -> Json:
    if aws.kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "PendingDeletion":
        return GONE
    return aws.kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]


def bucket(aws: Aws, name: str) -> Json:
    block = aws.s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    rule = aws.s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0]
    versioning = aws.s3.get_bucket_versioning(Bucket=name)["Status"]
    return (block["RestrictPublicBuckets"], rule["Expiration"]["Days"], versioning)


def secret(aws: Aws, arn: str) -> Json:
    return aws.secretsmanager.get_secret_value(SecretId=arn)["SecretString"]


CASES = (
    Case(
        "Role",
        role,
        before=("s3:GetObject", [EXECUTION], {"stage": "old", "team": "blue"}),
        after=("s3:PutObject", [], {"stage": "new", "team": "blue"}),
        tamper=lambda aws, i: aws.iam.put_role_policy(
            RoleName=i, PolicyName="inline", PolicyDocument=json.dumps(allow("*"))
        ),
        drifted="/Policies",
    ),
    Case("Policy", policy_of_role("separate"), before="s3:GetObject", after="s3:PutObject"),
    Case("RolePolicy", policy_of_role("own"), before="s3:GetObject", after="s3:PutObject"),
    Case("Managed", managed, before=("s3:GetObject", 1), after=("s3:PutObject", 1)),
    Case(
        "Profile",
        lambda aws, i: len(aws.iam.get_instance_profile(InstanceProfileName=i)["InstanceProfile"]["Roles"]),
        before=1,
    ),
    Case("Secret", secret, before="old", after="new"),
    Case("Generated", lambda aws, i: sorted(json.loads(secret(aws, i))), before=["password", "user"]),
    Case(
        "SecretPolicy",
        lambda aws, i: actions(aws.secretsmanager.get_resource_policy(SecretId=i)["ResourcePolicy"]),
        before="secretsmanager:DeleteSecret",
        after="secretsmanager:PutSecretValue",
    ),
    Case(
        "Parameter",
        lambda aws, i: aws.ssm.get_parameter(Name=i)["Parameter"]["Value"],
        before="old",
        after="new",
        tamper=lambda aws, i: aws.ssm.put_parameter(Name=i, Value="other", Overwrite=True),
        drifted="/Value",
    ),
    Case("Key", key, before=True, after=False),
    Case(
        "Alias",
        lambda aws, i: [a["AliasName"] for a in aws.kms.list_aliases()["Aliases"] if a["AliasName"] == i] or GONE,
        before=["alias/fguard"],
    ),
    Case(
        "Bucket",
        bucket,
        before=(True, 30, "Enabled"),
        after=(False, 30, "Enabled"),
        tamper=lambda aws, i: aws.s3.delete_public_access_block(Bucket=i),
        drifted="/PublicAccessBlockConfiguration",
    ),
    Case(
        "BucketPolicy",
        lambda aws, i: actions(aws.s3.get_bucket_policy(Bucket=i)["Policy"]),
        before="s3:PutObjectAcl",
        after="s3:PutBucketAcl",
    ),
    Case(
        "Topic",
        lambda aws, i: aws.sns.get_topic_attributes(TopicArn=i)["Attributes"]["DisplayName"],
        before="old",
        after="new",
    ),
    Case(
        "Queue",
        lambda aws, i: aws.sqs.get_queue_attributes(QueueUrl=i, AttributeNames=["All"])["Attributes"][
            "VisibilityTimeout"
        ],
        before="45",
        after="60",
        tamper=lambda aws, i: aws.sqs.set_queue_attributes(QueueUrl=i, Attributes={"VisibilityTimeout": "1"}),
        drifted="/VisibilityTimeout",
    ),
    Case(
        "Table",
        lambda aws, i: aws.dynamodb.describe_continuous_backups(TableName=i)["ContinuousBackupsDescription"][
            "PointInTimeRecoveryDescription"
        ]["PointInTimeRecoveryStatus"],
        before="DISABLED",
        after="ENABLED",
    ),
)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    clock = ManualClock(time.time())
    with Sandbox.start(clock=clock, sleep=clock.advance) as sandbox:
        yield Aws(sandbox, clock)


@pytest.fixture(scope="module")
def life(aws: Aws) -> Life:
    return live(aws, "account", (template(new=False), template(new=True)), CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_resource_is_made_changed_watched_and_deleted(life: Life, case: Case) -> None:
    life.held(case)


def test_everything_changed_in_place(life: Life) -> None:
    assert life.physical_after == life.physical


def test_a_role_tells_its_arn(life: Life) -> None:
    assert life.outputs["RoleArn"] == f"arn:aws:iam::123456789012:role/{life.physical['Role']}"


@pytest.mark.parametrize(
    ("kind", "properties", "reason"),
    [
        ("AWS::Logs::LogGroup", {"Retention": 1}, "#: extraneous key [Retention] is not permitted"),
        ("AWS::EC2::Subnet", {}, "#: required key [VpcId] not found"),
        ("AWS::EC2::EIP", {"InstanceId": "i-1"}, "The fguard sandbox does not simulate InstanceId"),
        (
            "AWS::S3::Bucket",
            {"WebsiteConfiguration": {}},
            "does not simulate WebsiteConfiguration of AWS::S3::Bucket",
        ),
        ("AWS::ECS::TaskDefinition", {"RuntimePlatform": {"Cpu": "x"}}, "#/RuntimePlatform: extraneous key [Cpu]"),
        (
            "AWS::Logs::LogGroup",
            {"RetentionInDays": "soon"},
            "#/RetentionInDays: expected type: Integer, found: soon",
        ),
    ],
)
def test_a_property_that_is_wrong_or_would_be_forgotten_fails_the_resource(
    aws: Aws, kind: str, properties: Json, reason: str
) -> None:
    name = f"wrong-{len(reason)}"
    body = json.dumps({"Resources": {"It": {"Type": kind, "Properties": properties}}})
    stack = aws.cloudformation.create_stack(StackName=name, TemplateBody=body)["StackId"]
    assert settle(aws, stack)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert reason in failures(aws, stack)[0]
