"""A deployment with CloudFormation, and the method it lives with: what is found, kept, withdrawn and refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.aws.errors import AccessDenied
from fargate_guard.config.load import parse_config
from fargate_guard.errors import ExitCode, PreflightError, UsageError
from fargate_guard.sandbox import Fault, FaultKind
from fargate_guard.stacks.states import Stack
from fargate_guard.workflows.by_method import outputs_of_deployment
from fargate_guard.workflows.deploy import Declined
from fargate_guard.workflows.destroy import destroy
from fargate_guard.workflows.methods import Method, live_method, method_to_deploy, method_to_remove
from fargate_guard.workflows.stack_deploy import deploy_stack, described_deployment, make_stack_plan
from fargate_guard.workflows.stack_operation import StackFailed, execute_stack, plan_stack
from fargate_guard.workflows.stack_removal import remove_deployed_stack
from fargate_guard.workflows.stack_status import stack_drift
from tests.fguard_process import Fguard
from tests.stack_driver.stack_harness import CONFIG, log_groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.stacks.change_set import StackPlan
    from fargate_guard.workflows.context import Context
    from tests.stack_driver.stack_harness import Stacks


STACK = "fguard-training"


QUOTA = (
    'Resource handler returned message: "The maximum number of VPCs has been reached. (Service: Ec2, ID: 1)"'
    " (RequestToken: 1, HandlerErrorCode: ServiceLimitExceeded)"
)


def with_key(stacks: Stacks, context: Context | None = None) -> Context:
    """The context of a user who has the access key."""
    return replace(context or stacks.context, environ={**stacks.environ, "SYSDIG_ACCESS_KEY": "the-key"})


def secrets(stacks: Stacks) -> list[str]:
    listed = stacks.client("secretsmanager").list_secrets()["SecretList"]
    return [one["Name"] for one in listed]


def test_a_declined_deploy_leaves_neither_stack_nor_secret(stacks: Stacks) -> None:
    with pytest.raises(Declined):
        deploy_stack(with_key(stacks), lambda _plan: False)
    assert stacks.status(STACK) is None
    assert secrets(stacks) == []


def test_a_plan_leaves_neither(stacks: Stacks) -> None:
    assert make_stack_plan(with_key(stacks)).summary.add > 20
    assert stacks.status(STACK) is None
    assert secrets(stacks) == []


def test_a_creation_that_was_rolled_back_takes_its_secret_along_and_is_repaired(stacks: Stacks) -> None:
    stacks.fail("create", "Vpc", QUOTA, count=1)
    with pytest.raises(StackFailed) as failed:
        deploy_stack(with_key(stacks), lambda _plan: True)
    assert failed.value.exit_code is ExitCode.ROLLED_BACK
    assert failed.value.message == "CloudFormation could not create Vpc (AWS::EC2::VPC)"
    assert "L-F678F1CE" in (failed.value.fix or "")
    assert secrets(stacks) == []
    with pytest.raises(PreflightError):
        deploy_stack(with_key(stacks), lambda _plan: True)
    assert not [line for line in stacks.heard.lines[-5:] if "stored the access key" in line]
    denied = Fault(FaultKind.API_ERROR, action="UpdateTerminationProtection", code="AccessDenied")
    stacks.sandbox.faults.add(denied)
    done = deploy_stack(with_key(stacks, stacks.repairing()), lambda _plan: True)
    stacks.sandbox.faults.clear()
    assert len([line for line in stacks.heard.lines if "protection could not be turned on" in line]) == 1
    assert done.outputs.orchestrator is not None
    assert len(secrets(stacks)) == 1
    stack = described_deployment(stacks.context).stack
    assert stack_drift(stacks.context, stack) == ()
    stay_stuck_and_be_told(stacks)
    gone = destroy(stacks.context, lambda _plan: True, remove_deployed_stack)
    assert len(gone.removed) > 20
    assert gone.leftovers == ()
    assert secrets(stacks) == []


def stay_stuck_and_be_told(stacks: Stacks) -> None:
    """An update that fails, and whose rollback fails, too; then it is repaired."""
    stacks.fail("update", "*LogGroup", "Refused")
    config = parse_config(f"{CONFIG}logs: {{retention_days: 3}}\n")
    changed = with_key(stacks, replace(stacks.context, config=config))
    with pytest.raises(StackFailed):
        deploy_stack(changed, lambda _plan: True)
    stacks.sandbox.faults.clear()
    assert stacks.status(STACK) == "UPDATE_ROLLBACK_FAILED"
    assert outputs_of_deployment(stacks.context).orchestrator is not None
    assert f"warning: the stack {STACK} is stuck (UPDATE_ROLLBACK_FAILED)" in stacks.heard.lines[-1]
    stacks.context.config_file.write_text(CONFIG)
    ran = Fguard(stacks.context.config_file.parent, stacks.environ)("status", "--no-drift", "--json")
    assert (ran.exit_code, ran.document["stack"]["status"]) == (3, "UPDATE_ROLLBACK_FAILED")
    deploy_stack(with_key(stacks, replace(stacks.repairing(), config=config)), lambda _plan: True)


def test_drift_that_cannot_be_looked_for_is_told_and_not_called_none(stacks: Stacks) -> None:
    stacks.deploy("blind", log_groups("blind", "One"))
    stack = stacks.find("blind")
    assert stack is not None
    stacks.sandbox.faults.add(Fault(FaultKind.API_ERROR, action="DetectStackDrift", code="AccessDenied"))
    assert stack_drift(stacks.context, stack) is None
    assert any(line.startswith("warning: drift is not known") for line in stacks.heard.lines)


class HalfBlind:
    """CloudFormation when it could not read one resource of a stack; the embedded AWS can read all of them."""

    def __init__(self, *drifts: dict[str, Any]) -> None:
        self.answers: dict[str, dict[str, Any]] = {
            "detect_stack_drift": {"StackDriftDetectionId": "1"},
            "describe_stack_drift_detection_status": {
                "DetectionStatus": "DETECTION_FAILED",
                "DetectionStatusReason": "Failed to detect drift on resource [Two]",
            },
            "describe_stack_resource_drifts": {"StackResourceDrifts": list(drifts)},
        }

    def call(self, _service: str, operation: str, **_arguments: Any) -> dict[str, Any]:
        return self.answers[operation]


def test_drift_of_a_stack_that_could_not_be_read_wholly_is_not_called_none(stacks: Stacks) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackDriftDetectionStatus.html"""
    stack = Stack("half", "arn:aws:cloudformation:us-east-1:123456789012:stack/half/1", "UPDATE_COMPLETE")
    nothing: Any = HalfBlind()
    assert stack_drift(replace(stacks.context, aws=nothing), stack) is None
    assert "warning: CloudFormation could not look at all resources for drift" in stacks.heard.lines[-1]
    gone = {"LogicalResourceId": "One", "ResourceType": "AWS::Logs::LogGroup", "PhysicalResourceId": "/half/One"}
    some: Any = HalfBlind({**gone, "StackResourceDriftStatus": "DELETED"})
    told = stack_drift(replace(stacks.context, aws=some), stack)
    assert told == ("One (AWS::Logs::LogGroup, /half/One) is gone",)


