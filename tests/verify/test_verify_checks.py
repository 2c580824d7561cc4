"""Checks as pure functions: facts of a healthy deployment with one thing changed in them.

Here is what the embedded AWS cannot be brought into (a failed load balancer, a platform version of 2019).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import tests.verify.broken_agent_logs
import tests.verify.broken_definitions
import tests.verify.broken_infrastructure  # noqa: F401 - registers its breakages
from fargate_guard.aws.logs import LogLine
from fargate_guard.errors import ExitCode
from fargate_guard.verify.agent_signs import SIGNS, AgentState
from fargate_guard.verify.checks import CHECKS
from fargate_guard.verify.facts.access import Decision
from fargate_guard.verify.registry import Outcome, Severity
from fargate_guard.verify.report import Report, run_checks
from fargate_guard.verify.rollout_verdict import Rollout
from tests.verify.breakage import BREAKAGES
from tests.verify.test_agent_log import LOST, NOW, REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.facts.ecs import Service, Task


def failing(report: Report) -> set[str]:
    return {finding.check for finding in report.failed}


def web(facts: Facts) -> Service:
    """The workload's service."""
    return next(service for service in facts.services.values() if service.name == "fguard_training_web")


def with_service(facts: Facts, **change: Any) -> Facts:
    """The workload's service, changed."""
    service = replace(web(facts), **change)
    return replace(facts, services={**facts.services, service.arn: service})


def with_task(facts: Facts, change: Callable[[Task], Task]) -> Facts:
    """One of the workload's tasks, changed."""
    first, *others = sorted(facts.tasks, key=lambda task: task.group != "service:fguard_training_web")
    return replace(facts, tasks=(change(first), *others))


def with_container(facts: Facts, name: str, **change: Any) -> Facts:
    """One container of one of the workload's tasks, changed."""

    def changed(task: Task) -> Task:
        containers = tuple(replace(c, **change) if c.name == name else c for c in task.containers)
        return replace(task, containers=containers)

    return with_task(facts, changed)


def with_subnet(facts: Facts, **change: Any) -> Facts:
    """One subnet, changed."""
    first = next(iter(facts.subnets.values()))
    return replace(facts, subnets={**facts.subnets, first.subnet_id: replace(first, **change)})


def with_load_balancer(facts: Facts, **change: Any) -> Facts:
    """The load balancer, changed."""
    assert facts.load_balancer is not None
    return replace(facts, load_balancer=replace(facts.load_balancer, **change))


def with_cluster(facts: Facts, **change: Any) -> Facts:
    """The cluster, changed."""
    assert facts.cluster is not None
    return replace(facts, cluster=replace(facts.cluster, **change))


def with_vpc(facts: Facts, **change: Any) -> Facts:
    """The VPC, changed."""
    assert facts.vpc is not None
    return replace(facts, vpc=replace(facts.vpc, **change))


def with_secret(facts: Facts, **change: Any) -> Facts:
    """The access key's secret, changed."""
    return replace(facts, secrets={name: replace(secret, **change) for name, secret in facts.secrets.items()})


def with_customer_key(facts: Facts, *, allowed: bool) -> Facts:
    """The secret under a customer managed key, which the execution role may use or not."""
    key = "arn:aws:kms:us-east-1:123456789012:key/1234"
    decision = {("kms:Decrypt", key): Decision(allowed, "IAM's policy simulation says so")}
    roles = {arn: replace(role, decisions={**role.decisions, **decision}) for arn, role in facts.roles.items()}
    return replace(with_secret(facts, kms_key=key), roles=roles)


def failed_task(facts: Facts) -> Facts:
    """One of the workload's tasks of the deployed revision failed a while ago."""
    task = next(task for task in facts.tasks if task.group == "service:fguard_training_web")
    gone = replace(task, last_status="STOPPED", stop_code="EssentialContainerExited", stopped_reason="It ended")
    return replace(facts, stopped_tasks=(gone,))


def not_fargate(facts: Facts) -> Facts:
    """The workload's revision is for EC2."""
    arn = facts.expected.workloads[0].task_definition_arn
    definition = facts.task_definitions[arn]
    changed = replace(definition, json={**definition.json, "requiresCompatibilities": ["EC2"]})
    return replace(facts, task_definitions={**facts.task_definitions, arn: changed})


