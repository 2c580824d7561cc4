"""``fguard destroy``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.own_template import refuse_to_destroy
from fargate_guard.cli.plan_view import PlanApproval
from fargate_guard.cli.stack_set import DelegatedOption, StackSetFlag, destroy_stack_set
from fargate_guard.cli.terraform_options import (
    DEFAULT_LOCK_TIMEOUT,
    LockTimeoutOption,
    OnInterruptOption,
    RepairOption,
    TerraformOption,
    YesOption,
    open_deployment,
    stack_choice,
)
from fargate_guard.errors import ExitCode


@command("destroy", example="fguard destroy -c examples/quickstart/fguard.yaml --yes")
def destroy(
    run: Invocation,
    yes: YesOption = False,
    even_if_used: Annotated[
        bool, typer.Option("--even-if-used", help="Also when other services still send to this orchestrator.")
    ] = False,
    template: Annotated[
        Path | None,
        typer.Option(
            "--template", metavar="FILE", help="Tell how a stack of your own is undone; it is not deleted."
        ),
    ] = None,
    stack_set: StackSetFlag = False,
    delegated_administrator: DelegatedOption = None,
    repair: RepairOption = False,
    on_interrupt: OnInterruptOption = None,
    terraform: TerraformOption = None,
    lock_timeout: LockTimeoutOption = DEFAULT_LOCK_TIMEOUT,
) -> Result:
    """Remove all that deploy made, then prove that nothing is left.

    A stack's termination protection is turned off for it. With --repair, what CloudFormation cannot delete is
    left in the account, and named.
    """
    from fargate_guard.workflows.by_method import take_away

    refuse_to_destroy(run, template)
    stacks = stack_choice(run, command="destroy", repair=repair, yes=yes, on_interrupt=on_interrupt)
    if stack_set:
        return destroy_stack_set(run, delegated_administrator, stacks, yes=yes)
    context = open_deployment(run, terraform, lock_timeout, stacks)
    name = context.config.name
    approval = PlanApproval(run.screen, f"Remove the deployment {name!r}?", expected=name, assume_yes=yes)
    done = take_away(context, approval, even_if_used=even_if_used)
    document = {
        "name": name,
        "removed": list(done.removed),
        "access_key_removed": done.access_key_removed,
        "leftovers": [{"resource": left.resource, "remove_with": left.remove_with} for left in done.leftovers],
    }
    if done.leftovers:
        lines = [f"{len(done.leftovers)} resources of {name} are still there:"]
        lines += [f"  {left.resource}\n    {left.remove_with}" for left in done.leftovers]
        return Result(document, "\n".join(lines), ExitCode.VERIFICATION_FAILED)
    if not done.removed and not done.access_key_removed:
        return Result(
            document, f"There was nothing to remove: {name} is not deployed; nothing tagged by it is left."
        )
    return Result(document, f"Removed {name}: {len(done.removed)} resources; nothing tagged by it is left.")
