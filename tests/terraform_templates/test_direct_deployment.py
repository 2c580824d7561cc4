"""Agents that connect to the collector themselves, in a VPC that is created: the real Terraform and AWS provider.

Beside the workload that runs, there is one whose texts are as nasty as texts can be; both arrive in one apply.
"""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.deployment import DeploymentOutputs, WorkloadOutputs
from tests.stack_templates.deployed_stack import deploy_stack
from tests.stack_templates.inventory import Inventory, differences
from tests.terraform_templates.rendered_modules import TerraformFolder, config, rendered, web

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.config import Config
    from tests.terraform_templates.account import Account

LEGAL_TAG_VALUE = "Zürich team:å/名 a+b=c_d.e@f-1"
"""Everything that AWS allows in a tag's value besides plain letters."""

PIECES = [
    *("${", "}", "%{", "if", "$${", "%%{", "~}", "${path.module}", "var.name", "<<EOT", "EOT\n", "#", "/*", "//"),
    *('"', "'", "\\", "\\\\", "\\n", "\\u0041", "null", "true", "{}", "[]", "<", ">", "&", "/"),
    *("\n", "\r\n", "\t", " ", "\x01", "\x7f", "\u00a0", "\u2028", "\ufeff"),
    *("🚀", "👩\u200d👩\u200d👧", "é", "ß", "漢字", "a"),
    *("{{ x }}", "{% x %}", "{#"),
]
"""What Terraform's, JSON's or Jinja's syntax is made of, and what encodings stumble over."""


def nasty_texts() -> list[str]:
    """Every piece alone, then three hundred mixtures; seeded, so that a failure can be seen again."""
    dice = random.Random(20)
    mixtures = ["".join(dice.choices(PIECES, k=dice.randint(2, 9))) for _ in range(300)]
    return ["", *PIECES, *(unicodedata.normalize("NFC", text) for text in mixtures)]


@dataclass
class Deployed:
    terraform: TerraformFolder
    outputs: DeploymentOutputs
    texts: list[str]

    def workload(self, name: str) -> WorkloadOutputs:
        return self.outputs.workloads[name]


def direct_settings() -> Config:
    """Two workloads in a VPC without NAT gateways."""
    return config(
        agent={"topology": "direct"},
        network={"nat_gateway": "none", "endpoints": ["s3", "ecr", "logs", "secretsmanager", "ssm"]},
        tags={"note": LEGAL_TAG_VALUE},
        workloads=[
            {
                "task_definition": "web.json",
                "service": {"desired_count": 2, "enable_execute_command": True},
                "create_log_groups": True,
            },
            {"name": "nasty", "task_definition": "nasty.json"},
        ],
    )


def direct_definitions(account: Account, texts: list[str]) -> dict[str, dict[str, Any]]:
    """Their task definitions; what these refer to is made in the account."""
    parameter = "arn:aws:ssm:us-east-1:123456789012:parameter/db/password"
    account.client("ssm").put_parameter(Name="/db/password", Value="x", Type="SecureString")
    account.client("iam").create_role(RoleName="brought", AssumeRolePolicyDocument="{}")
    return {
        "web": web(
            secrets=[{"name": "PASSWORD", "valueFrom": parameter}],
            logConfiguration={
                "logDriver": "awslogs",
                "options": {"awslogs-group": "/fguard/t1/own", "awslogs-region": "us-east-1"},
            },
        )
        | {"ephemeralStorage": {"sizeInGiB": 30}, "runtimePlatform": {"cpuArchitecture": "ARM64"}},
        "nasty": web(
            environment=[{"name": f"TEXT_{number}", "value": text} for number, text in enumerate(texts)],
            command=[text for text in texts if text],
            dockerLabels={f"label {number} {text}": text for number, text in enumerate(texts[:60])},
        )
        | {
            "tags": [{"key": LEGAL_TAG_VALUE, "value": LEGAL_TAG_VALUE}],
            "executionRoleArn": "brought",
            "volumes": [{"name": "data", "efsVolumeConfiguration": EFS}],
            "proxyConfiguration": ENVOY,
        },
    }


