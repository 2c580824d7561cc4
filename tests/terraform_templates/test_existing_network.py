"""The orchestrator with every setting, in a VPC and a cluster that exist and stay as they are."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.deployment import DeploymentOutputs, OrchestratorOutputs
from fargate_guard.stacks.surroundings import Surroundings as LookedUp
from tests.stack_templates.deployed_stack import deploy_stack
from tests.stack_templates.inventory import Inventory, differences
from tests.terraform_templates.existing_network import EXTRA_CONF, Surroundings, what_was_there
from tests.terraform_templates.rendered_modules import CERTIFICATES, TerraformFolder, rendered, web

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.terraform_templates.account import Account

DEFINITIONS = {
    "new": web(portMappings=[{"containerPort": 80}]),
    "old": web(portMappings=[{"containerPort": 80}]) | {"family": "old"},
}


@dataclass
class Deployed:
    terraform: TerraformFolder
    outputs: DeploymentOutputs
    surroundings: Surroundings

    @property
    def terraform_variables(self) -> dict[str, Any]:
        variables: dict[str, Any] = json.loads((self.terraform.folder / "terraform.tfvars.json").read_text())
        return variables

    @property
    def orchestrator(self) -> OrchestratorOutputs:
        assert self.outputs.orchestrator is not None
        return self.outputs.orchestrator


@pytest.fixture(scope="module")
def deployed(
    account: Account, surroundings: Surroundings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """Deployed into the surroundings; destroyed afterwards, and they must be as they were then."""
    before = what_was_there(account, surroundings)
    terraform = account.terraform(tmp_path_factory.mktemp("existing") / "module")
    terraform.deploy(
        rendered(
            surroundings.settings(account.access_key_arn),
            DEFINITIONS,
            access_key_arn=account.access_key_arn,
        )
    )
    outputs = DeploymentOutputs.of(terraform.driver.outputs())
    assert outputs is not None
    yield Deployed(terraform, outputs, surroundings)
    terraform.driver.destroy()
    assert account.leftovers() == []
    assert what_was_there(account, surroundings) == before


def rules(account: Account, group_id: str, *, egress: bool) -> set[tuple[str, int, str]]:
    """Protocol, port and the other side of every rule of a security group."""
    found = account.client("ec2").describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [group_id]}]
    )["SecurityGroupRules"]
    return {
        (
            rule["IpProtocol"],
            rule["FromPort"],
            rule.get("CidrIpv4") or rule["ReferencedGroupInfo"]["GroupId"],
        )
        for rule in found
        if rule["IsEgress"] == egress
    }


def test_services_run_in_the_existing_cluster(account: Account, deployed: Deployed) -> None:
    assert not deployed.outputs.cluster.created
    services = [deployed.orchestrator.service_name]
    services += [workload.service_name or "" for workload in deployed.outputs.workloads.values()]
    account.wait_for("mine", *services)


def test_the_agent_gets_every_setting(account: Account, deployed: Deployed) -> None:
    container = account.container(deployed.orchestrator.task_definition_arn, "OrchestratorAgent")
    environment = {variable["name"]: variable["value"] for variable in container["environment"]}

    def encoded(name: str) -> str:
        return base64.b64encode(CERTIFICATES[name].encode()).decode()

    assert environment == {
        "COLLECTOR": "collector.example.com",
        "COLLECTOR_PORT": "6666",
        "CHECK_CERTIFICATE": "false",
        "TAGS": 'env:prod:blue,team:pay"${x}',
        "ADDITIONAL_CONF": (
            f"agentino_port: 7000\nlog:\n file_priority: debug\n console_priority: debug\n{EXTRA_CONF}"
        ),
        "COLLECTOR_CA_CERTIFICATE_TYPE": "base64",
        "COLLECTOR_CA_CERTIFICATE_VALUE": encoded("collector.pem"),
        "COLLECTOR_CA_CERTIFICATE_PATH": "/ssl/collector_cert.pem",
        "COLLECTOR_CA_CERTIFICATE": "/ssl/collector_cert.pem",
        "PROXY_HOST": "proxy.example.com",
        "PROXY_PORT": "3128",
        "PROXY_USER": "agent",
        "PROXY_SSL": "true",
        "PROXY_SSL_VERIFY_CERTIFICATE": "true",
        "HTTP_PROXY_CA_CERTIFICATE_TYPE": "base64",
        "HTTP_PROXY_CA_CERTIFICATE_VALUE": encoded("proxy.pem"),
        "HTTP_PROXY_CA_CERTIFICATE_PATH": "/ssl/proxy_cert.pem",
        "PROXY_CA_CERTIFICATE": "/ssl/proxy_cert.pem",
    }
    assert {secret["name"] for secret in container["secrets"]} == {"ACCESS_KEY", "PROXY_PASSWORD"}
    assert container["repositoryCredentials"] == {"credentialsParameter": account.access_key_arn}


def test_workloads_find_the_orchestrator_by_its_load_balancer(account: Account, deployed: Deployed) -> None:
    [balancer] = account.client("elbv2").describe_load_balancers(
        LoadBalancerArns=[deployed.orchestrator.load_balancer_arn]
    )["LoadBalancers"]
    assert (balancer["Type"], balancer["Scheme"], balancer["LoadBalancerName"]) == (
        "network",
        "internal",
        "agents",
    )
    arn = deployed.outputs.workloads["new"].task_definition_arn
    sidecar = account.container(arn, "SysdigInstrumentation")
    assert {"name": "SYSDIG_ORCHESTRATOR", "value": balancer["DNSName"]} in sidecar["environment"]
    assert deployed.orchestrator.host == balancer["DNSName"]


def test_only_workloads_reach_the_load_balancer_and_only_it_reaches_the_agent(
    account: Account, deployed: Deployed
) -> None:
    agent, balancer = (
        deployed.orchestrator.security_group_id,
        deployed.orchestrator.load_balancer_security_group_id,
    )
    clients = {
        "10.9.1.0/24",
        "10.9.2.0/24",
        "10.200.0.0/16",
        deployed.surroundings.load_balancer_security_group_id,
    }
    assert rules(account, balancer, egress=False) == {("tcp", 7000, client) for client in clients}
    assert rules(account, balancer, egress=True) == {("tcp", 7000, agent)}
    assert rules(account, agent, egress=False) == {("tcp", 7000, balancer)}
    assert rules(account, agent, egress=True) == {
        ("tcp", 443, "0.0.0.0/0"),
        ("tcp", 3128, "0.0.0.0/0"),
        ("tcp", 53, "10.9.0.0/16"),
        ("udp", 53, "10.9.0.0/16"),
    }


def test_the_agents_health_is_the_target_groups(account: Account, deployed: Deployed) -> None:
    elbv2 = account.client("elbv2")
    arn = deployed.orchestrator.target_group_arn
    [group] = elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    assert (group["HealthCheckProtocol"], group["HealthCheckIntervalSeconds"]) == ("TCP", 10)
    health = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert [target["TargetHealth"]["State"] for target in health] == ["healthy", "healthy"]


def test_a_failed_deployment_of_any_service_would_be_rolled_back(account: Account, deployed: Deployed) -> None:
    workloads = deployed.outputs.workloads.values()
    arns = [deployed.orchestrator.service_arn, *(workload.service_arn for workload in workloads)]
    services = account.client("ecs").describe_services(cluster="mine", services=arns)["services"]
    assert [service["deploymentConfiguration"]["deploymentCircuitBreaker"] for service in services] == [
        {"enable": True, "rollback": True}
    ] * 3


def test_the_execution_role_reaches_exactly_what_it_needs(account: Account, deployed: Deployed) -> None:
    statements = account.statements(deployed.orchestrator.execution_role_arn)
    assert {statement["Sid"]: statement["Resource"] for statement in statements} == {
        "WriteLogs": "arn:aws:logs:us-east-1:123456789012:log-group:/fguard/everything/orchestrator:*",
        "ReadSecrets": account.access_key_arn,
        "ReadParameters": "arn:aws:ssm:us-east-1:123456789012:parameter/proxy/password",
        "DecryptSecrets": "arn:aws:kms:*:*:key/*",
        "DecryptParameters": "arn:aws:kms:*:*:key/*",
        "PullImage": "arn:aws:ecr:us-east-1:123456789012:repository/sysdig/orchestrator",
        "LogInToRegistry": "*",
    }


def test_workloads_cannot_reach_the_access_key(account: Account, deployed: Deployed) -> None:
    """In this topology only the orchestrator has it."""
    for workload in deployed.outputs.workloads.values():
        statements = account.statements(workload.execution_role_arn)
        assert {statement["Sid"] for statement in statements} == {"WriteLogs"}


def test_any_key_decrypts_the_referenced_secrets_and_nothing_else(account: Account, deployed: Deployed) -> None:
    """Whoever changes a secret's key need not tell fguard."""
    statements = account.statements(deployed.orchestrator.execution_role_arn)
    conditions = {
        statement["Sid"]: statement["Condition"]
        for statement in statements
        if statement["Action"] == "kms:Decrypt"
    }
    assert conditions == {
        "DecryptSecrets": {
            "StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:SecretARN": account.access_key_arn},
        },
        "DecryptParameters": {
            "StringEquals": {"kms:ViaService": "ssm.us-east-1.amazonaws.com"},
            "StringLike": {
                "kms:EncryptionContext:PARAMETER_ARN": (
                    "arn:aws:ssm:us-east-1:123456789012:parameter/proxy/password"
                )
            },
        },
    }


