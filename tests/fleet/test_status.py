"""What ``fguard status`` shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from fargate_guard.cli.status_view import status_text
from fargate_guard.deployment import DeploymentFolder
from fargate_guard.fleet.surplus_rules import find_surplus_rules
from fargate_guard.sandbox import Fault, FaultKind
from fargate_guard.terraform.plan import StateResource
from fargate_guard.workflows.context import Context
from fargate_guard.workflows.status import Deployment, Resource, Status, read_status, surplus_rules, watch
from tests.verify.breakage import ingress
from tests.verify.stack_changes import redeploy_web, restore_services
from tests.verify.stack_settings import tcp

if TYPE_CHECKING:
    from tests.verify.deployed_stack import Stack


class Notes:
    """An observer that keeps notes."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture(scope="module")
def context(deployed_sandbox: Stack) -> Context:
    return Context(
        config=deployed_sandbox.config,
        config_file=Path("fguard.yaml"),
        folder=DeploymentFolder(Path("nowhere")),
        aws=deployed_sandbox.aws,
        environ={},
        observer=cast("Any", Notes()),
    )


@pytest.fixture(scope="module")
def status(deployed_sandbox: Stack, context: Context) -> Status:
    stack = deployed_sandbox
    deployment = Deployment(
        name="training",
        topology="orchestrator",
        agent_version="5.0.1",
        orchestrator_version="5.0.1",
        outputs=stack.outputs,
        resources=(
            Resource("module.network.aws_vpc.this", "aws_vpc", stack.vpc),
            Resource("module.network.aws_subnet.public[0]", "aws_subnet", stack.public[0]),
            Resource("module.network.aws_subnet.public[1]", "aws_subnet", stack.public[1]),
        ),
        drift=("module.orchestrator.aws_lb_listener.this is gone",),
    )
    return read_status(context, deployment)


def test_people_see_services_tasks_coverage_and_drift(status: Status, deployed_sandbox: Stack) -> None:
    text = status_text(status)
    assert "training in us-east-1, account 123456789012" in text
    assert f"  orchestrator  5.0.1, {deployed_sandbox.host}:6667" in text
    assert "  cluster       fguard-training (ACTIVE)" in text
    assert "  resources     3: 2 aws_subnet, 1 aws_vpc" in text
    [web] = [line for line in text.splitlines() if line.startswith("fguard_training_web ")]
    assert web.split() == ["fguard_training_web", "fguard_training_web:1", "5.0.1", "2/2", "2", "COMPLETED"]
    assert text.count(" yes") == 2
    assert "Coverage: 2 of 2 workload tasks are watched." in text
    assert text.splitlines()[-1] == "  module.orchestrator.aws_lb_listener.this is gone"


def test_an_unwatched_task_stands_out(status: Status) -> None:
    tasks = tuple(replace(task, watched=False) for task in status.coverage.tasks)
    text = status_text(replace(status, coverage=replace(status.coverage, tasks=tasks)))
    assert text.count(" NO") == 2
    assert "Coverage: 0 of 2 workload tasks are watched." in text


def test_no_drift_is_said_and_no_question_about_it_is_not(status: Status) -> None:
    assert "Drift: none" in status_text(replace(status, deployment=replace(status.deployment, drift=())))
    assert "Drift" not in status_text(replace(status, deployment=replace(status.deployment, drift=None)))


def test_programs_see_the_same(status: Status, deployed_sandbox: Stack) -> None:
    document = status.document()
    assert document["versions"] == {"agent": "5.0.1", "orchestrator": "5.0.1"}
    assert document["cluster"] == {"arn": deployed_sandbox.cluster, "status": "ACTIVE"}
    assert document["coverage"]["watched_tasks"] == 2
    assert document["drift"] == ["module.orchestrator.aws_lb_listener.this is gone"]
    assert [one["type"] for one in document["resources"]] == ["aws_vpc", "aws_subnet", "aws_subnet"]
    assert all(task["watched"] or task["orchestrator"] for task in document["coverage"]["tasks"])


def test_a_roll_back_is_no_completed_rollout(status: Status, context: Context, deployed_sandbox: Stack) -> None:
    stack = deployed_sandbox
    family = "fguard_training_web:2"
    stack.sandbox.faults.add(Fault(FaultKind.CONTAINER_EXIT, family=family, container="web", exit_code=1))
    redeploy_web(stack, stack.web_json)
    rolled_back = read_status(context, status.deployment)
    stack.sandbox.faults.clear()
    restore_services(stack)
    [web] = [line for line in status_text(rolled_back).splitlines() if line.startswith("fguard_training_web ")]
    assert "fguard_training_web:1" in web
    assert web.endswith("  ROLLED BACK")
    rollouts = {one["name"]: one["rollout"] for one in rolled_back.document()["coverage"]["services"]}
    assert rollouts == {"fguard_training_web": "ROLLED_BACK", "fguard_training_sysdig_orchestrator": "COMPLETED"}


