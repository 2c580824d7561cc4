"""``fguard sandbox start | stop | status | env``."""

from __future__ import annotations

import importlib.util
import math
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.errors import ExitCode, FguardError, PreflightError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.background import BackgroundSandbox

sandbox = typer.Typer(
    name="sandbox",
    help="The embedded AWS, kept running: a place to try fguard, terraform and boto3 without an account.",
    rich_markup_mode=None,
)

PortOption = Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")]
HostOption = Annotated[str, typer.Option(help="Address to listen on; any but 127.0.0.1 is refused.")]
SpeedOption = Annotated[
    float, typer.Option(min=0.1, max=100, help="1 starts a task in about a second, 2 in half of that.")
]


def require_sandbox() -> None:
    """Make sure that the embedded AWS is installed.

    :raises PreflightError: when it is not.
    """
    if importlib.util.find_spec("moto") is None:
        raise PreflightError(
            "the embedded AWS is not installed",
            why="it is an extra, so that fguard stays small where only AWS is used",
            fix="pip install 'fargate-guard[sandbox]'",
        )


@command("start", example="fguard sandbox start", group=sandbox, schema="sandbox")
def start(
    run: Invocation, port: PortOption = 0, host: HostOption = "127.0.0.1", speed: SpeedOption = 1.0
) -> Result:
    """Start the embedded AWS in the background; does nothing when it runs already."""
    require_sandbox()
    from fargate_guard.sandbox.notice import NOTICE

    if math.isnan(speed):
        raise UsageError("--speed is not a number", fix="use one from 0.1 to 100")
    region = run.region or run.environ.get("AWS_REGION")
    started = _background(run.environ).start(run.environ, host=host, port=port, region=region, speed=speed)
    running = started.running
    run.screen.message(NOTICE)
    what = "was already running" if started.already else "is running"
    text = f'The sandbox {what} at {running.endpoint}. To use it in this shell: eval "$(fguard sandbox env)"'
    return Result({"running": True, "already": started.already, **asdict(running)}, text)


@command("stop", example="fguard sandbox stop", group=sandbox, schema="sandbox")
def stop(run: Invocation) -> Result:
    """Stop the embedded AWS and wait until it is gone; what was in its account is lost."""
    stopped = _background(run.environ).stop()
    text = "No sandbox was running." if stopped is None else f"The sandbox at {stopped.endpoint} has stopped."
    return Result({"running": False, "stopped": stopped is not None}, text)


@command("status", example="fguard sandbox status", group=sandbox, schema="sandbox")
def status(run: Invocation) -> Result:
    """Show the endpoint, the uptime and what runs; exit 1 when no sandbox is running."""
    background = _background(run.environ)
    running, report = background.find(), background.report()
    if running is None or report is None:
        return Result({"running": False}, "No sandbox is running.", ExitCode.FAILED)
    return Result({"running": True, **asdict(running), **report}, _status_text(running.endpoint, report))


@command("env", example="fguard sandbox env", group=sandbox, schema="sandbox")
def env(run: Invocation) -> Result:
    """Print the exports that make terraform, boto3 and the AWS CLI use the sandbox."""
    from fargate_guard.sandbox.environment import UNSET, sandbox_environment

    running = _background(run.environ).find()
    if running is None:
        message = "no sandbox is running"
        raise FguardError(message, fix="fguard sandbox start")
    variables = sandbox_environment(running.endpoint, running.region, run.environ)
    lines = [f"unset {' '.join(UNSET)}", *(f"export {k}={shlex.quote(v)}" for k, v in variables.items())]
    document = {"environment": variables, "unset": list(UNSET), "endpoint": running.endpoint}
    return Result(document, "\n".join(lines))


def _background(environ: Mapping[str, str]) -> BackgroundSandbox:
    """Find the user's one background sandbox.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    from fargate_guard.sandbox.background import BackgroundSandbox

    home = Path(environ.get("HOME") or Path.home())
    folder = environ.get("XDG_RUNTIME_DIR") or environ.get("XDG_STATE_HOME") or home / ".local" / "state"
    return BackgroundSandbox(Path(folder) / "fguard" / "sandbox.json")


def _status_text(endpoint: str, report: Mapping[str, Any]) -> str:
    tasks = report["tasks"]
    moving = tasks["starting_or_stopping"]
    lines = [
        f"endpoint  {endpoint}",
        f"uptime    {report['uptime']:.0f} s",
        f"tasks     {tasks['running']} running, {moving} starting or stopping (all simulated)",
    ]
    lines += [
        f"service   {s['cluster']}/{s['name']}: {s['running']} of {s['desired']} running"
        for s in report["services"]
    ]
    return "\n".join(lines)