def test_log_groups_expire_and_are_encrypted(account: Account, deployed: Deployed) -> None:
    groups = account.client("logs").describe_log_groups(logGroupNamePrefix="/fguard/everything")["logGroups"]
    assert [(group["retentionInDays"], group["kmsKeyId"]) for group in groups] == [
        (7, deployed.surroundings.kms_key_arn)
    ] * 3


def test_the_orchestrator_scales_between_its_count_and_the_maximum(account: Account, deployed: Deployed) -> None:
    scaling = account.client("application-autoscaling")
    [target] = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert target["ResourceId"] == f"service/mine/{deployed.orchestrator.service_name}"
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 4)
    [policy] = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 60.5


def test_load_balancers_reach_their_workloads(account: Account, deployed: Deployed) -> None:
    listeners = account.client("elbv2").describe_listeners(
        LoadBalancerArn=deployed.surroundings.load_balancer_arn
    )["Listeners"]
    targets = {listener["Port"]: listener["DefaultActions"][0]["TargetGroupArn"] for listener in listeners}
    workloads = deployed.outputs.workloads
    assert targets == {80: workloads["new"].target_group_arn, 8080: workloads["old"].target_group_arn}
    for workload in workloads.values():
        assert workload.security_group_id is not None
        assert rules(account, workload.security_group_id, egress=False) == {
            ("tcp", 80, deployed.surroundings.load_balancer_security_group_id)
        }