def test_credentials_that_may_not_list_deployments_see_the_rest(
    status: Status, context: Context, deployed_sandbox: Stack
) -> None:
    denied = Fault(FaultKind.API_ERROR, action="ListServiceDeployments", code="AccessDeniedException", status=403)
    deployed_sandbox.sandbox.faults.add(denied)
    seen = read_status(context, status.deployment)
    deployed_sandbox.sandbox.faults.clear()
    assert {service.rollout_state for service in seen.coverage.services} == {"COMPLETED"}


def terraform_state(stack: Stack) -> list[StateResource]:
    """The deployment's security groups and their rules, as Terraform's state has them."""

    def resource(kind: str, **values: str) -> StateResource:
        return StateResource(f"{kind}.this", "managed", kind, "this", "aws", values)

    groups = [stack.load_balancer_group, stack.orchestrator_group, stack.web_group]
    found = stack.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": groups}])
    rules = [rule["SecurityGroupRuleId"] for rule in found["SecurityGroupRules"] if not rule["IsEgress"]]
    return [
        *(resource("aws_security_group", id=group) for group in groups),
        *(resource("aws_vpc_security_group_ingress_rule", security_group_rule_id=rule) for rule in rules),
    ]


def test_a_rule_that_somebody_added_is_drift_with_the_command_that_removes_it(
    status: Status, context: Context, deployed_sandbox: Stack
) -> None:
    stack = deployed_sandbox
    managed = terraform_state(stack)
    assert surplus_rules(context, "us-east-1", managed) == ()
    with ingress(stack, stack.orchestrator_group, tcp(22, "0.0.0.0/0")):
        [rule] = found = surplus_rules(context, "us-east-1", managed)
    drifted = replace(status, deployment=replace(status.deployment, drift=(), surplus_rules=found))
    text = status_text(drifted)
    assert "Drift: none" not in text
    assert f"  {stack.orchestrator_group} admits tcp 22 from 0.0.0.0/0 ({rule.rule_id})" in text
    command = f"aws ec2 revoke-security-group-ingress --group-id {stack.orchestrator_group}"
    assert text.splitlines()[-1].strip() == (
        f"{command} --security-group-rule-ids {rule.rule_id} --region us-east-1"
    )
    assert "`fguard deploy` puts it back" not in text
    [told] = drifted.document()["drift"]
    assert rule.rule_id in told
    assert command in told


def test_every_source_of_a_surplus_rule_is_told(deployed_sandbox: Stack) -> None:
    stack = deployed_sandbox
    everything = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": stack.load_balancer_group}]}
    six = {"IpProtocol": "udp", "FromPort": 1, "ToPort": 9, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    with ingress(stack, stack.web_group, everything), ingress(stack, stack.web_group, six):
        found = find_surplus_rules(stack.aws, [stack.web_group], known=())
    assert {rule.admits for rule in found} == {f"everything from {stack.load_balancer_group}", "udp 1-9 from ::/0"}
    assert find_surplus_rules(stack.aws, [], known=()) == ()


def test_credentials_that_may_not_see_rules_are_told_and_go_on(context: Context, deployed_sandbox: Stack) -> None:
    denied = Fault(
        FaultKind.API_ERROR, action="DescribeSecurityGroupRules", code="UnauthorizedOperation", status=403
    )
    deployed_sandbox.sandbox.faults.add(denied)
    assert surplus_rules(context, "us-east-1", terraform_state_of_one(deployed_sandbox)) == ()
    deployed_sandbox.sandbox.faults.clear()
    observer: Any = context.observer
    assert "were not looked for" in observer.texts[-1]


def terraform_state_of_one(stack: Stack) -> list[StateResource]:
    """One security group without rules."""
    group = {"id": stack.web_group}
    return [StateResource("aws_security_group.this", "managed", "aws_security_group", "this", "aws", group)]


def test_watching_looks_again_and_again(status: Status) -> None:
    naps: list[float] = []
    shown: list[Status] = []
    watch(lambda: status, shown.append, interval=5.0, sleep=naps.append, rounds=range(3))
    assert shown == [status] * 3
    assert naps == [5.0, 5.0]
