"""What a finding advises mends it, and does no harm."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.verify.observe import observe
from fargate_guard.verify.report import Report, run_checks
from tests.verify.stack_settings import PORT, tcp
from tests.verify.test_verify_checks import failed_task, web, with_service, with_task

if TYPE_CHECKING:
    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.facts.ecs import Task
    from tests.verify.deployed_stack import Stack

OLD = "arn:aws:ecs:us-east-1:123456789012:task-definition/fguard_training_web:0"
EVERYTHING_FROM_IPV6 = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}


def fix(report: Report, check: str) -> str:
    [finding] = [one for one in report.failed if one.check == check]
    assert finding.fix
    return finding.fix


# Tasks of another revision


def test_an_old_task_of_a_service_on_our_revision_may_be_stopped(healthy_facts: Facts) -> None:
    old = with_task(healthy_facts, lambda task: replace(task, task_definition_arn=OLD))
    assert "aws ecs stop-task --cluster" in fix(run_checks(old), "task.revision")


def test_no_task_is_to_be_stopped_while_the_service_is_on_another_revision(healthy_facts: Facts) -> None:
    old = with_task(healthy_facts, lambda task: replace(task, task_definition_arn=OLD))
    advice = fix(run_checks(with_service(old, task_definition_arn=OLD)), "task.revision")
    assert "stop-task" not in advice
    assert "service.deployment" in advice
    assert "fguard deploy" in advice


# Rules that somebody added


@pytest.mark.parametrize(
    ("check", "group", "rule"),
    [
        ("orchestrator.ingress", "orchestrator_group", tcp(PORT, "0.0.0.0/0")),
        ("load-balancer.ingress", "load_balancer_group", tcp(22, "10.0.128.0/20")),
        ("workload.ingress", "web_group", EVERYTHING_FROM_IPV6),
    ],
)
def test_the_advised_command_removes_a_surplus_rule(
    check: str, group: str, rule: dict[str, Any], deployed_sandbox: Stack
) -> None:
    stack, group_id = deployed_sandbox, getattr(deployed_sandbox, group)
    stack.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule])
    advice = fix(run_checks(observe(stack.aws, stack.expected)), check)
    assert "fguard deploy" not in advice
    command = re.search(r"revoke-security-group-ingress --group-id (\S+) --ip-permissions '(.+)' --region", advice)
    assert command
    stack.ec2.revoke_security_group_ingress(GroupId=command[1], IpPermissions=json.loads(command[2]))
    assert run_checks(observe(stack.aws, stack.expected)).failed == ()


def test_a_rule_that_is_missing_comes_back_with_a_deploy(healthy_facts: Facts) -> None:
    group = next(g for g in healthy_facts.security_groups.values() if any(r.admits(PORT) for r in g.ingress))
    shut = replace(
        healthy_facts,
        security_groups={**healthy_facts.security_groups, group.group_id: replace(group, ingress=())},
    )
    report = run_checks(shut)
    advice = [finding.fix or "" for finding in report.failed if finding.check.endswith(".ingress")]
    assert len(advice) == 1
    assert "Terraform puts it back; what drifted from a stack, put back by hand" in advice[0]


# Roles


def test_a_role_of_the_deployment_comes_back_with_a_deploy(healthy_facts: Facts) -> None:
    report = run_checks(replace(healthy_facts, roles={}))
    advice = [finding.fix or "" for finding in report.failed if finding.check == "execution-role.trust"]
    assert all("Terraform puts it back" in one for one in advice)
    assert len(advice) == 2


@pytest.mark.parametrize("exists", [True, False])
def test_a_role_of_the_users_is_for_the_user_to_mend(exists: bool, healthy_facts: Facts) -> None:
    own = "arn:aws:iam::123456789012:role/own-execution-role"
    web, *others = healthy_facts.expected.workloads
    components = (
        *(c for c in healthy_facts.expected.components if c.is_orchestrator),
        replace(web, execution_role_arn=own),
        *others,
    )
    role = replace(healthy_facts.roles[web.execution_role_arn], arn=own, decisions={}, trusted_services=())
    facts = replace(
        healthy_facts,
        expected=replace(healthy_facts.expected, components=components),
        roles={**healthy_facts.roles, own: role} if exists else healthy_facts.roles,
    )
    findings = [finding for finding in run_checks(facts).failed if finding.resource == own]
    assert {finding.check for finding in findings} == {
        "execution-role.trust",
        *(("execution-role.writes-logs", "execution-role.pulls-images") if exists else ()),
    }
    for finding in findings:
        assert "Terraform" not in (finding.fix or "")
        assert "executionRoleArn" in (finding.fix or "")


# Failed tasks


def test_failures_of_an_earlier_deployment_are_not_repeated(healthy_facts: Facts) -> None:
    facts = failed_task(healthy_facts)
    assert [finding.check for finding in run_checks(facts).failed] == ["task.failures"]
    later = with_service(facts, deployment_id="ecs-svc/later")
    assert web(later).deployment_id != facts.stopped_tasks[0].started_by
    assert run_checks(later).failed == ()


def ended(facts: Facts, **exit_codes: int | None) -> Facts:
    """The failed task's containers ended with these exit codes."""
    facts = failed_task(facts)

    def with_codes(task: Task) -> Task:
        containers = tuple(replace(c, exit_code=exit_codes.get(c.name)) for c in task.containers)
        return replace(task, containers=containers)

    return replace(facts, stopped_tasks=tuple(map(with_codes, facts.stopped_tasks)))


@pytest.mark.parametrize("web_code", [0, 3, 137])
def test_the_log_to_read_is_the_failing_containers(web_code: int, healthy_facts: Facts) -> None:
    facts = ended(healthy_facts, web=web_code, SysdigInstrumentation=143)
    task = facts.stopped_tasks[0].task_id
    advice = fix(run_checks(facts), "task.failures")
    assert f"aws logs tail /fguard/training/web --log-stream-names ecs/web/{task} --since 1h" in advice


def test_where_no_container_ran_ecs_is_asked(healthy_facts: Facts) -> None:
    advice = fix(run_checks(ended(healthy_facts, web=None, SysdigInstrumentation=None)), "task.failures")
    assert "aws ecs describe-tasks" in advice
    assert "aws logs" not in advice
