"""A workload's own execution role is looked at before anything changes."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from fargate_guard.errors import ExitCode, PreflightError
from fargate_guard.sandbox import Fault, FaultKind
from fargate_guard.workflows.context import Context
from fargate_guard.workflows.preflight import check_execution_roles
from fargate_guard.workload_input import WorkloadInput
from tests.verify.stack_settings import allow, trust

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.verify.deployed_stack import Stack

ROLE = "own-execution-role"
ACCOUNT = "123456789012"
LOGS = ["logs:CreateLogStream", "logs:PutLogEvents"]
GROUPS = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/fguard/training/web"


class Notes:
    """An observer that keeps notes."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture
def context(deployed_sandbox: Stack, tmp_path: Path) -> Context:
    return Context(
        config=deployed_sandbox.config,
        config_file=tmp_path / "fguard.yaml",
        folder=cast("Any", None),
        aws=deployed_sandbox.aws,
        environ={},
        observer=cast("Any", Notes()),
    )


@pytest.fixture
def role(deployed_sandbox: Stack) -> Iterator[Stack]:
    """A role of the user's that ECS may assume, without any policy."""
    iam = deployed_sandbox.iam
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust("ecs-tasks.amazonaws.com")))
    yield deployed_sandbox
    deployed_sandbox.sandbox.faults.clear()
    for policy in iam.list_role_policies(RoleName=ROLE)["PolicyNames"]:
        iam.delete_role_policy(RoleName=ROLE, PolicyName=policy)
    iam.delete_role(RoleName=ROLE)


def permit(stack: Stack, *statements: dict[str, Any]) -> None:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    stack.iam.put_role_policy(RoleName=ROLE, PolicyName="own", PolicyDocument=json.dumps(document))


def workload(stack: Stack, role: str | None = ROLE, *value_from: str) -> WorkloadInput:
    """The instrumented workload with another execution role, and with secrets."""
    definition = copy.deepcopy(stack.web_json)
    definition.pop("executionRoleArn")
    if role:
        definition["executionRoleArn"] = role
    secrets = [{"name": f"SECRET_{number}", "valueFrom": one} for number, one in enumerate(value_from)]
    definition["containerDefinitions"][0]["secrets"] = secrets
    return WorkloadInput("web", definition)


def refusal(context: Context, *workloads: WorkloadInput) -> PreflightError:
    with pytest.raises(PreflightError) as refused:
        check_execution_roles(context, workloads)
    assert refused.value.exit_code is ExitCode.PREFLIGHT_REFUSED
    assert "executionRoleArn" in (refused.value.where or "")
    assert "leave executionRoleArn out" in (refused.value.fix or "")
    return refused.value


def test_a_role_without_policies_is_refused_with_everything_that_it_lacks(context: Context, role: Stack) -> None:
    refused = refusal(context, workload(role, ROLE, role.key, "/app/colour"))
    assert role.secret in (refused.why or "")
    for told in (
        f"secretsmanager:GetSecretValue on {role.secret}",
        f"ssm:GetParameters on arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/app/colour",
        f"logs:CreateLogStream on {GROUPS}:",
        f"logs:PutLogEvents on {GROUPS}/agent:",
    ):
        assert told in (refused.fix or "")


def test_a_role_that_may_do_what_is_needed_passes(context: Context, role: Stack) -> None:
    permit(role, allow(LOGS, [f"{GROUPS}:*", f"{GROUPS}/agent:*"]), allow(["secretsmanager:*"], role.secret))
    check_execution_roles(context, [workload(role, f"arn:aws:iam::{ACCOUNT}:role/{ROLE}", role.key)])


def test_the_agents_log_group_counts(context: Context, role: Stack) -> None:
    permit(role, allow(LOGS, f"{GROUPS}:*"))
    assert refusal(context, workload(role)).why == "it may not write to /fguard/training/web/agent"


def test_a_key_that_is_not_stored_yet_needs_permission_for_its_name(context: Context, role: Stack) -> None:
    name = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:fguard/new/sysdig-access-key"
    permit(role, allow(LOGS, "*"), allow(["secretsmanager:GetSecretValue"], f"{name}-??????"))
    check_execution_roles(context, [workload(role, ROLE, f"{name}-not-stored-yet")])


def test_a_secret_with_a_policy_of_its_own_is_noted(context: Context, role: Stack) -> None:
    own = {"Version": "2012-10-17", "Statement": [allow(["secretsmanager:GetSecretValue"], "*")]}
    role.secrets.put_resource_policy(SecretId=role.secret, ResourcePolicy=json.dumps(own))
    permit(role, allow(LOGS, "*"))
    check_execution_roles(context, [workload(role, ROLE, role.key)])
    role.secrets.delete_resource_policy(SecretId=role.secret)
    assert "was not checked" in notes(context)


def test_a_role_that_does_not_exist_is_refused(context: Context, deployed_sandbox: Stack) -> None:
    refused = refusal(context, workload(deployed_sandbox, "never-made"))
    assert refused.why == "there is no such role"
    assert f"arn:aws:iam::{ACCOUNT}:role/never-made" in (refused.where or "")


def test_a_role_that_ecs_may_not_assume_is_refused(context: Context, role: Stack) -> None:
    document = json.dumps(trust("ec2.amazonaws.com"))
    role.iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=document)
    permit(role, allow(["*"], "*"))
    assert "trusts ec2.amazonaws.com" in (refusal(context, workload(role)).why or "")


def test_a_role_of_another_account_is_refused(context: Context, role: Stack) -> None:
    arn = f"arn:aws:iam::210987654321:role/{ROLE}"
    with pytest.raises(PreflightError) as refused:
        check_execution_roles(context, [workload(role, arn)])
    assert refused.value.why == "it is another account's"


def test_a_role_that_fguard_makes_is_not_looked_at(context: Context, deployed_sandbox: Stack) -> None:
    check_execution_roles(context, [workload(deployed_sandbox, None)])


def test_credentials_that_may_not_read_roles_are_told_and_go_on(context: Context, role: Stack) -> None:
    role.sandbox.faults.add(
        Fault(FaultKind.API_ERROR, aws_service="iam", code="AccessDenied", message="no", status=403)
    )
    check_execution_roles(context, [workload(role)])
    assert "web: whether the execution role own-execution-role can start its tasks was not checked" in notes(
        context
    )


def notes(context: Context) -> str:
    observer: Any = context.observer
    return "\n".join(observer.texts)
