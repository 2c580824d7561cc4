"""The options of the commands that run Terraform or CloudFormation on a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fargate_guard.cli.event_options import a_number
from fargate_guard.errors import UsageError

if TYPE_CHECKING:
    from fargate_guard.cli.command import Invocation
    from fargate_guard.cli.screen import Screen
    from fargate_guard.workflows.context import Context, OnInterrupt, StackChoice

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
    typer.Option(
        "--lock-timeout",
        metavar="SECONDS",
        min=0.0,
        callback=a_number,
        help="How long to wait for somebody else's state lock.",
    ),
]
MethodOption = Annotated[
    str | None,
    typer.Option("--method", help="terraform or cloudformation [what is deployed, else terraform]."),
]
RepairOption = Annotated[
    bool, typer.Option("--repair", help="CloudFormation: get a stack that is stuck out of its state first.")
]
OnInterruptOption = Annotated[
    str | None,
    typer.Option(
        "--on-interrupt",
        metavar="leave|cancel",
        help="CloudFormation: on Ctrl-C let it go on alone, or take it back [asks on a terminal, else leave].",
    ),
]
DemoWorkloadOption = Annotated[
    bool,
    typer.Option(
        "--with-demo-workload",
        help="Beside fguard.yaml's workloads a harmless one that raises events by itself; without it, it goes.",
    ),
]
DemoImageOption = Annotated[
    str | None,
    typer.Option("--demo-image", metavar="REF", help="A copy of the demo workload's image, as in ECR; by digest."),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Approve the plan without being asked.")]

DEFAULT_LOCK_TIMEOUT = 120.0


def refuse_demo_workload(asked: object) -> None:
    """Refuse the demo workload where it is not fguard.yaml's deployment that is planned or deployed.

    :raises UsageError: when it is asked for.
    """
    if asked:
        raise UsageError("the demo workload belongs to the deployment of fguard.yaml", fix="leave its flags out")


def open_deployment(
    run: Invocation, terraform: str | None, lock_timeout: float, stacks: StackChoice | None = None
) -> Context:
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
        stacks=stacks or stack_choice(run),
    )


def stack_choice(
    run: Invocation,
    *,
    command: str = "deploy",
    repair: bool = False,
    yes: bool = False,
    on_interrupt: str | None = None,
) -> StackChoice:
    """Return how CloudFormation is driven: who is asked is whoever sits at the terminal.

    :param command: the command that goes on where this one stops.
    :raises UsageError: when ``--on-interrupt`` is neither leave nor cancel.
    """
    from fargate_guard.cli.command_line import chosen, command_line
    from fargate_guard.workflows.context import StackChoice

    if on_interrupt not in (None, "leave", "cancel"):
        raise UsageError(f"--on-interrupt is {on_interrupt!r}", fix="use one of: leave, cancel")
    method = ("--method", "cloudformation") if command == "deploy" else ()
    screen = run.screen

    def confirm(question: str) -> bool:
        if yes:
            screen.message(question)
        return screen.confirm(question, assume_yes=yes)

    def stop(operation: str) -> OnInterrupt:
        if on_interrupt is not None:
            return "cancel" if on_interrupt == "cancel" else "leave"
        return _ask_to_stop(screen, operation)

    line = command_line(run, command, *method)
    return StackChoice(line, tuple(chosen(run)), repair=repair, confirm=confirm, on_interrupt=stop)


def _ask_to_stop(screen: Screen, operation: str) -> OnInterrupt:
    if not (screen.stdin.isatty() and screen.stderr.isatty()):
        return "leave"
    took_back = {"create": "delete what it has made", "update": "put the former state back"}
    screen.stderr.write(
        f"\nCloudFormation goes on with its {operation} when fguard ends.\n"
        f"  Type 'cancel' to {took_back.get(operation, 'take it back')}, or press Enter to leave it running: "
    )
    screen.stderr.flush()
    return "cancel" if screen.stdin.readline().strip() == "cancel" else "leave"
