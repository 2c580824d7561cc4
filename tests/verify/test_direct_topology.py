"""Agents of 6.0.0 and later connect to the collector themselves: what is checked then, and what is not."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.errors import ExitCode
from fargate_guard.sandbox import Sandbox
from fargate_guard.verify.checks import CHECKS
from fargate_guard.verify.observe import observe
from fargate_guard.verify.registry import Outcome
from fargate_guard.verify.report import Report, run_checks
from tests.verify.broken_definitions import drop, put
from tests.verify.deployed_stack import Stack
from tests.verify.stack_changes import redeploy_web, restore_services
from tests.verify.stack_settings import tcp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.verify.expected import Expected

Json = dict[str, Any]


@pytest.fixture(scope="module")
def direct() -> Iterator[Stack]:
    with Sandbox.start(speed=20) as sandbox:
        yield Stack(sandbox, topology="direct")


def verify(stack: Stack, expected: Expected | None = None) -> Report:
    return run_checks(observe(stack.aws, expected or stack.expected))


def failing(report: Report) -> set[str]:
    return {finding.check for finding in report.failed}


@contextmanager
def redeployed(stack: Stack, change: Callable[[Json, Json], Any]) -> Iterator[Expected]:
    """The workload with ``change(workload_container, sidecar)``."""
    definition = copy.deepcopy(stack.web_json)
    change(*definition["containerDefinitions"])
    yield redeploy_web(stack, definition)
    restore_services(stack)


def test_a_healthy_deployment_passes_and_nothing_of_an_orchestrator_is_looked_for(direct: Stack) -> None:
    report = verify(direct)
    assert failing(report) == set()
    assert report.exit_code is ExitCode.DONE
    of_orchestrator = {check.id for check in CHECKS if check.topology == "orchestrator"}
    assert len(of_orchestrator) > 10
    for finding in report.findings:
        if finding.check in of_orchestrator:
            assert (finding.outcome, finding.found) == (Outcome.SKIP, "not in the direct topology")


def test_another_collector_is_complained_of(direct: Stack) -> None:
    with redeployed(
        direct, lambda _, side: put(side, "SYSDIG_COLLECTOR", "ingest-eu1.app.sysdig.com")
    ) as expected:
        assert failing(verify(direct, expected)) == {"agent.collector-address"}


def test_a_missing_collector_is_complained_of(direct: Stack) -> None:
    with redeployed(direct, lambda _, side: drop(side, "SYSDIG_COLLECTOR")) as expected:
        assert failing(verify(direct, expected)) == {"agent.environment", "agent.collector-address"}


def test_an_orchestrator_beside_the_collector_is_complained_of(direct: Stack) -> None:
    with redeployed(direct, lambda _, side: put(side, "SYSDIG_ORCHESTRATOR", "nlb")) as expected:
        assert failing(verify(direct, expected)) == {"agent.environment"}


def test_a_sidecar_without_the_access_key_is_complained_of(direct: Stack) -> None:
    with redeployed(direct, lambda _, side: side.pop("secrets")) as expected:
        assert failing(verify(direct, expected)) == {"agent.environment", "access-key.referenced"}


def test_an_access_key_in_the_workloads_container_is_one_leak_more(direct: Stack) -> None:
    with redeployed(direct, lambda web, side: web.update(secrets=side["secrets"])) as expected:
        assert failing(verify(direct, expected)) == {"access-key.referenced"}


def test_a_role_that_may_not_read_the_key_is_complained_of(direct: Stack) -> None:
    direct.put_policy("web", [s for s in direct.web_statements() if "secretsmanager" not in s["Action"][0]])
    found = failing(verify(direct))
    direct.put_policy("web", direct.web_statements())
    assert found == {"execution-role.reads-secrets"}


def test_a_workload_that_cannot_reach_the_collector_is_complained_of(direct: Stack) -> None:
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    only_https = tcp(443, "0.0.0.0/0")
    direct.ec2.revoke_security_group_egress(GroupId=direct.web_group, IpPermissions=[everything])
    direct.ec2.authorize_security_group_egress(GroupId=direct.web_group, IpPermissions=[only_https])
    report = verify(direct)
    direct.ec2.authorize_security_group_egress(GroupId=direct.web_group, IpPermissions=[everything])
    assert failing(report) == {"workload.egress"}
    assert "6443" in report.failed[0].expected


def test_everything_was_mended_in_between(direct: Stack) -> None:
    assert failing(verify(direct)) == set()