def test_cloudformation_uses_the_role_that_is_configured(stacks: Stacks) -> None:
    role = "arn:aws:iam::123456789012:role/deployer"
    config = parse_config(f"{CONFIG}cloudformation: {{role_arn: '{role}', termination_protection: false}}\n")
    context = replace(stacks.context, config=config)
    execute_stack(context, plan_stack(context, "role", log_groups("role", "One")))
    stack = stacks.find("role")
    assert stack is not None
    assert (stack.role_arn, stack.protected) == (role, False)


@pytest.fixture
def network(stacks: Stacks) -> Any:
    """A VPC of the user's with two subnets in one zone, and no way out."""
    ec2 = stacks.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.7.{index}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]
        for index, zone in enumerate("aab")
    ]
    return vpc, [subnet["SubnetId"] for subnet in subnets]


def planned_in(stacks: Stacks, vpc: str, subnets: list[str], more: str = "", public: bool = False) -> StackPlan:
    network = f"{{vpc_id: {vpc}, subnet_ids: [{', '.join(subnets)}], assign_public_ip: {str(public).lower()}}}"
    config = parse_config(f"{CONFIG}network: {network}\n{more}")
    return make_stack_plan(with_key(stacks, replace(stacks.context, config=config)))


def test_what_was_brought_along_is_refused_where_it_does_not_fit(stacks: Stacks, network: Any) -> None:
    vpc, (first, beside, other) = network
    for subnets, why in (
        ([first, beside], "all in us-east-1a"),
        ([first, "subnet-0123456789abcdef0"], "subnet-0123456789abcdef0 is in no VPC"),
        ([first, other], "no route for 0.0.0.0/0"),
    ):
        with pytest.raises(PreflightError) as refused:
            planned_in(stacks, vpc, subnets)
        assert why in refused.value.message
    with pytest.raises(PreflightError) as missing:
        planned_in(stacks, "vpc-0123456789abcdef0", [first, other])
    assert "there is no VPC" in missing.value.message


