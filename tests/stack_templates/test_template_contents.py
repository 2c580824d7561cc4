"""What is given to CloudFormation with a template, what it does not take, and what stands on its own."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fargate_guard.errors import PreflightError
from fargate_guard.stacks.limits import TemplateTooLargeError, contents_of
from fargate_guard.stacks.logical_ids import workload_id
from fargate_guard.stacks.outputs import deployment_outputs
from fargate_guard.stacks.surroundings import Surroundings
from fargate_guard.stacks.template import orchestrator_template, stack_name
from tests.stack_templates.rendered_stacks import document, rendered, resource
from tests.stack_templates.variants import few_variants
from tests.terraform_templates.rendered_modules import CERTIFICATES, SECRET_ARN, config, web

ROLE = "arn:aws:iam::123456789012:role/mine"
BRINGS_ITS_ROLES = web() | {"executionRoleArn": ROLE, "taskRoleArn": "mine"}


def test_capabilities_are_asked_for_only_when_roles_are_made() -> None:
    assert rendered(config()).capabilities == ("CAPABILITY_IAM",)
    without = rendered(config(agent={"topology": "direct"}), {"web": BRINGS_ITS_ROLES})
    assert without.capabilities == ()
    assert "--capabilities" not in without.body


def test_a_role_with_a_name_would_need_the_other_capability() -> None:
    role = "Resources:\n  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: mine\n"
    assert contents_of(role).capabilities == ("CAPABILITY_NAMED_IAM",)


def test_contents_are_counted_as_they_are() -> None:
    for template in few_variants():
        parsed, counted = document(template), contents_of(template.body)
        assert list(counted.parameters) == list(parsed["Parameters"])
        assert list(counted.resources) == list(parsed["Resources"])
        assert list(counted.outputs) == list(parsed["Outputs"])
        assert template.body.isascii()


def test_stack_tags_tell_what_belongs_to_the_deployment() -> None:
    template = rendered(config(tags={"team": "pay"}))
    assert template.tags == {"team": "pay", "fguard:deployment": "t1", "fguard:managed-by": "fargate-guard"}
    assert stack_name(config()) == "fguard-t1"


def test_every_parameter_tells_what_it_is_and_belongs_to_a_group() -> None:
    for template in few_variants():
        parsed = document(template)
        shown = parsed["Metadata"]["AWS::CloudFormation::Interface"]
        grouped = [name for group in shown["ParameterGroups"] for name in group["Parameters"]]
        assert sorted(grouped) == sorted(parsed["Parameters"]) == sorted(shown["ParameterLabels"])
        assert all(one["Description"] for one in parsed["Parameters"].values())


def test_every_default_fits_its_pattern() -> None:
    for template in few_variants():
        for declared in document(template)["Parameters"].values():
            if "AllowedPattern" in declared and "Default" in declared:
                several = declared["Type"] == "CommaDelimitedList"
                parts = declared["Default"].split(",") if several else [declared["Default"]]
                assert all(re.fullmatch(declared["AllowedPattern"], part) for part in parts)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("AccessKeySecretArn", "f7a1c3d9-the-key-itself"),
        ("AccessKeySecretArn", f"{SECRET_ARN}:key::"),
        ("VpcCidr", "10.0.0.0/8"),
        ("LoadBalancerName", "internal-mine"),
        ("OrchestratorImage", "123456789012.dkr.ecr.us-east-1.amazonaws.com/agent:1"),
    ],
)
def test_patterns_refuse_what_would_fail_later(name: str, wrong: str) -> None:
    declared = document(rendered(config()))["Parameters"][name]
    assert re.fullmatch(declared["AllowedPattern"], wrong) is None
    assert declared["ConstraintDescription"]


def test_the_role_may_pull_from_the_images_own_repository() -> None:
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/agent"
    template = rendered(config(orchestrator={"image": f"{image}:5.0.1"}))
    declared = document(template)["Parameters"]["OrchestratorImage"]
    assert re.fullmatch(declared["AllowedPattern"], f"{image}:5.0.2")
    assert not re.fullmatch(declared["AllowedPattern"], f"{image}-other:5.0.2")
    assert "repository/agent" in template.body


# -- what a template cannot look up ----------------------------------------------------------------------------


EXISTING = {
    "vpc_id": "vpc-0123456789abcdef0",
    "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
}


def test_without_a_look_up_the_template_says_what_it_needs() -> None:
    template = rendered(config(network=EXISTING))
    assert template.required_parameters == ("SubnetCidrBlocks", "VpcCidrBlocks")
    assert "but for SubnetCidrBlocks, VpcCidrBlocks: --parameter-overrides" in template.body


def test_what_was_looked_up_is_a_value() -> None:
    found = Surroundings(task_subnet_cidr_blocks=("10.0.1.0/24", "10.0.2.0/24"), vpc_cidr_blocks=("10.0.0.0/16",))
    template = rendered(config(network=EXISTING), surroundings=found)
    assert template.required_parameters == ()
    assert template.parameters["SubnetCidrBlocks"] == "10.0.1.0/24,10.0.2.0/24"


def test_fewer_zones_than_were_asked_for() -> None:
    with pytest.raises(PreflightError, match="1 Availability Zones"):
        rendered(config(), surroundings=Surroundings(zones=("us-east-1a",)))


# -- limits ----------------------------------------------------------------------------------------------------


def test_more_than_a_template_holds_is_refused_with_the_way_out() -> None:
    workloads = [{"name": f"w{number}", "task_definition": "w.json", "service": {}} for number in range(90)]
    with pytest.raises(TemplateTooLargeError) as caught:
        rendered(config(workloads=workloads))
    assert "resources" in caught.value.message
    assert "several deployments" in (caught.value.fix or "")


def test_nothing_to_deploy() -> None:
    with pytest.raises(PreflightError, match="nothing to deploy"):
        rendered(config(agent={"topology": "direct"}, network=EXISTING, cluster={"name": "mine"}, workloads=[]))


def test_two_workloads_never_share_a_logical_id() -> None:
    names = ["web1", "web-1", "web-1-", "web--1", "w-eb1", "we-b1", "web-a", "weba", "web-a-b", "web-ab", "1web"]
    assert len({workload_id(name) for name in names}) == len(names)
    assert all(workload_id(name).isalnum() for name in names)


# -- on its own ------------------------------------------------------------------------------------------------


def standing_alone(**settings: Any) -> Any:
    return orchestrator_template(config(**settings), certificates=CERTIFICATES)


def test_the_access_key_is_a_parameter_that_nobody_sees() -> None:
    template = standing_alone(sysdig={"region": "us1", "access_key": {"env": "SYSDIG_ACCESS_KEY"}})
    parsed = document(template)
    assert parsed["Parameters"]["AccessKey"]["NoEcho"] is True
    assert resource(template, "AccessKeySecret")["SecretString"] == {"Ref": "AccessKey"}
    assert [where for where, one in parsed["Resources"].items() if "'Ref': 'AccessKey'}" in str(one)] == [
        "AccessKeySecret"
    ]
    (agent,) = resource(template, "OrchestratorTaskDefinition")["ContainerDefinitions"]
    assert agent["DockerLabels"] == {"com.fargate-guard.access-key-renewal": {"Ref": "AccessKeyRenewal"}}
    assert "AccessKey" not in template.parameters
    assert "AccessKey" in template.required_parameters
    assert not [name for name in parsed["Resources"] if name.startswith("Workload")]


def test_an_ssm_parameter_is_taken_as_it_is() -> None:
    arn = "arn:aws:ssm:us-east-1:123456789012:parameter/sysdig/key"
    template = standing_alone(sysdig={"region": "us1", "access_key": {"parameter_arn": arn}})
    assert template.parameters["AccessKeyParameterArn"] == arn
    assert "AccessKeySecret" not in document(template)["Resources"]


def test_the_direct_topology_has_no_orchestrator_to_roll_out() -> None:
    with pytest.raises(PreflightError, match="direct topology"):
        standing_alone(agent={"topology": "direct"})


# -- outputs ---------------------------------------------------------------------------------------------------


def outputs_of(resources: dict[str, str], outputs: dict[str, str]) -> Any:
    return deployment_outputs(outputs, resources, config(), "us-east-1", "123456789012", "aws")


NETWORK = {
    "VpcId": "vpc-1",
    "TaskSubnetIds": "subnet-1,subnet-2",
    "AssignPublicIp": "DISABLED",
    "ClusterName": "c",
}


def test_a_stack_that_is_not_there_or_half_there_is_no_deployment() -> None:
    assert outputs_of({}, {}) is None
    assert outputs_of({"LoadBalancer": "arn"}, NETWORK | {"OrchestratorHost": "host"}) is None
    assert outputs_of({}, NETWORK | {"Workloads": "web"}) is None


def test_subnets_keep_their_order() -> None:
    subnets = {f"PublicSubnet{number}": f"subnet-{number}" for number in (10, 2, 1)}
    found = outputs_of({**subnets, "PublicSubnet1RouteTable": "rtbassoc-1"}, NETWORK)
    assert found.network.public_subnet_ids == ("subnet-1", "subnet-2", "subnet-10")
    assert not found.network.created
    assert found.cluster.arn == "arn:aws:ecs:us-east-1:123456789012:cluster/c"
    assert found.orchestrator is None


def test_every_zone_has_its_own_way_out_where_that_is_asked_for() -> None:
    for gateways, expected in (("one", [1, 1, 1]), ("per_zone", [1, 2, 3])):
        resources = document(rendered(config(network={"zones": 3, "nat_gateway": gateways})))["Resources"]
        ways_out = [resources[f"PrivateRouteToNat{zone}"]["Properties"] for zone in (1, 2, 3)]
        assert [way["NatGatewayId"] for way in ways_out] == [{"Ref": f"NatGateway{zone}"} for zone in expected]
        assert [way["RouteTableId"] for way in ways_out] == [{"Ref": f"PrivateRouteTable{n}"} for n in (1, 2, 3)]
        placed = {name: one["Properties"]["SubnetId"] for name, one in resources.items() if "NatGateway" in name}
        assert placed == {f"NatGateway{zone}": {"Ref": f"PublicSubnet{zone}"} for zone in set(expected)}


def test_in_china_ecr_alone_has_endpoints_under_another_name() -> None:
    endpoints = ["ecr", "logs", "secretsmanager", "ssm"]
    resources = document(rendered(config(network={"endpoints": endpoints})))["Resources"]
    names = {one: resources[f"{one}Endpoint"]["Properties"]["ServiceName"] for one in ("EcrApi", "EcrDkr")}
    for service, name in (("ecr.api", names["EcrApi"]), ("ecr.dkr", names["EcrDkr"])):
        plain = {"Fn::Sub": f"com.amazonaws.${{AWS::Region}}.{service}"}
        assert name == {"Fn::If": ["InChina", {"Fn::Sub": f"cn.{plain['Fn::Sub']}"}, plain]}
    for service in ("Logs", "Secretsmanager", "Ssm"):
        name = resources[f"{service}Endpoint"]["Properties"]["ServiceName"]
        assert name == {"Fn::Sub": f"com.amazonaws.${{AWS::Region}}.{service.lower()}"}
