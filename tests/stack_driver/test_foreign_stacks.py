"""A stack that has our name and is not ours is left alone, by every command."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fargate_guard.deployment import MANAGED_BY, MANAGED_BY_TAG
from fargate_guard.errors import ExitCode, PreflightError
from fargate_guard.workflows.destroy import destroy
from fargate_guard.workflows.macro import install, look, uninstall
from fargate_guard.workflows.macro_stack import MacroStack
from fargate_guard.workflows.methods import live_method, method_to_deploy, method_to_remove
from fargate_guard.workflows.stack_deploy import deploy_stack, described_deployment, make_stack_plan
from fargate_guard.workflows.stack_removal import remove_deployed_stack
from tests.stack_driver.stack_harness import log_groups
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stack_driver.stack_harness import Stacks

STACK, MACRO = "fguard-training", MacroStack()


def yes(plan: object) -> bool:  # noqa: ARG001 - as the protocol names it
    return True


def occupy(stacks: Stacks, name: str, tags: dict[str, str]) -> None:
    """Somebody else's stack, replaced by one with these tags."""
    client = stacks.client("cloudformation")
    client.delete_stack(StackName=name)
    client.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 0.05})
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    client.create_stack(StackName=name, TemplateBody=log_groups(name, "Theirs").body, Tags=listed)
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.05})


def refused(work: Callable[[], object], name: str, missing: str) -> None:
    with pytest.raises(PreflightError) as caught:
        work()
    error = caught.value
    assert error.exit_code is ExitCode.PREFLIGHT_REFUSED
    assert error.message.startswith(f"the stack {name} was not made for the ")
    assert missing in (error.why or "")
    assert "name" in (error.fix or "").splitlines()[0]
    assert f"aws cloudformation delete-stack --stack-name {name}" in (error.fix or "")


@pytest.mark.parametrize(
    ("tags", "missing"),
    [
        ({}, "fguard:managed-by=fargate-guard (it has no such tag)"),
        ({MANAGED_BY_TAG: MANAGED_BY, "fguard:deployment": "other"}, "fguard:deployment=training (it has other)"),
    ],
    ids=["untagged", "another deployment's"],
)
def test_no_command_on_a_deployment_takes_it(stacks: Stacks, tags: dict[str, str], missing: str) -> None:
    occupy(stacks, STACK, tags)
    context = replace(stacks.repairing(), environ={**stacks.environ, "SYSDIG_ACCESS_KEY": "the-key"})
    for work in (
        lambda: method_to_deploy(context, None),
        lambda: method_to_deploy(context, "cloudformation"),
        lambda: method_to_remove(context),
        lambda: live_method(context),
        lambda: make_stack_plan(context),
        lambda: deploy_stack(context, yes),
        lambda: described_deployment(context),
        lambda: destroy(context, yes, remove_deployed_stack),
    ):
        refused(work, STACK, missing)
    assert stacks.status(STACK) == "CREATE_COMPLETE"
    assert stacks.groups(STACK) == {"Theirs": 1}
    assert stacks.client("secretsmanager").list_secrets()["SecretList"] == []


def test_a_repair_does_not_delete_it_either(stacks: Stacks) -> None:
    occupy(stacks, STACK, {})
    client = stacks.client("cloudformation")
    stacks.fail("update", "Theirs", "Refused")
    client.update_stack(StackName=STACK, TemplateBody=log_groups(STACK, "Theirs", retention=3).body)
    wait_until(lambda: stacks.status(STACK) == "UPDATE_ROLLBACK_FAILED", "the stack is stuck")
    stacks.sandbox.faults.clear()
    context = replace(stacks.repairing(), environ={**stacks.environ, "SYSDIG_ACCESS_KEY": "the-key"})
    refused(lambda: deploy_stack(context, yes), STACK, "fguard:managed-by")


def test_a_first_change_set_of_somebody_elses_is_not_destroyed_and_no_obstacle_to_a_plan(stacks: Stacks) -> None:
    name, client = "fguard-macro-Theirs", stacks.client("cloudformation")
    body = log_groups(name, "Theirs").body
    client.create_change_set(StackName=name, ChangeSetName="theirs", TemplateBody=body, ChangeSetType="CREATE")
    asked = MacroStack("Theirs")
    refused(lambda: uninstall(stacks.context, asked, yes, even_if_used=False), name, "fguard:macro=Theirs")
    assert [one["ChangeSetName"] for one in client.list_change_sets(StackName=name)["Summaries"]] == ["theirs"]
    assert look(stacks.context, asked, lambda: b"") is None


@pytest.mark.parametrize(
    "tags",
    [{}, {MANAGED_BY_TAG: MANAGED_BY, "fguard:deployment": "macro-FargateGuard"}],
    ids=["untagged", "a deployment's"],
)
def test_no_command_on_the_macro_takes_it(stacks: Stacks, tags: dict[str, str]) -> None:
    occupy(stacks, MACRO.stack_name, tags)
    context = stacks.repairing()
    for work in (
        lambda: install(context, MACRO, b"package", yes),
        lambda: look(context, MACRO, lambda: b"package"),
        lambda: uninstall(context, MACRO, yes, even_if_used=True),
    ):
        refused(work, MACRO.stack_name, "fguard:macro=FargateGuard")
    assert stacks.groups(MACRO.stack_name) == {"Theirs": 1}
    assert stacks.client("s3").list_buckets()["Buckets"] == []
