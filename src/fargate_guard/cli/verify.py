"""``fguard verify``."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.event_options import MOST_MINUTES, Secure, a_number, open_client
from fargate_guard.cli.option_groups import with_option_groups
from fargate_guard.cli.report_view import report_text
from fargate_guard.cli.terraform_options import (
    DEFAULT_LOCK_TIMEOUT,
    LockTimeoutOption,
    TerraformOption,
    open_deployment,
)


@command("verify", example="fguard verify -c examples/quickstart/fguard.yaml --json")
@with_option_groups
def verify(
    run: Invocation,
    secure: Secure,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=0.0,
            callback=a_number,
            help="How long to wait for a deployment in progress; 0 looks once.",
        ),
    ] = 600.0,
    events: Annotated[
        float | None,
        typer.Option(
            "--events",
            metavar="MINUTES",
            min=1.0,
            max=MOST_MINUTES,
            callback=a_number,
            help="Also check that an event of a deployed task arrived within so many minutes; needs a token.",
        ),
    ] = None,
    terraform: TerraformOption = None,
    lock_timeout: LockTimeoutOption = DEFAULT_LOCK_TIMEOUT,
) -> Result:
    """Check with boto3 that AWS runs what was deployed; exit 3 when a check fails, 5 when ECS rolled back.

    Every check, with what it means: docs/checks.md. What the credentials may not read is skipped, and said so.
    """
    from fargate_guard.workflows.by_method import outputs_of_deployment
    from fargate_guard.workflows.verification import verify_deployment
    from fargate_guard.workflows.verify_events import recent_events

    context = open_deployment(run, terraform, lock_timeout)
    client = open_client(run, context.config, secure) if events else None
    outputs = outputs_of_deployment(context)
    look = partial(recent_events, client, outputs, events) if client and events else None
    report = verify_deployment(context, outputs, timeout=timeout, events=look)
    return Result({"name": context.config.name, **report.document()}, report_text(report), report.exit_code)