@pytest.fixture(scope="module")
def deployed(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Both workloads deployed; destroyed afterwards, and only the revisions may be left then, to roll back to."""
    texts = nasty_texts()
    definitions = direct_definitions(account, texts)
    terraform = account.terraform(tmp_path_factory.mktemp("direct") / "module")
    terraform.deploy(rendered(direct_settings(), definitions, access_key_arn=account.access_key_arn))
    outputs = DeploymentOutputs.of(terraform.driver.outputs())
    assert outputs is not None
    yield Deployed(terraform, outputs, texts)
    terraform.driver.destroy()
    assert account.leftovers() == []
    revisions = account.client("ecs").list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
    assert sorted(revisions) == sorted(workload.task_definition_arn for workload in outputs.workloads.values())


EFS = {
    "fileSystemId": "fs-01234567",
    "rootDirectory": "/data",
    "transitEncryption": "ENABLED",
    "authorizationConfig": {"iam": "ENABLED"},
}
ENVOY = {"type": "APPMESH", "containerName": "web", "properties": [{"name": "ProxyEgressPort", "value": "15001"}]}


def test_every_text_arrives_byte_for_byte(account: Account, deployed: Deployed) -> None:
    container = account.container(deployed.workload("nasty").task_definition_arn, "web")
    environment = {variable["name"]: variable["value"] for variable in container["environment"]}
    arrived = [environment[f"TEXT_{number}"] for number in range(len(deployed.texts))]
    assert arrived == deployed.texts
    assert container["command"] == [text for text in deployed.texts if text]
    labels = {f"label {number} {text}": text for number, text in enumerate(deployed.texts[:60])}
    assert container["dockerLabels"] == labels


def test_tags_arrive_unchanged(account: Account, deployed: Deployed) -> None:
    ecs = account.client("ecs")
    expected = {"note": LEGAL_TAG_VALUE, "fguard:deployment": "t1", "fguard:managed-by": "fargate-guard"}
    [cluster] = ecs.describe_clusters(clusters=[deployed.outputs.cluster.arn], include=["TAGS"])["clusters"]
    assert {tag["key"]: tag["value"] for tag in cluster["tags"]} == expected
    arn = deployed.workload("nasty").task_definition_arn
    tags = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])["tags"]
    assert {tag["key"]: tag["value"] for tag in tags} == expected | {LEGAL_TAG_VALUE: LEGAL_TAG_VALUE}


def test_a_second_plan_finds_nothing_to_change(deployed: Deployed) -> None:
    plan = deployed.terraform.driver.plan(deployed.terraform.folder.with_name("second.tfplan"))
    assert plan.changes == ()
    assert not plan.has_changes


def test_task_level_fields_are_carried(account: Account, deployed: Deployed) -> None:
    def task_definition(name: str) -> dict[str, Any]:
        arn = deployed.workload(name).task_definition_arn
        return dict(account.client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"])

    running, nasty = task_definition("web"), task_definition("nasty")
    assert (running["cpu"], running["memory"], running["pidMode"]) == ("512", "1024", "task")
    assert running["ephemeralStorage"] == {"sizeInGiB": 30}
    assert running["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert nasty["volumes"][0]["efsVolumeConfiguration"] == EFS
    assert nasty["proxyConfiguration"] == ENVOY
    assert nasty["executionRoleArn"] == "arn:aws:iam::123456789012:role/brought"


def test_the_service_runs_and_the_task_definition_alone_does_not(account: Account, deployed: Deployed) -> None:
    service = deployed.workload("web").service_name
    assert service is not None
    account.wait_for(deployed.outputs.cluster.arn, service)
    assert deployed.workload("nasty").service_name is None
    assert account.client("ecs").list_services(cluster=deployed.outputs.cluster.arn)["serviceArns"] == [
        deployed.workload("web").service_arn
    ]


def test_subnets_are_public_and_in_two_zones(account: Account, deployed: Deployed) -> None:
    network = deployed.outputs.network
    assert network.assign_public_ip
    assert network.private_subnet_ids == network.nat_gateway_ids == ()
    assert network.task_subnet_ids == network.public_subnet_ids
    subnets = account.client("ec2").describe_subnets(SubnetIds=list(network.task_subnet_ids))["Subnets"]
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2


def test_aws_services_are_reached_inside_the_vpc(account: Account, deployed: Deployed) -> None:
    endpoints = account.client("ec2").describe_vpc_endpoints(
        VpcEndpointIds=list(deployed.outputs.network.vpc_endpoint_ids)
    )["VpcEndpoints"]
    services = sorted(endpoint["ServiceName"].removeprefix("com.amazonaws.us-east-1.") for endpoint in endpoints)
    assert services == ["ecr.api", "ecr.dkr", "logs", "s3", "secretsmanager", "ssm"]


def test_the_vpcs_default_security_group_admits_nothing(account: Account, deployed: Deployed) -> None:
    [group] = account.client("ec2").describe_security_groups(
        Filters=[
            {"Name": "vpc-id", "Values": [deployed.outputs.network.vpc_id]},
            {"Name": "group-name", "Values": ["default"]},
        ]
    )["SecurityGroups"]
    assert group["IpPermissions"] == group["IpPermissionsEgress"] == []


def test_the_execution_role_reads_its_secrets_and_writes_its_logs_only(
    account: Account, deployed: Deployed
) -> None:
    statements = account.statements(deployed.workload("web").execution_role_arn)
    logs = "arn:aws:logs:us-east-1:123456789012:log-group"
    assert {statement["Sid"]: statement["Resource"] for statement in statements} == {
        "WriteLogs": [f"{logs}:/fguard/t1/web/agent:*", f"{logs}:/fguard/t1/own:*"],
        "ReadSecrets": account.access_key_arn,
        "ReadParameters": "arn:aws:ssm:us-east-1:123456789012:parameter/db/password",
        "DecryptSecrets": "arn:aws:kms:*:*:key/*",
        "DecryptParameters": "arn:aws:kms:*:*:key/*",
    }
    encrypted = [statement["Condition"]["StringLike"] for statement in statements if "Condition" in statement]
    assert encrypted == [
        {"kms:EncryptionContext:SecretARN": account.access_key_arn},
        {"kms:EncryptionContext:PARAMETER_ARN": "arn:aws:ssm:us-east-1:123456789012:parameter/db/password"},
    ]


def test_the_task_role_may_open_ecs_exec_sessions_only(account: Account, deployed: Deployed) -> None:
    task_role = deployed.workload("web").task_role_arn
    assert task_role is not None
    [statement] = account.statements(task_role)
    assert {action.partition(":")[0] for action in statement["Action"]} == {"ssmmessages"}
    idle = deployed.workload("nasty").task_role_arn
    assert idle is not None
    assert account.statements(idle) == []


@pytest.mark.usefixtures("deployed")
def test_the_cloudformation_template_makes_the_same(account: Account, other_account: Account) -> None:
    """But for two things: AWS ignores the one, and Terraform alone can take away a group's only rule."""
    settings, definitions = direct_settings(), direct_definitions(other_account, nasty_texts())
    deploy_stack(other_account, settings, definitions)
    terraform = Inventory(account.client, "t1", {account.access_key_arn: "<access key>"})
    cloudformation = Inventory(other_account.client, "t1", {other_account.access_key_arn: "<access key>"})
    assert differences(terraform, cloudformation).keys() == {
        "endpoint fguard_t1_s3: PrivateDnsEnabled",
        "security group fguard_t1_vpc_endpoints: rules",
    }
