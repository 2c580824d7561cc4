"""Each check fails for the right reason: one thing is broken in the sandbox, and nothing else is complained of."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

import tests.verify.broken_agent_logs
import tests.verify.broken_definitions
import tests.verify.broken_infrastructure  # noqa: F401 - registers its breakages
from fargate_guard.aws.logs import newest_lines
from fargate_guard.errors import ExitCode
from fargate_guard.sandbox import Fault, FaultKind
from fargate_guard.verify.agent_signs import tells_something
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


def test_reading_goes_back_page_by_page_and_ends(deployed_sandbox: Stack) -> None:
    group, stream = "/fguard/training/web/agent", f"paging/{time.time_ns()}"
    logs = deployed_sandbox.logs
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    now = int(time.time() * 1000)
    for first in range(0, 2000, 1000):
        said = [
            {"timestamp": now - 2000 + number, "message": f"line {number}"}
            for number in range(first, first + 1000)
        ]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=said)
    aws = deployed_sandbox.aws
    newest = newest_lines(aws, group, stream)
    assert [line.text for line in newest] == [f"line {number}" for number in range(1999, 1499, -1)]
    wanted = newest_lines(aws, group, stream, enough=lambda lines: any(line.text == "line 1200" for line in lines))
    assert len(wanted) == 1000
    assert len(newest_lines(aws, group, stream, enough=tells_something)) == 1500
    hours = iter([0.0, 3600.0])
    assert len(newest_lines(aws, group, stream, enough=tells_something, clock=lambda: next(hours))) == 500
    assert newest_lines(aws, group, "nothing/there") == ()
    logs.delete_log_stream(logGroupName=group, logStreamName=stream)
