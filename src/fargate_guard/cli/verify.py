"""``fguard verify``."""

from __future__ import annotations

from typing import Annotated

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.report_view import report_text
from fargate_guard.cli.terraform_options import (
    DEFAULT_LOCK_TIMEOUT,
    LockTimeoutOption,
    TerraformOption,
    open_deployment,
)


@command("verify", example="fguard verify -c examples/quickstart/fguard.yaml --json")
def verify(
    run: Invocation,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", metavar="SECONDS", help="How long to wait for a deployment in progress; 0 looks once."
        ),
    ] = 600.0,
    terraform: TerraformOption = None,
    lock_timeout: LockTimeoutOption = DEFAULT_LOCK_TIMEOUT,
) -> Result:
    """Check with boto3 that AWS runs what was deployed; exit 3 when a check fails, 5 when ECS rolled back.

    Every check, with what it means: docs/checks.md. What the credentials may not read is skipped, and said so.
    """
    from fargate_guard.workflows.by_method import outputs_of_deployment
    from fargate_guard.workflows.verification import verify_deployment

    context = open_deployment(run, terraform, lock_timeout)
    outputs = outputs_of_deployment(context)
    report = verify_deployment(context, outputs, timeout=timeout)
    return Result({"name": context.config.name, **report.document()}, report_text(report), report.exit_code)
