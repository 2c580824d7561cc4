"""``fguard events``."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.event_options import Narrowing, Secure, connect_lazily, open_client, read_config
from fargate_guard.cli.option_groups import with_option_groups
from fargate_guard.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from fargate_guard.errors import FguardError
    from fargate_guard.sysdig.client import SecureClient
    from fargate_guard.sysdig.errors import SysdigError
    from fargate_guard.sysdig.events import Window
    from fargate_guard.workflows.event_tasks import KnownTasks
    from fargate_guard.workflows.events import Found, Query, Sighting

Format = Literal["table", "jsonl", "csv"]
Level = Literal["high", "medium", "low", "info"]


@command("events", example="fguard events --since 2h --severity high")
@with_option_groups
def events(
    run: Invocation,
    narrowing: Narrowing,
    secure: Secure,
    limit: Annotated[
        int, typer.Option("--limit", min=0, metavar="N", help="The newest N of them; 0 for all.")
    ] = 100,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for more, until Ctrl-C or --until.")
    ] = False,
    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", min=0.1, help="Between two looks of --follow.")
    ] = 2.0,
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
    from fargate_guard.workflows.event_tasks import KnownTasks
    from fargate_guard.workflows.events import Query, find_events, server_filter

    _check_options(run, follow=follow, aws=aws, services=narrowing.service)
    config = read_config(run)
    client = open_client(run, config, secure)
    _tell_of_the_embedded_aws(run)
    _window(narrowing, client.now(), follow=follow)  # a mistake is told before anything is asked
    narrowed = server_filter(client, narrowing.wanted(), refused=lambda why: _tell_of_filter(run, why))
    query = Query(
        _window(narrowing, client.now(), follow=follow),
        narrowing.wanted(),
        tuple(narrowing.service or ()),
        limit,
        fail_on,
        narrowed,
    )
    tasks = KnownTasks(connect_lazily(run, config) if aws else None, problem=lambda error: _tell(run, error))
    shown = format_ or ("table" if run.screen.stdout.isatty() else "jsonl")
    if follow:
        return _follow(run, client, tasks, query, narrowing.until, interval, shown)
    found = find_events(client, tasks, query, reading=lambda count: run.screen.message(f"read {count} events…"))
    _summarise(run, client, found, query)
    exit_code = ExitCode.VERIFICATION_FAILED if found.fails else ExitCode.DONE
    sysdig = {"url": client.address.url, "region": client.address.region}
    return Result({"sysdig": sysdig, **found.document()}, _text(found, shown), exit_code, exact=True)


def _check_options(run: Invocation, *, follow: bool, aws: bool, services: list[str] | None) -> None:
    if services and not aws:
        raise UsageError("--service needs ECS, which knows the service of a task", fix="leave out --no-aws")
    if follow and run.screen.json:
        raise UsageError(
            "--json is one document, and --follow has no end", fix="fguard events --follow --format jsonl"
        )


def _window(narrowing: Narrowing, now: int, *, follow: bool) -> Window:
    from fargate_guard.workflows.events import window_of

    since = narrowing.since or ("0s" if follow else "24h")
    return window_of(since, None if follow else narrowing.until, now)


def _text(found: Found, shown: str) -> str | None:
    from fargate_guard.cli import event_view as view

    if shown == "csv":
        return view.csv_head() + "".join(map(view.csv_line, found.sightings))
    if not found.sightings:
        return None
    if shown == "table":
        return view.table_text(found.sightings, _terminal_width()) + "\n"
    return "".join(f"{view.json_line(one)}\n" for one in found.sightings)


def _follow(
    run: Invocation,
    client: SecureClient,
    tasks: KnownTasks,
    query: Query,
    until: str | None,
    interval: float,
    shown: str,
) -> Result:
    from fargate_guard.cli import event_view as view
    from fargate_guard.sysdig.follow import Pace
    from fargate_guard.workflows.event_times import nanoseconds_of
    from fargate_guard.workflows.events import Found, follow_events

    end = nanoseconds_of(until, "--until", client.now()) if until else None
    found = Found(query.window)
    try:
        run.screen.message(f"following {client.address.host}; Ctrl-C ends it")
        _write(run, {"table": f"{view.head_line()}\n", "csv": view.csv_head()}.get(shown, ""))
        for one in follow_events(
            client,
            tasks,
            query,
            found,
            pace=Pace(interval=interval),
            until=end,
            troubled=lambda trouble: _tell_of_trouble(run, trouble),
        ):
            _write(run, _line(one, shown))
            if found.fails:
                break
    except KeyboardInterrupt:
        return Result(exit_code=ExitCode.INTERRUPTED)
    return Result(exit_code=ExitCode.VERIFICATION_FAILED if found.fails else ExitCode.DONE)


def _line(sighting: Sighting, shown: str) -> str:
    from fargate_guard.cli import event_view as view

    if shown == "csv":
        return view.csv_line(sighting)
    return (view.table_lines(sighting, _terminal_width()) if shown == "table" else view.json_line(sighting)) + "\n"


def _write(run: Invocation, text: str) -> None:
    run.screen.stdout.write(text)
    run.screen.stdout.flush()


def _summarise(run: Invocation, client: SecureClient, found: Found, query: Query) -> None:
    place = client.address.region or client.address.host
    older = f"; there are older ones, for all of them: --limit 0 (now {query.limit})" if found.more else ""
    run.screen.message(f"{found.summary()} at {place}{older}")
    if found.unmatched:
        run.screen.warning(
            f"{found.unmatched} events are left out: ECS does not know the service of their task (any more)"
        )


def _tell(run: Invocation, error: FguardError) -> None:
    fix = f"; {error.fix}" if error.fix else ""
    run.screen.warning(f"services and revisions stay unknown: {error.message}{fix} (or: --no-aws)")


def _tell_of_filter(run: Invocation, why: str) -> None:
    run.screen.warning(f"Sysdig Secure refuses the filter ({why}); all events are read and filtered here")


def _tell_of_trouble(run: Invocation, trouble: SysdigError | None) -> None:
    if trouble is None:
        run.screen.message("Sysdig Secure answers again; nothing is left out")
    else:
        run.screen.warning(f"{trouble.message} ({trouble.why}); trying on")


def _tell_of_the_embedded_aws(run: Invocation) -> None:
    from urllib.parse import urlsplit

    from fargate_guard.config.sysdig import is_loopback

    if is_loopback(urlsplit(run.environ.get("AWS_ENDPOINT_URL", "")).hostname or ""):
        run.screen.message("AWS is the embedded one: no agent runs in it, so that no event comes from its tasks")


def _terminal_width() -> int | None:
    import sys

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
