"""Run the checks over facts, and what comes of them: findings, verdicts and the exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import ExitCode
from fargate_guard.verify.checks import CHECKS
from fargate_guard.verify.registry import Finding, Outcome, Severity, summary
from fargate_guard.verify.rollout_verdict import GIVEN_UP, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.registry import Check

ESSENTIAL = frozenset({"services", "rollouts", "tasks", "task_definitions"})
"""Facts without which a verification proves nothing."""


@dataclass(frozen=True, slots=True)
class Report:
    """What ``verify`` found."""

    findings: tuple[Finding, ...]
    rollouts: tuple[Verdict, ...]
    """What became of each service's deployment."""
    blind: bool = False
    """Whether these credentials may not even see what ECS runs; then nothing is proven."""
    may_settle: bool = False
    """Whether all errors may come right within a minute: log lines, target health."""

    @property
    def failed(self) -> tuple[Finding, ...]:
        """Findings that are no good, warnings included."""
        return tuple(finding for finding in self.findings if finding.outcome is Outcome.NG)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that are no good, without the warnings."""
        return tuple(finding for finding in self.failed if finding.severity is Severity.ERROR)

    @property
    def exit_code(self) -> ExitCode:
        """0; 3 when there is an error, or what ECS runs may not be seen; 5 when ECS rolled a deployment back.

        5 also stands for a roll-back that failed: ECS gave up on what was deployed all the same.
        """
        if any(verdict.rollout in GIVEN_UP for verdict in self.rollouts):
            return ExitCode.ROLLED_BACK
        if self.errors or self.blind:
            return ExitCode.VERIFICATION_FAILED
        return ExitCode.DONE

    def document(self) -> dict[str, Any]:
        """Return the body of ``fguard.verify/v1``, without schema and exit code."""
        return {
            "summary": dict(summary(self.findings)),
            "findings": [finding.document() for finding in self.findings],
            "rollouts": [rollout_document(verdict) for verdict in self.rollouts],
        }


def run_checks(facts: Facts, checks: Iterable[Check] = CHECKS) -> Report:
    """Run every check over the facts; pure."""
    registered = tuple(checks)
    findings = tuple(finding for check in registered for finding in check.findings(facts))
    settling = {check.id for check in registered if check.settles}
    errors = {f.check for f in findings if f.outcome is Outcome.NG and f.severity is Severity.ERROR}
    return Report(
        findings,
        facts.rollouts,
        blind=not ESSENTIAL.isdisjoint(facts.unknown),
        may_settle=bool(errors) and errors <= settling,
    )


def rollout_document(verdict: Verdict) -> dict[str, Any]:
    """Return the JSON form of a verdict."""
    return {
        "service": verdict.awaited.service_arn,
        "task_definition": verdict.awaited.task_definition_arn,
        "rollout": verdict.rollout.value,
        "reason": verdict.reason,
        "service_deployment": verdict.service_deployment_arn,
        "running_task_definition": verdict.running_task_definition_arn,
        "running_count": verdict.running_count,
        "desired_count": verdict.desired_count,
        "failed_tasks": [
            {
                "task": task.arn,
                "reason": task.reason,
                "containers": list(task.containers),
                "log_lines": list(task.log_lines),
            }
            for task in verdict.failed_tasks
        ],
    }
