"""Proving with boto3 that AWS runs what was deployed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from fargate_guard.workflows.deployed_module import open_deployed_module, outputs_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.deployment import DeploymentOutputs
    from fargate_guard.verify.await_deployment import Progress
    from fargate_guard.verify.facts.events import RecentEvents
    from fargate_guard.verify.report import Report
    from fargate_guard.workflows.context import Context

SETTLING_SECONDS = 60.0
"""How long log lines, target health and the like may lag behind a deployment that ECS calls complete."""
SETTLING_PAUSE = 3.0


def deployed_outputs(context: Context) -> DeploymentOutputs:
    """Return what Terraform's state says was built.

    :raises NotDeployed: when nothing, or not everything, is deployed.
    """
    return outputs_of(context, open_deployed_module(context))


def verify_deployment(
    context: Context,
    outputs: DeploymentOutputs,
    *,
    timeout: float,
    events: Callable[[], RecentEvents] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Wait for ECS to finish what was started, then run every check.

    Checks of what follows a deployment within a minute (log lines, target health) get that minute.

    :param timeout: seconds that ECS may take to roll out; 0 looks once.
    :param events: asks Sysdig Secure for recent events, once; None: those checks are left out.
    """
    from fargate_guard.verify.await_deployment import await_deployments
    from fargate_guard.verify.checks import CHECKS, ON_REQUEST
    from fargate_guard.verify.expected import Expected
    from fargate_guard.verify.observe import observe
    from fargate_guard.verify.report import run_checks

    aws = context.aws.in_region(outputs.region)
    expected = Expected.of(context.config, outputs)
    started = clock()

    def tell(progress: Progress) -> None:
        for line in progress_lines(progress):
            context.observer.rollout(line)

    rollouts = await_deployments(aws, expected.awaited, timeout=timeout, clock=clock, sleep=sleep, progress=tell)
    settled_by = min(clock() + SETTLING_SECONDS, started + timeout)
    recent = events() if events else None
    checks = (*CHECKS, *ON_REQUEST) if recent else CHECKS
    while True:
        facts = observe(aws, expected, rollouts=rollouts)
        report = run_checks(replace(facts, recent_events=recent), checks)
        if not report.may_settle or clock() >= settled_by:
            return report
        context.observer.note(f"waiting for {', '.join(sorted({finding.check for finding in report.errors}))}")
        sleep(SETTLING_PAUSE)


def progress_lines(progress: Progress) -> list[str]:
    """Return how far a service is, as lines of text."""
    name = progress.awaited.service_name
    counts = (
        f"{progress.running_count} running, {progress.pending_count} pending, {progress.desired_count} desired"
    )
    return [*progress.events, f"{name}: {progress.rollout.value}, {counts}"]