def test_a_public_subnet_needs_public_addresses_and_a_cluster_must_be_there(stacks: Stacks, network: Any) -> None:
    vpc, (first, _, other) = network
    ec2 = stacks.client("ec2")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    with pytest.raises(PreflightError) as refused:
        planned_in(stacks, vpc, [first, other])
    assert "public address" in refused.value.message
    with pytest.raises(PreflightError) as missing:
        planned_in(stacks, vpc, [first, other], "cluster: {name: theirs}\n", public=True)
    assert "the ECS cluster theirs is MISSING" in missing.value.message
    stacks.client("ecs").create_cluster(clusterName="theirs")
    plan = planned_in(stacks, vpc, [first, other], "cluster: {name: theirs}\n", public=True)
    assert not {change.resource_type for change in plan.changes} & {"AWS::EC2::VPC", "AWS::ECS::Cluster"}
    assert plan.summary.add > 5


STATE = {"version": 4, "resources": [{"type": "aws_vpc", "instances": [{}]}]}


@pytest.fixture
def deployed_stack(stacks: Stacks) -> Iterator[None]:
    """The deployment ``training``, as a stack."""
    stacks.deploy("fguard-training", log_groups("fguard-training", "One"))
    yield
    client = stacks.client("cloudformation")
    client.update_termination_protection(StackName="fguard-training", EnableTerminationProtection=False)
    client.delete_stack(StackName="fguard-training")
    client.get_waiter("stack_delete_complete").wait(StackName="fguard-training", WaiterConfig={"Delay": 0.05})


def keep_state(stacks: Stacks, state: Any) -> None:
    """Terraform's state on this machine."""
    stacks.context.folder.create()
    stacks.context.folder.state.write_text(json.dumps(state))


def test_where_nothing_is_deployed_terraform_is_the_default(stacks: Stacks) -> None:
    assert live_method(stacks.context) is None
    assert method_to_deploy(stacks.context, None) is Method.TERRAFORM
    assert method_to_deploy(stacks.context, "cloudformation") is Method.CLOUDFORMATION


@pytest.mark.usefixtures("deployed_stack")
def test_a_stack_is_found_without_being_named(stacks: Stacks) -> None:
    assert live_method(stacks.context) is Method.CLOUDFORMATION
    assert method_to_deploy(stacks.context, None) is Method.CLOUDFORMATION
    assert method_to_remove(stacks.context) is Method.CLOUDFORMATION


@pytest.mark.usefixtures("deployed_stack")
def test_terraform_is_refused_while_a_stack_is_there(stacks: Stacks) -> None:
    with pytest.raises(PreflightError) as refused:
        method_to_deploy(stacks.context, "terraform")
    assert refused.value.exit_code is ExitCode.PREFLIGHT_REFUSED
    assert "deployed with CloudFormation" in refused.value.message
    assert "fguard deploy --method cloudformation" in (refused.value.fix or "")
    assert "another `name`" in (refused.value.fix or "")