CASES: dict[str, tuple[set[str], Callable[[Facts], Facts]]] = {
    "vpc pending": ({"network.vpc"}, lambda f: with_vpc(f, state="pending")),
    "vpc gone": ({"network.vpc"}, lambda f: replace(f, vpc=None)),
    "subnet without free addresses": ({"network.subnets"}, lambda f: with_subnet(f, free_addresses=0)),
    "subnet of another vpc": ({"network.subnets"}, lambda f: with_subnet(f, vpc_id="vpc-0000")),
    "subnets in one zone": ({"network.two-zones"}, lambda f: with_subnet(f, zone="us-east-1b")),
    "route is a black hole": ({"network.route-out"}, lambda f: with_subnet(f, route_active=False)),
    "no public address behind an internet gateway": (
        {"network.public-ip"},
        lambda f: with_subnet(f, route_out="igw-0123"),
    ),
    "nat gateway failed": (
        {"network.nat-gateways"},
        lambda f: replace(f, nat_gateways=dict.fromkeys(f.nat_gateways, "failed")),
    ),
    "load balancer failed": ({"load-balancer.active"}, lambda f: with_load_balancer(f, state="failed")),
    "load balancer gone": ({"load-balancer.active"}, lambda f: replace(f, load_balancer=None)),
    "load balancer on the internet": (
        {"load-balancer.internal"},
        lambda f: with_load_balancer(f, scheme="internet-facing"),
    ),
    "load balancer in one zone": ({"load-balancer.zones"}, lambda f: with_load_balancer(f, zones=("us-east-1a",))),
    "load balancer renamed": ({"load-balancer.host"}, lambda f: with_load_balancer(f, dns_name="another")),
    "load balancer without security group": (
        {"load-balancer.security-group"},
        lambda f: with_load_balancer(f, security_group_ids=()),
    ),
    "target unhealthy": (
        {"load-balancer.target-healthy"},
        lambda f: replace(f, targets=tuple(replace(target, state="unhealthy") for target in f.targets)),
    ),
    "cluster deleted": ({"cluster.active"}, lambda f: with_cluster(f, status="INACTIVE")),
    "service draining": ({"service.active"}, lambda f: with_service(f, status="DRAINING")),
    "too few tasks": ({"service.running-count"}, lambda f: with_service(f, running_count=1, pending_count=1)),
    "old platform version": ({"service.fargate"}, lambda f: with_service(f, platform_version="1.3.0")),
    "on EC2": ({"service.fargate"}, lambda f: with_service(f, launch_type="EC2")),
    "service in strange subnets": ({"service.network"}, lambda f: with_service(f, subnet_ids=("subnet-0000",))),
    "service without its target group": (
        {"service.load-balancer"},
        lambda f: replace(f, services={arn: replace(s, target_group_arns=()) for arn, s in f.services.items()}),
    ),
    "task of an older revision": (
        {"task.revision"},
        lambda f: with_task(f, lambda task: replace(task, task_definition_arn=f"{task.task_definition_arn}0")),
    ),
    "container ended": (
        {"task.containers-running"},
        lambda f: with_container(f, "web", last_status="STOPPED", exit_code=1),
    ),
    "sidecar ended": (
        {"task.sidecar-running"},
        lambda f: with_container(f, "SysdigInstrumentation", last_status="STOPPED", exit_code=137),
    ),
    "container unhealthy": ({"task.healthy"}, lambda f: with_container(f, "web", health_status="UNHEALTHY")),
    "task on an old platform": (
        {"task.platform"},
        lambda f: with_task(f, lambda task: replace(task, platform_version="1.3.0")),
    ),
    "tasks fail now and then": ({"task.failures"}, failed_task),
    "task definition for EC2": ({"task-definition.fargate"}, not_fargate),
    "secret in another region": ({"access-key.region"}, lambda f: with_secret(f, region="eu-west-1")),
    "secret without a value": (
        {"access-key.exists"},
        lambda f: with_secret(f, has_value=False, detail="no value"),
    ),
    "customer key not usable": ({"execution-role.decrypts"}, lambda f: with_customer_key(f, allowed=False)),
    "customer key usable": (set(), lambda f: with_customer_key(f, allowed=True)),
    "execution role gone": ({"execution-role.trust"}, lambda f: replace(f, roles={})),
}


@pytest.mark.parametrize("name", CASES)
def test_a_changed_fact_fails_exactly_its_check(name: str, healthy_facts: Facts) -> None:
    checks, change = CASES[name]
    report = run_checks(change(healthy_facts))
    assert failing(report) == checks
    assert all(finding.fix and finding.found != finding.expected for finding in report.failed)


def test_every_check_is_shown_failing() -> None:
    shown = {check for checks, _ in BREAKAGES.values() for check in checks}
    shown |= {check for checks, _ in CASES.values() for check in checks}
    assert {check.id for check in CHECKS} - shown == set()


