"""A verification report as people read it: what is wrong first, then the count of what is right."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.verify.registry import Finding
    from fargate_guard.verify.report import Report
    from fargate_guard.verify.rollout_verdict import Verdict


def report_text(report: Report) -> str:
    """Return the failed findings with their fix, the rollouts that ECS did not finish, and the counts."""
    lines = [line for verdict in report.rollouts if not verdict.successful for line in _rollout(verdict)]
    lines += [line for finding in report.failed for line in _finding(finding)]
    return "\n".join([*lines, _counts(report)])


def _counts(report: Report) -> str:
    outcomes = Counter(finding.outcome.value for finding in report.findings)
    checks = len({finding.check for finding in report.findings})
    skipped = sorted({finding.check for finding in report.findings if finding.outcome.value == "SKIP"})
    which = f" ({', '.join(skipped)})" if skipped else ""
    return (
        f"Verified with {checks} checks: {outcomes['OK']} findings ok, {outcomes['NG']} failed, "
        f"{outcomes['SKIP']} skipped{which}."
    )


def _finding(finding: Finding) -> Iterator[str]:
    yield f"{finding.severity.value} {finding.check}: {finding.resource}"
    yield f"  expected  {finding.expected}"
    yield f"  found     {finding.found}"
    if finding.fix:
        yield f"  fix       {finding.fix}"


def _rollout(verdict: Verdict) -> Iterator[str]:
    yield f"{verdict.rollout.value} {verdict.awaited.service_arn}"
    yield f"  wanted    {verdict.awaited.task_definition_arn}"
    yield f"  runs      {verdict.running_task_definition_arn}"
    yield f"  why       {verdict.reason}"
    for task in verdict.failed_tasks:
        yield f"  task      {task.arn.rsplit('/', 1)[-1]}: {task.reason}"
        yield from (f"            {container}" for container in task.containers)
        yield from (f"            | {line}" for line in task.log_lines)