def test_a_second_plan_finds_nothing_to_change(deployed: Deployed) -> None:
    """Not even when the scaling policy has changed the number of tasks."""
    plan = deployed.terraform.driver.plan(deployed.terraform.folder.with_name("second.tfplan"))
    assert plan.changes == ()
    assert not plan.has_changes


def test_what_is_replaced_is_made_before_the_old_goes(deployed: Deployed) -> None:
    """A listener cannot lose its target group; revisions stay registered, so their order does not matter."""
    orchestrator = {**deployed.terraform_variables["orchestrator"], "port": 7001}
    plan = deployed.terraform.driver.plan(
        deployed.terraform.folder.with_name("port.tfplan"), variables={"orchestrator": orchestrator}
    )
    changes = deployed.terraform.driver.show_plan(plan.path)["resource_changes"]
    actions = {change["address"]: change["change"]["actions"] for change in changes}
    assert actions["module.orchestrator.aws_lb_target_group.this"] == ["create", "delete"]
    # Here "delete" only forgets the revision: it stays ACTIVE.
    assert actions["module.orchestrator.aws_ecs_task_definition.this"] == ["delete", "create"]
    assert actions["module.orchestrator.aws_ecs_service.this"] == ["update"]
    assert actions["module.orchestrator.aws_lb.this"] == ["no-op"]


@pytest.mark.usefixtures("deployed")
def test_the_cloudformation_template_makes_the_same(
    account: Account, other_account: Account, surroundings: Surroundings
) -> None:
    there = Surroundings.build(other_account)
    found = LookedUp(
        task_subnet_cidr_blocks=("10.9.1.0/24", "10.9.2.0/24"),
        vpc_cidr_blocks=("10.9.0.0/16",),
        load_balancer_security_group_ids=dict.fromkeys(DEFINITIONS, (there.load_balancer_security_group_id,)),
    )
    deploy_stack(other_account, there.settings(other_account.access_key_arn), DEFINITIONS, found)
    terraform = Inventory(account.client, "everything", surroundings.names(account))
    cloudformation = Inventory(other_account.client, "everything", there.names(other_account))
    assert differences(terraform, cloudformation) == {}