def test_a_warning_alone_does_not_fail_the_verification(healthy_facts: Facts) -> None:
    report = run_checks(failed_task(healthy_facts))
    assert [finding.severity for finding in report.failed] == [Severity.WARNING]
    assert report.exit_code is ExitCode.DONE


def test_an_error_is_exit_3(healthy_facts: Facts) -> None:
    assert run_checks(with_cluster(healthy_facts, status="INACTIVE")).exit_code is ExitCode.VERIFICATION_FAILED


def test_a_rollout_that_ecs_rolled_back_is_exit_5(healthy_facts: Facts) -> None:
    rolled_back = replace(healthy_facts.rollouts[0], rollout=Rollout.ROLLED_BACK, reason="tasks failed to start")
    report = run_checks(replace(healthy_facts, rollouts=(rolled_back,)))
    assert report.exit_code is ExitCode.ROLLED_BACK
    assert report.document()["rollouts"][0]["reason"] == "tasks failed to start"


def test_what_may_not_be_read_is_skipped_and_said(healthy_facts: Facts) -> None:
    denied = "the AWS credentials may not call iam:GetRole"
    report = run_checks(replace(healthy_facts, roles={}, unknown={"roles": denied}))
    skipped = [finding for finding in report.findings if finding.check.startswith("execution-role.")]
    assert {finding.outcome for finding in skipped} == {Outcome.SKIP}
    assert all(denied in finding.found for finding in skipped)
    assert report.exit_code is ExitCode.DONE


def test_without_a_look_at_the_services_nothing_is_proven(healthy_facts: Facts) -> None:
    unknown = {"services": "the AWS credentials may not call ecs:DescribeServices"}
    report = run_checks(replace(healthy_facts, services={}, unknown=unknown))
    assert report.errors == ()
    assert report.exit_code is ExitCode.VERIFICATION_FAILED


def test_every_check_says_something_in_the_json(healthy_facts: Facts) -> None:
    document = run_checks(healthy_facts).document()
    assert {finding["check"] for finding in document["findings"]} == {check.id for check in CHECKS}
    assert document["summary"] == {
        outcome: sum(finding["outcome"] == outcome.upper() for finding in document["findings"])
        for outcome in ("ok", "ng", "skip")
    }
    assert document["summary"]["ng"] == 0
    assert set(document["findings"][0]) == {
        *("check", "severity", "title", "resource", "outcome", "expected", "found", "fix", "docs")
    }


def test_log_lines_that_are_late_may_settle_and_an_open_port_does_not(healthy_facts: Facts) -> None:
    assert run_checks(replace(healthy_facts, log_lines={})).may_settle
    assert run_checks(replace(failed_task(healthy_facts), log_lines={})).may_settle
    assert not run_checks(with_load_balancer(healthy_facts, scheme="internet-facing")).may_settle
    assert not run_checks(healthy_facts).may_settle


def test_clients_that_the_configuration_admits_are_no_fault(healthy_facts: Facts) -> None:
    outputs = healthy_facts.expected.outputs.orchestrator
    assert outputs is not None
    group_id = outputs.load_balancer_security_group_id
    group = healthy_facts.security_groups[group_id]
    office = replace(group.ingress[0], peer="192.168.7.0/24")
    groups = {**healthy_facts.security_groups, group_id: replace(group, ingress=(*group.ingress, office))}
    facts = replace(healthy_facts, security_groups=groups)
    assert "load-balancer.ingress" in failing(run_checks(facts))
    admitted = replace(facts, expected=replace(facts.expected, client_cidr_blocks=("192.168.0.0/16",)))
    assert "load-balancer.ingress" not in failing(run_checks(admitted))


def test_only_wordings_with_a_public_page_can_be_an_error(healthy_facts: Facts) -> None:
    documented = {sign.state for sign in SIGNS if sign.source}
    assert documented == {AgentState.CONNECTED, AgentState.BAD_KEY}
    for text, is_error in ((REFUSED, True), (LOST, False), ("PROTO_MISMATCH", False)):
        task = next(one for one in healthy_facts.tasks if one.group.endswith("orchestrator"))
        said = {**healthy_facts.agent_log, task.arn: (LogLine(NOW, text),)}
        report = run_checks(replace(healthy_facts, agent_log=said, log_read_at=NOW))
        assert len(report.failed) == 1
        assert bool(report.errors) == is_error


def test_the_embedded_agents_tell_nothing_and_nothing_is_made_of_it(healthy_facts: Facts) -> None:
    found = [one for one in run_checks(healthy_facts).findings if one.check.startswith("agent-log.")]
    assert {one.outcome for one in found} == {Outcome.SKIP}
    assert all("no line of the log tells" in one.found for one in found)
