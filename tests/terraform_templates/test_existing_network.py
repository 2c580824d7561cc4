"""The orchestrator with every setting, in a VPC and a cluster that exist and stay as they are."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.deployment import DeploymentOutputs, OrchestratorOutputs
from fargate_guard.stacks.surroundings import Surroundings as LookedUp
from fargate_guard.terraform.errors import TerraformError
from tests.stack_templates.deployed_stack import deploy_stack
from tests.stack_templates.inventory import Inventory, differences
from tests.terraform_templates.rendered_modules import CERTIFICATES, TerraformFolder, config, rendered, web

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fargate_guard.config import Config
    from tests.terraform_templates.account import Account

EXTRA_CONF = 'a: "${b}"\nc: \'%{d}\' # "é" \\\n'
AGENT_TAGS = {"team": 'pay"${x}', "env": "prod:blue"}


@dataclass
class Surroundings:
    """What is in the account before."""

    vpc_id: str
    subnet_ids: list[str]
    subnet_without_a_way_out: str
    load_balancer_arn: str
    load_balancer_security_group_id: str
    kms_key_arn: str
    target_group_arn: str

    @classmethod
    def build(cls, account: Account) -> Surroundings:
        vpc_id = account.vpc()
        subnet_ids = [account.subnet(vpc_id, "10.9.1.0/24", "a"), account.subnet(vpc_id, "10.9.2.0/24", "b")]
        account.route_out(vpc_id, subnet_ids[0])
        account.route_out(account.vpc("10.8.0.0/16"))
        table = account.client("ec2").describe_route_tables(
            Filters=[{"Name": "association.subnet-id", "Values": [subnet_ids[0]]}]
        )["RouteTables"][0]["RouteTableId"]
        account.client("ec2").associate_route_table(RouteTableId=table, SubnetId=subnet_ids[1])
        elbv2 = account.client("elbv2")
        group = account.client("ec2").create_security_group(GroupName="web", Description="web", VpcId=vpc_id)
        balancer = elbv2.create_load_balancer(
            Name="mine", Subnets=subnet_ids, SecurityGroups=[group["GroupId"]], Scheme="internal"
        )["LoadBalancers"][0]
        target_group = elbv2.create_target_group(
            Name="mine", Protocol="HTTP", Port=80, VpcId=vpc_id, TargetType="ip"
        )["TargetGroups"][0]
        elbv2.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Port=8080,
            Protocol="HTTP",
            DefaultActions=[{"Type": "forward", "TargetGroupArn": target_group["TargetGroupArn"]}],
        )
        account.client("ecs").create_cluster(clusterName="mine")
        account.client("ssm").put_parameter(Name="/proxy/password", Value="x", Type="SecureString")
        key = account.client("kms").create_key()["KeyMetadata"]
        return cls(
            vpc_id,
            subnet_ids,
            account.subnet(vpc_id, "10.9.3.0/24", "b"),
            balancer["LoadBalancerArn"],
            group["GroupId"],
            key["Arn"],
            target_group["TargetGroupArn"],
        )

    def names(self, account: Account) -> dict[str, str]:
        """Names for the identifiers."""
        subnets = dict(zip(self.subnet_ids, ("<first subnet>", "<second subnet>"), strict=True))
        return subnets | {
            account.access_key_arn: "<access key>",
            self.vpc_id: "<vpc>",
            self.load_balancer_arn: "<load balancer>",
            self.load_balancer_security_group_id: "<load balancer's group>",
            self.kms_key_arn: "<key>",
            self.target_group_arn: "<target group>",
        }

    def network(self, **changes: Any) -> dict[str, Any]:
        return {"vpc_id": self.vpc_id, "subnet_ids": self.subnet_ids, "assign_public_ip": True} | changes

    def settings(self, access_key_arn: str) -> Config:
        """A configuration with everything."""
        target_group = {"container_name": "web", "container_port": 80}
        listener = {"load_balancer_arn": self.load_balancer_arn, "port": 80}
        return config(
            name="everything",
            network=self.network(),
            cluster={"name": "mine"},
            logs={"retention_days": 7, "kms_key_arn": self.kms_key_arn},
            agent={"image_pull_secret_arn": access_key_arn},
            sysdig={
                "collector": {"host": "collector.example.com", "port": 6666},
                "access_key": {"secret_arn": access_key_arn},
            },
            orchestrator={
                "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/sysdig/orchestrator:5.0.1",
                "port": 7000,
                "cpu": 1024,
                "memory": 2048,
                "cpu_architecture": "ARM64",
                "desired_count": 2,
                "log_level": "debug",
                "tags": AGENT_TAGS,
                "extra_conf": EXTRA_CONF,
                "check_collector_certificate": False,
                "load_balancer_name": "agents",
                "client_cidr_blocks": ["10.200.0.0/16"],
                "client_security_group_ids": [self.load_balancer_security_group_id],
                "collector_ca_certificate": {"file": "collector.pem"},
                "proxy": {
                    "host": "proxy.example.com",
                    "port": 3128,
                    "user": "agent",
                    "password_arn": "arn:aws:ssm:us-east-1:123456789012:parameter/proxy/password",
                    "ssl": True,
                    "ca_certificate": {"file": "proxy.pem"},
                },
                "autoscaling": {
                    "target_metric": "ECSServiceAverageCPUUtilization",
                    "target_value": 60.5,
                    "max_capacity": 4,
                },
            },
            workloads=[
                {
                    "name": "new",
                    "task_definition": "n",
                    "service": {"target_group": target_group | {"listener": listener}},
                },
                {
                    "name": "old",
                    "task_definition": "o",
                    "service": {"target_group": target_group | {"arn": self.target_group_arn}},
                },
            ],
        )


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
def surroundings(account: Account) -> Surroundings:
    return Surroundings.build(account)


def what_was_there(account: Account, surroundings: Surroundings) -> list[Any]:
    ec2 = account.client("ec2")
    of_vpc = [{"Name": "vpc-id", "Values": [surroundings.vpc_id]}]
    clusters = account.client("ecs").describe_clusters(clusters=["mine"], include=["TAGS", "SETTINGS"])
    return [
        ec2.describe_vpcs(Filters=of_vpc)["Vpcs"],
        ec2.describe_subnets(Filters=of_vpc)["Subnets"],
        ec2.describe_route_tables(Filters=of_vpc)["RouteTables"],
        ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"],
        account.client("elbv2").describe_listeners(LoadBalancerArn=surroundings.load_balancer_arn)["Listeners"],
        clusters["clusters"][0],
    ]


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


# -- networks that would not work are refused by the plan, with the reason and the fix -------------------------


def refusal(account: Account, folder: Path, settings: Config, definition: dict[str, Any] | None = None) -> str:
    terraform = account.terraform(folder / "module")
    terraform.render(rendered(settings, {"web": definition or web()}, access_key_arn=account.access_key_arn))
    terraform.init()
    with pytest.raises(TerraformError) as caught:
        terraform.driver.plan(folder / "refused.tfplan")
    return "\n".join(diagnostic.detail for diagnostic in caught.value.diagnostics)


def test_subnets_without_a_way_out_or_with_one_that_tasks_cannot_use(
    account: Account, surroundings: Surroundings, tmp_path: Path
) -> None:
    inside = surroundings.subnet_without_a_way_out
    public = surroundings.subnet_ids[0]
    network = surroundings.network(subnet_ids=[public, inside], assign_public_ip=False)
    logging = web(logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "/not/there"}})
    told = refusal(account, tmp_path, config(network=network), logging)
    assert f"Subnet {inside} has no way out" in told
    assert f"Subnet {public} is a public one" in told
    assert "Set network.assign_public_ip: true" in told
    assert "The log group /not/there" in told
    assert "create_log_groups: true" in told


def test_subnets_of_another_vpc(account: Account, surroundings: Surroundings, tmp_path: Path) -> None:
    other = account.vpc("10.7.0.0/16")
    stranger = account.subnet(other, "10.7.1.0/24", "b")
    network = surroundings.network(subnet_ids=[surroundings.subnet_ids[0], stranger])
    told = refusal(account, tmp_path, config(network=network))
    assert f"Subnet {stranger} is in {other}, not in {surroundings.vpc_id}" in told


def test_subnets_in_one_zone_in_a_vpc_without_names(
    account: Account, surroundings: Surroundings, tmp_path: Path
) -> None:
    vpc_id = account.vpc("10.6.0.0/16")
    account.route_out(vpc_id)
    subnet_ids = [account.subnet(vpc_id, "10.6.1.0/24", "a"), account.subnet(vpc_id, "10.6.2.0/24", "a")]
    network = surroundings.network(vpc_id=vpc_id, subnet_ids=subnet_ids)
    assert "are all in us-east-1a" in refusal(account, tmp_path, config(network=network))


def test_a_way_out_over_a_nat_gateway_that_is_gone(
    account: Account, surroundings: Surroundings, tmp_path: Path
) -> None:
    vpc_id = account.vpc("10.5.0.0/16")
    subnet_ids = [account.subnet(vpc_id, "10.5.1.0/24", "a"), account.subnet(vpc_id, "10.5.2.0/24", "b")]
    gateways = [account.route_over_nat(vpc_id, subnet_id) for subnet_id in subnet_ids]
    account.client("ec2").delete_nat_gateway(NatGatewayId=gateways[0])
    network = surroundings.network(vpc_id=vpc_id, subnet_ids=subnet_ids, assign_public_ip=False)
    told = refusal(account, tmp_path, config(network=network))
    assert f"Subnet {subnet_ids[0]} has no way out" in told
    assert "a NAT gateway that is gone or not available" in told
    assert subnet_ids[1] not in told
    account.client("ec2").delete_nat_gateway(NatGatewayId=gateways[1])


def test_a_vpc_that_is_not_there(account: Account, surroundings: Surroundings, tmp_path: Path) -> None:
    told = refusal(account, tmp_path, config(network=surroundings.network(vpc_id="vpc-0123456789abcdef0")))
    assert "There is no VPC vpc-0123456789abcdef0 in this account and Region" in told


def test_more_zones_than_fargate_runs_in(account: Account, tmp_path: Path) -> None:
    """us-east-1 has six."""
    told = refusal(account, tmp_path, config(network={"zones": 6}))
    assert "This Region has 5 Availability Zones with Fargate" in told