def test_cloudformation_is_refused_while_terraforms_state_has_resources(stacks: Stacks) -> None:
    keep_state(stacks, STATE)
    with pytest.raises(PreflightError) as refused:
        method_to_deploy(stacks.context, "cloudformation")
    assert "deployed with Terraform" in refused.value.message
    assert "fguard destroy" in (refused.value.fix or "")
    keep_state(stacks, {"version": 4, "resources": []})
    assert method_to_deploy(stacks.context, "cloudformation") is Method.CLOUDFORMATION


def test_a_state_in_s3_that_another_machine_wrote_is_found(stacks: Stacks) -> None:
    s3 = stacks.client("s3")
    s3.create_bucket(Bucket="states")
    s3.put_object(Bucket="states", Key="training.tfstate", Body=json.dumps(STATE).encode())
    config = parse_config(f"{CONFIG}state: {{s3: {{bucket: states, key: training.tfstate}}}}\n")
    context = replace(stacks.context, config=config)
    with pytest.raises(PreflightError):
        method_to_deploy(context, "cloudformation")
    s3.delete_object(Bucket="states", Key="training.tfstate")
    assert method_to_deploy(context, "cloudformation") is Method.CLOUDFORMATION


def test_who_uses_terraform_is_not_asked_for_a_permission_of_cloudformation(stacks: Stacks) -> None:
    keep_state(stacks, STATE)
    stacks.sandbox.take_calls()
    assert live_method(stacks.context) is Method.TERRAFORM
    assert method_to_remove(stacks.context) is Method.TERRAFORM
    assert stacks.sandbox.take_calls() == frozenset()


def test_where_stacks_may_not_be_described_terraform_goes_on(stacks: Stacks) -> None:
    denied = Fault(
        FaultKind.API_ERROR, aws_service="cloudformation", code="AccessDenied", message="User is not authorized"
    )
    stacks.sandbox.faults.add(denied)
    assert method_to_deploy(stacks.context, None) is Method.TERRAFORM
    assert any("whether a stack is deployed is not known" in line for line in stacks.heard.lines)
    with pytest.raises(AccessDenied):  # a stack's access key is not taken from under it
        method_to_remove(stacks.context)
    stacks.context.folder.record_stack("arn:aws:cloudformation:us-east-1:123456789012:stack/fguard-training/1")
    with pytest.raises(AccessDenied):
        method_to_deploy(stacks.context, None)


@pytest.mark.parametrize("by", ["stack fguard-training", "Terraform, elsewhere"])
def test_what_another_machine_deployed_is_not_taken_over(stacks: Stacks, by: str) -> None:
    ecs, name = stacks.client("ecs"), "fguard-training"
    tags = [{"key": "fguard:deployment", "value": "training"}]
    if "stack" in by:
        tags.append({"key": "aws:cloudformation:stack-name", "value": name})
    ecs.create_cluster(clusterName=name, tags=tags)
    assert method_to_deploy(stacks.context, None) is Method.TERRAFORM  # empty: a leftover
    container = {"name": "web", "image": "nginx"}
    more = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    ecs.register_task_definition(family="web", containerDefinitions=[container], **more)
    subnets = [one["SubnetId"] for one in stacks.client("ec2").describe_subnets()["Subnets"][:1]]
    network = {"awsvpcConfiguration": {"subnets": subnets}}
    ecs.create_service(
        cluster=name, serviceName="web", taskDefinition="web", desiredCount=0, networkConfiguration=network
    )
    for asked in (None, "terraform", "cloudformation"):
        with pytest.raises(PreflightError) as refused:
            method_to_deploy(stacks.context, asked)
        assert by in (refused.value.why or "")
    ecs.delete_service(cluster=name, service="web", force=True)
    ecs.delete_cluster(cluster=name)


def test_a_method_that_does_not_exist_is_wrong_usage(stacks: Stacks) -> None:
    with pytest.raises(UsageError):
        method_to_deploy(stacks.context, "pulumi")
