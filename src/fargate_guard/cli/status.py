"""``fguard status``."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Annotated

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.harmless import tame
from fargate_guard.cli.stack_set import AccountRoleOption, DelegatedOption, StackSetFlag, status_stack_set
from fargate_guard.cli.status_view import status_text
from fargate_guard.cli.terraform_options import (
    DEFAULT_LOCK_TIMEOUT,
    LockTimeoutOption,
    TerraformOption,
    open_deployment,
)
from fargate_guard.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from fargate_guard.workflows.status import Status

CLEAR = "\x1b[H\x1b[2J"
"""Move to the top left corner, erase the screen (ECMA-48)."""


@command("status", example="fguard status -c examples/quickstart/fguard.yaml")
def status(
    run: Invocation,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C.")] = False,
    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", min=1.0, help="Between two looks of --watch.")
    ] = 5.0,
    drift: Annotated[
        bool | None,
        typer.Option(
            "--drift/--no-drift",
            help="Ask the method what was changed outside it; takes a while [yes; no with --stack-set].",
        ),
    ] = None,
    stack_set: StackSetFlag = False,
    account_role: AccountRoleOption = None,
    delegated_administrator: DelegatedOption = None,
    terraform: TerraformOption = None,
    lock_timeout: LockTimeoutOption = DEFAULT_LOCK_TIMEOUT,
) -> Result:
    """Show what is deployed, which services and tasks are watched, and what drifted.

    --watch redraws a terminal; elsewhere it prints one block, or with --json one document, per look.
    --stack-set gathers all accounts and Regions. Exit 3 when the stack is stuck (it takes no update then), or a
    stack of the set is not current, its last operation failed, or --drift found drift.
    """
    from fargate_guard.workflows import status as work

    if stack_set:
        if watch:
            raise UsageError("--watch does not go with --stack-set", fix="leave out one of them")
        return status_stack_set(run, delegated_administrator, with_drift=bool(drift), account_role=account_role)
    if account_role is not None:
        raise UsageError("--account-role goes with --stack-set", fix="add --stack-set")
    context = open_deployment(run, terraform, lock_timeout)
    deployment = work.read_deployment(context, with_drift=drift is not False)
    if watch:
        work.watch(
            lambda: work.read_status(context, deployment),
            lambda seen: _show(run, seen),
            interval=interval,
            sleep=time.sleep,
            rounds=itertools.count(),
        )
    seen = work.read_status(context, deployment)
    stuck = seen.deployment.stack is not None and seen.deployment.stack.stuck is not None
    code = ExitCode.VERIFICATION_FAILED if stuck else ExitCode.DONE
    return Result(seen.document(), status_text(seen), code)


def _show(run: Invocation, seen: Status) -> None:
    screen = run.screen
    if screen.json:
        screen.document(f"fguard.{run.command}/v1", {"exit_code": 0, **seen.document()})
        screen.stdout.flush()
        return
    redraw = screen.stdout.isatty() and screen.is_terminal
    text = tame(status_text(seen))
    screen.result(f"{CLEAR}{text}" if redraw else f"{text}\n", exact=redraw)
    screen.stdout.flush()
