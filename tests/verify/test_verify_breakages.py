"""Each check fails for the right reason: one thing is broken in the sandbox, and nothing else is complained of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import tests.verify.broken_definitions
import tests.verify.broken_infrastructure  # noqa: F401 - registers its breakages
from fargate_guard.errors import ExitCode
from fargate_guard.sandbox import Fault, FaultKind
from fargate_guard.verify.observe import observe
from fargate_guard.verify.registry import Outcome
from fargate_guard.verify.report import Report, run_checks
from tests.verify.breakage import BREAKAGES

if TYPE_CHECKING:
    from fargate_guard.verify.expected import Expected
    from tests.verify.deployed_stack import Stack


def verify(stack: Stack, expected: Expected | None = None) -> Report:
    return run_checks(observe(stack.aws, expected or stack.expected))


def test_a_healthy_deployment_passes_every_check(deployed_sandbox: Stack) -> None:
    report = verify(deployed_sandbox)
    assert [finding for finding in report.findings if finding.outcome is Outcome.NG] == []
    assert report.exit_code is ExitCode.DONE
    assert sum(finding.outcome is Outcome.OK for finding in report.findings) > 80


@pytest.mark.parametrize("name", BREAKAGES)
def test_what_is_broken_is_what_is_complained_of(name: str, deployed_sandbox: Stack) -> None:
    checks, breaking = BREAKAGES[name]
    with breaking(deployed_sandbox) as expected:
        report = verify(deployed_sandbox, expected)
    assert {finding.check for finding in report.failed} == checks
    for finding in report.failed:
        assert finding.fix
        assert finding.expected != finding.found


def test_credentials_that_may_not_read_roles_verify_the_rest(deployed_sandbox: Stack) -> None:
    denied = Fault(FaultKind.API_ERROR, aws_service="iam", code="AccessDenied", message="no", status=403)
    deployed_sandbox.sandbox.faults.add(denied)
    report = verify(deployed_sandbox)
    deployed_sandbox.sandbox.faults.clear()
    assert report.exit_code is ExitCode.DONE
    skipped = [f for f in report.findings if f.check.startswith("execution-role.")]
    assert {finding.outcome for finding in skipped} == {Outcome.SKIP}
    assert all("may not call iam:GetRole" in finding.found for finding in skipped)


def test_everything_was_mended_in_between(deployed_sandbox: Stack) -> None:
    assert [finding.check for finding in verify(deployed_sandbox).failed] == []
