"""``fguard plan``."""

from __future__ import annotations

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.plan_view import plan_document, plan_text
from fargate_guard.cli.terraform_options import (
    DEFAULT_LOCK_TIMEOUT,
    LockTimeoutOption,
    MethodOption,
    TerraformOption,
    open_deployment,
)
from fargate_guard.errors import ExitCode


@command("plan", example="fguard plan -c examples/quickstart/fguard.yaml")
def plan(
    run: Invocation,
    method: MethodOption = None,
    terraform: TerraformOption = None,
    lock_timeout: LockTimeoutOption = DEFAULT_LOCK_TIMEOUT,
) -> Result:
    """Show what deploy would change; exit 2 when something would.

    With CloudFormation a change set is made for it, and deleted again.
    """
    from fargate_guard.workflows.by_method import plan_deployment

    chosen, made = plan_deployment(open_deployment(run, terraform, lock_timeout), method)
    pending = ExitCode.CHANGES_PENDING if made.has_changes else ExitCode.DONE
    return Result({"method": chosen.value, "plan": plan_document(made)}, plan_text(made), pending)
