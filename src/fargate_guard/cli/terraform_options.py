"""The options of the commands that run Terraform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fargate_guard.errors import UsageError

if TYPE_CHECKING:
    from fargate_guard.cli.command import Invocation
    from fargate_guard.workflows.context import Context

TerraformOption = Annotated[
    str | None,
    typer.Option(
        "--terraform",
        envvar="FGUARD_TERRAFORM",
        help="Terraform or OpenTofu: a path, a name, or `embedded` [what is on PATH, else embedded].",
    ),
]
LockTimeoutOption = Annotated[
    float,
    typer.Option("--lock-timeout", metavar="SECONDS", help="How long to wait for somebody else's state lock."),
]
MethodOption = Annotated[str, typer.Option("--method", help="terraform, or cloudformation (not there yet).")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Approve the plan without being asked.")]

DEFAULT_LOCK_TIMEOUT = 120.0


def open_deployment(run: Invocation, terraform: str | None, lock_timeout: float) -> Context:
    """Return the context of the configured deployment, with progress on the screen."""
    from fargate_guard.cli.progress import ProgressObserver
    from fargate_guard.workflows.context import TerraformChoice, open_context

    return open_context(
        run.config_file,
        region=run.region,
        profile=run.profile,
        environ=run.environ,
        observer=ProgressObserver(run.screen),
        terraform=TerraformChoice(terraform, lock_timeout),
    )


def check_method(method: str) -> None:
    """Accept ``terraform``.

    :raises UsageError: for ``cloudformation``, which is not there yet, and for anything else.
    """
    if method == "cloudformation":
        raise UsageError(
            "the CloudFormation method is not there yet",
            fix="deploy with --method terraform, or render the module for your own pipeline: fguard render -o DIR",
        )
    if method != "terraform":
        raise UsageError(f"--method is {method!r}", fix="use --method terraform")
