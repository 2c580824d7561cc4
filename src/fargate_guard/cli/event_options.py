"""The options of the commands that ask Sysdig Secure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.aws.session import Aws
    from fargate_guard.cli.command import Invocation
    from fargate_guard.config import Config
    from fargate_guard.sysdig.client import SecureClient
    from fargate_guard.sysdig.filters import Wanted

WHICH = "Which events"
WHERE = "Sysdig Secure"
LONGEST_INTERVAL = 3600.0
"""Seconds between two looks at Sysdig."""
LONGEST_WAIT = 24 * 3600.0
"""Seconds that ``detect`` waits: a task runs as long, whatever becomes of fguard."""
MOST_MINUTES = 14 * 24 * 60.0
"""Minutes that ``verify --events`` looks back: two weeks, as much as one request covers."""
LONG = 1.0
"""Seconds; shorter waits are of no interest."""


def a_number(value: float | None) -> float | None:
    """Refuse ``nan``, which is neither below a minimum nor above a maximum."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is no number")
    return value


IntervalOption = Annotated[
    float,
    typer.Option(
        "--interval",
        metavar="SECONDS",
        min=0.1,
        max=LONGEST_INTERVAL,
        callback=a_number,
        help="Between two looks at Sysdig.",
    ),
]
DEFAULT_INTERVAL = 2.0


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which events."""

    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="2h, 3d, or ISO 8601 (UTC) [24h; with --follow: now].",
            rich_help_panel=WHICH,
        ),
    ] = None
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Likewise [now].", rich_help_panel=WHICH)
    ] = None
    severity: Annotated[
        Literal["high", "medium", "low", "info"] | None,
        typer.Option("--severity", help="This and worse: high is 0-3, medium 4-5, low 6.", rich_help_panel=WHICH),
    ] = None
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", metavar="NAME", help="Name of the rule; * and ? allowed.", rich_help_panel=WHICH),
    ] = None
    policy: Annotated[
        list[str] | None,
        typer.Option("--policy", metavar="NAME", help="Name of the policy.", rich_help_panel=WHICH),
    ] = None
    cluster: Annotated[
        list[str] | None,
        typer.Option("--cluster", metavar="NAME", help="ECS cluster, name or ARN.", rich_help_panel=WHICH),
    ] = None
    service: Annotated[
        list[str] | None,
        typer.Option("--service", metavar="NAME", help="ECS service, as ECS knows it.", rich_help_panel=WHICH),
    ] = None
    task: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="ID", help="ECS task, id or ARN.", rich_help_panel=WHICH),
    ] = None
    container: Annotated[
        list[str] | None,
        typer.Option("--container", metavar="NAME", help="Name of the container.", rich_help_panel=WHICH),
    ] = None
    all_sources: Annotated[
        bool,
        typer.Option("--all-sources", help="Not only what agents on Fargate saw.", rich_help_panel=WHICH),
    ] = False

    def wanted(self) -> Wanted:
        """Return what Sysdig is asked for."""
        from fargate_guard.sysdig.filters import Wanted

        return Wanted(
            severity=self.severity,
            rules=tuple(self.rule or ()),
            policies=tuple(self.policy or ()),
            containers=tuple(self.container or ()),
            clusters=tuple(self.cluster or ()),
            tasks=tuple(self.task or ()),
            all_sources=self.all_sources,
        )


@dataclass(frozen=True, slots=True)
class Secure:
    """Where Sysdig Secure is; its token is never an option."""

    sysdig_region: Annotated[
        str | None,
        typer.Option("--sysdig-region", metavar="NAME", help="us1, eu1… [of fguard.yaml].", rich_help_panel=WHERE),
    ] = None
    sysdig_url: Annotated[
        str | None,
        typer.Option(
            "--sysdig-url",
            metavar="URL",
            help="Of an installation of your own [FGUARD_SYSDIG_URL, or of fguard.yaml].",
            rich_help_panel=WHERE,
        ),
    ] = None


def read_config(run: Invocation) -> Config | None:
    """Return the configuration; None where there is none and none was named."""
    from fargate_guard.config import load_config

    return load_config(run.config_file) if run.config_given or run.config_file.exists() else None


def connect_lazily(run: Invocation, config: Config | None) -> Callable[[], Aws]:
    """Return what connects to AWS, when it is needed."""

    def connect_() -> Aws:
        from fargate_guard.workflows.context import connect

        return connect(config, run.region, run.profile, run.environ)

    return connect_


def open_client(run: Invocation, config: Config | None, secure: Secure) -> SecureClient:
    """Return the client of Sysdig Secure.

    :raises FguardError: when address or token are missing or wrong.
    """
    from fargate_guard.workflows.secure_access import open_secure

    return open_secure(
        config,
        run.environ,
        folder=run.config_file.resolve().parent,
        aws=connect_lazily(run, config),
        url=secure.sysdig_url,
        region=secure.sysdig_region,
        waiting=lambda seconds, why: _tell_of_waiting(run, seconds, why),
    )


def _tell_of_waiting(run: Invocation, seconds: float, why: str) -> None:
    say = run.screen.message if seconds >= LONG else run.screen.detail
    say(f"{why}; asking again in {seconds:.0f} s")
