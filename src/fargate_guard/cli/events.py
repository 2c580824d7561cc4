"""``fguard events``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.event_options import (
    DEFAULT_INTERVAL,
    IntervalOption,
    Narrowing,
    Secure,
    connect_lazily,
    open_client,
    read_config,
)
from fargate_guard.cli.option_groups import with_option_groups
from fargate_guard.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from fargate_guard.sysdig.events import Window

DEFAULT_LIMIT = 100
Format = Literal["table", "jsonl", "csv"]
Level = Literal["high", "medium", "low", "info"]


@command("events", example="fguard events --since 2h --severity high")
@with_option_groups
def events(
    run: Invocation,
    narrowing: Narrowing,
    secure: Secure,
    limit: Annotated[
        int | None, typer.Option("--limit", min=0, metavar="N", help="The newest N of them; 0 for all [100].")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for more, until Ctrl-C or --until.")
    ] = False,
    interval: IntervalOption = DEFAULT_INTERVAL,
    format_: Annotated[
        Format | None, typer.Option("--format", help="[table on a terminal, else jsonl (one JSON per line)]")
    ] = None,
    fail_on: Annotated[
        Level | None, typer.Option("--fail-on", help="Exit 3 when an event is as severe as this, or more.")
    ] = None,
    aws: Annotated[
        bool, typer.Option("--aws/--no-aws", help="Ask ECS for the tasks' service, revision and stop reason.")
    ] = True,
) -> Result:
    """Show the runtime events of Sysdig Secure that agents on Fargate raised, with what ECS knows of their tasks.

    Needs an API token with the permission policy-events.read, in FGUARD_SYSDIG_TOKEN or where fguard.yaml says
    (sysdig.api.token). All about it: docs/events.md.
    """
    from fargate_guard.cli import event_output as output
    from fargate_guard.workflows.event_tasks import KnownTasks
    from fargate_guard.workflows.events import Query, find_events, server_filter

    _check_options(run, follow=follow, limit=limit, aws=aws, services=narrowing.service)
    config = read_config(run)
    client = open_client(run, config, secure)
    output.tell_of_the_embedded_aws(run)
    _window(narrowing, client.now(), follow=follow)  # a mistake is told before anything is asked
    narrowed = server_filter(client, narrowing.wanted(), refused=lambda why: output.tell_of_filter(run, why))
    query = Query(
        _window(narrowing, client.now(), follow=follow),
        narrowing.wanted(),
        tuple(narrowing.service or ()),
        DEFAULT_LIMIT if limit is None else limit,
        fail_on,
        narrowed,
    )
    tasks = KnownTasks(
        connect_lazily(run, config) if aws else None, problem=lambda error: output.tell_of_ecs(run, error)
    )
    shown = format_ or ("table" if run.screen.stdout.isatty() else "jsonl")
    if follow:
        return output.print_following(run, client, tasks, query, narrowing.until, interval, shown)
    found = find_events(client, tasks, query, reading=lambda count: run.screen.message(f"read {count} events…"))
    output.summarise(run, client, found, query)
    exit_code = ExitCode.VERIFICATION_FAILED if found.fails else ExitCode.DONE
    sysdig = {"url": client.address.url, "region": client.address.region}
    return Result({"sysdig": sysdig, **found.document()}, output.events_text(found, shown), exit_code, exact=True)


def _check_options(
    run: Invocation, *, follow: bool, limit: int | None, aws: bool, services: list[str] | None
) -> None:
    if services and not aws:
        raise UsageError("--service needs ECS, which knows the service of a task", fix="leave out --no-aws")
    if follow and run.screen.json:
        raise UsageError(
            "--json is one document, and --follow has no end", fix="fguard events --follow --format jsonl"
        )
    if follow and limit is not None:
        raise UsageError(
            "--limit names the newest that there are, and --follow waits for more",
            fix="leave out --limit; --until ends it, --since tells where it begins",
        )


def _window(narrowing: Narrowing, now: int, *, follow: bool) -> Window:
    from fargate_guard.workflows.events import window_of

    since = ("0s" if follow else "24h") if narrowing.since is None else narrowing.since
    return window_of(since, narrowing.until, now)
