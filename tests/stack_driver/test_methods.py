"""What a deployment lives with is found; the other method is refused; Terraform's users need nothing new."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.config.load import parse_config
from fargate_guard.errors import ExitCode, PreflightError, UsageError
from fargate_guard.sandbox import Fault, FaultKind
from fargate_guard.workflows.methods import Method, live_method, method_to_deploy, method_to_remove
from tests.stack_driver.stack_harness import CONFIG, log_groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stack_driver.stack_harness import Stacks

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


def test_a_method_that_does_not_exist_is_wrong_usage(stacks: Stacks) -> None:
    with pytest.raises(UsageError):
        method_to_deploy(stacks.context, "pulumi")
