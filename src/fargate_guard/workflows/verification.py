"""Proving with boto3 that AWS runs what was deployed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fargate_guard.errors import FguardError
from fargate_guard.workflows.access_key import known_access_key
from fargate_guard.workflows.deploy import initialise, read_outputs
from fargate_guard.workflows.engine import open_driver
from fargate_guard.workflows.module import render_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.deployment import DeploymentOutputs
    from fargate_guard.terraform.driver import Driver
    from fargate_guard.verify.await_deployment import Progress
    from fargate_guard.verify.report import Report
    from fargate_guard.workflows.context import Context

SETTLING_SECONDS = 60.0
"""How long log lines, target health and the like may lag behind a deployment that ECS calls complete."""
SETTLING_PAUSE = 3.0


class NotDeployed(FguardError):  # noqa: N818 - what it is, not an error of anything
    """There is nothing to look at."""


def deployed_outputs(context: Context) -> DeploymentOutputs:
    """Return what Terraform's state says was built.

    :raises NotDeployed: when nothing, or not everything, is deployed.
    """
    return outputs_of(context, open_module(context))


def open_module(context: Context) -> Driver:
    """Use the module as it was last deployed; render it where there is none (another machine, state in S3).

    :raises NotDeployed: when there is neither a module nor a state elsewhere.
    """
    rendered = any(context.folder.module.glob("*.tf"))
    if not rendered and context.config.state is None:
        raise _not_deployed(context)
    driver = open_driver(context)
    if not rendered:
        context.folder.create()
        render_module(context, access_key_value_from=known_access_key(context)).write(context.folder.module)
    initialise(context, driver)
    return driver


def outputs_of(context: Context, driver: Driver) -> DeploymentOutputs:
    """Return the outputs of an initialised module.

    :raises NotDeployed: when nothing, or not everything, is deployed.
    """
    outputs = read_outputs(driver)
    if outputs is None:
        raise _not_deployed(context)
    return outputs


def _not_deployed(context: Context) -> NotDeployed:
    return NotDeployed(
        f"{context.config.name} is not deployed, or not completely",
        where=str(context.folder.path),
        fix="run `fguard deploy`; a state in S3 is found with the same `state` in fguard.yaml",
    )


def verify_deployment(
    context: Context,
    outputs: DeploymentOutputs,
    *,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Wait for ECS to finish what was started, then run every check.

    Checks of what follows a deployment within a minute (log lines, target health) get that minute.

    :param timeout: seconds that ECS may take to roll out; 0 looks once.
    """
    from fargate_guard.verify.await_deployment import await_deployments
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
    while True:
        report = run_checks(observe(aws, expected, rollouts=rollouts))
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
