"""The ``fguard`` command: all commands, as Typer parses them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar

import typer
from typer.exceptions import TyperException

from fargate_guard import __version__
from fargate_guard.cli.on_demand import CommandsOnDemand
from fargate_guard.errors import ExitCode, Interrupted, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Commands(CommandsOnDemand):
    """Every command with its line in ``fguard --help``; the module of its name in this package holds it."""

    summaries: ClassVar = {
        "demo": "Show the whole story on the embedded AWS; needs no account.",
        "sandbox": "Keep the embedded AWS running, to try things in.",
        "init": "Write a commented fguard.yaml.",
        "doctor": "Tell what this machine and account lack, with each fix.",
        "render": "Write the Terraform module or template, to read and keep.",
        "plan": "Show what deploy would change.",
        "deploy": "Plan, ask, apply exactly that plan, verify what ECS runs.",
        "verify": "Check with boto3 that AWS runs what was deployed.",
        "status": "Show what is deployed, what is watched, and what drifted.",
        "events": "Show the detections that Sysdig Secure has of Fargate tasks.",
        "detect": "Trigger something harmless and wait for its event.",
        "policies": "Show the policies of Sysdig Secure that see Fargate tasks.",
        "rules": "Check Falco rules of your own; keep Sysdig Secure in step.",
        "instrument": "Instrument ECS task definitions.",
        "uninstrument": "Give instrumented task definitions their originals back.",
        "explain": "Tell what is instrumented, by whom, and what is wrong.",
        "images": "Show what each container's image runs, and from where.",
        "macro": "Let a CloudFormation macro instrument stacks.",
        "destroy": "Remove all that deploy made, prove that nothing is left.",
    }


app = typer.Typer(
    name="fguard",
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback(invoke_without_command=True)
def fguard(
    context: typer.Context, version: bool = typer.Option(False, "--version", help="Print the version and exit.")
) -> None:
    """Put runtime threat detection on AWS Fargate, prove that it runs, and take it away again.

    Sysdig Secure's serverless agents are deployed with Terraform, ECS task definitions are instrumented, and
    the result is checked against what ECS reports. Start with: fguard demo
    """
    if version:
        typer.echo(f"fguard {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run one command line (without the program's name) and return its exit code."""
    try:
        return int(app(list(arguments), prog_name="fguard", standalone_mode=False) or 0)
    except TyperException as wrong:
        return _report_usage(arguments, UsageError(wrong.format_message(), fix=_help_command(arguments)))
    except (typer.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except Interrupted as stopped:
        return stopped.exit_code
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # of which Typer makes a failure
            raise ended.__context__ from None
        raise


def _report_usage(arguments: Sequence[str], error: UsageError) -> int:
    from fargate_guard.cli.screen import screen_of_process

    screen = screen_of_process(os.environ, json="--json" in arguments, quiet=False, verbose=False)
    screen.error(error)
    if screen.json:
        document = {"message": error.message, "where": error.where, "why": error.why, "fix": error.fix}
        screen.document(
            f"fguard.{_named(arguments) or 'usage'}/v1", {"exit_code": error.exit_code, "error": document}
        )
    return error.exit_code


def _help_command(arguments: Sequence[str]) -> str:
    named = _named(arguments)
    return f"fguard {named} --help" if named else "fguard --help"


def _named(arguments: Sequence[str]) -> str | None:
    return next((argument for argument in arguments if argument in Commands.summaries), None)


if __name__ == "__main__":
    from fargate_guard.cli.process import main

    main()
