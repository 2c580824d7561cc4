"""What ``fguard events`` prints: events on standard output, how it goes on standard error."""

from __future__ import annotations

import shutil
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from fargate_guard.cli import event_view as view
from fargate_guard.cli.command import Result
from fargate_guard.errors import ExitCode

if TYPE_CHECKING:
    from types import FrameType

    from fargate_guard.cli.command import Invocation
    from fargate_guard.errors import FguardError
    from fargate_guard.sysdig.client import SecureClient
    from fargate_guard.sysdig.errors import SysdigError
    from fargate_guard.workflows.event_tasks import KnownTasks
    from fargate_guard.workflows.events import Found, Query, Sighting


def events_text(found: Found, shown: str) -> str | None:
    """Return all events in a format; None where there is nothing to print."""
    if shown == "csv":
        return view.csv_head() + "".join(map(view.csv_line, found.sightings))
    if not found.sightings:
        return None
    if shown == "table":
        return view.table_text(found.sightings, _terminal_width()) + "\n"
    return "".join(f"{view.json_line(one)}\n" for one in found.sightings)


def print_following(
    run: Invocation,
    client: SecureClient,
    tasks: KnownTasks,
    query: Query,
    until: str | None,
    interval: float,
    shown: str,
) -> Result:
    """Print events as they are published, until Ctrl-C, ``until``, or one that ``--fail-on`` names."""
    from fargate_guard.sysdig.follow import Pace
    from fargate_guard.workflows.event_times import nanoseconds_of
    from fargate_guard.workflows.events import Found, follow_events

    end = nanoseconds_of(until, "--until", client.now()) if until is not None else None
    found = Found(query.window)
    _end_at_ctrl_c(client)
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
    except KeyboardInterrupt:
        return Result(exit_code=ExitCode.INTERRUPTED)
    finally:
        _tell_of_unmatched(run, found)
    return Result(exit_code=ExitCode.VERIFICATION_FAILED if found.fails else ExitCode.DONE)


def _end_at_ctrl_c(client: SecureClient) -> None:
    """Remember Ctrl-C, since Python drops an exception that is raised while an object is finalised."""
    pressed: list[bool] = []
    slept = client.clock.sleep

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        pressed.append(True)
        raise KeyboardInterrupt

    def sleep(seconds: float) -> None:
        if pressed:
            raise KeyboardInterrupt
        slept(seconds)

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
    client.clock = replace(client.clock, sleep=sleep)


def _line(sighting: Sighting, shown: str) -> str:
    if shown == "csv":
        return view.csv_line(sighting)
    return (view.table_lines(sighting, _terminal_width()) if shown == "table" else view.json_line(sighting)) + "\n"


def _write(run: Invocation, text: str) -> None:
    run.screen.stdout.write(text)
    run.screen.stdout.flush()


def summarise(run: Invocation, client: SecureClient, found: Found, query: Query) -> None:
    """Say how many events there are, and what was left out."""
    place = client.address.region or client.address.host
    older = f"; there are older ones, for all of them: --limit 0 (now {query.limit})" if found.more else ""
    run.screen.message(f"{found.summary()} at {place}{older}")
    _tell_of_unmatched(run, found)


def _tell_of_unmatched(run: Invocation, found: Found) -> None:
    if found.unmatched:
        run.screen.warning(
            f"{found.unmatched} events are left out: ECS does not know the service of their task (any more)"
        )


def tell_of_ecs(run: Invocation, error: FguardError) -> None:
    """Say that ECS could not be asked."""
    fix = f"; {error.fix}" if error.fix else ""
    run.screen.warning(f"services and revisions stay unknown: {error.message}{fix} (or: --no-aws)")


def tell_of_filter(run: Invocation, why: str) -> None:
    """Say that Sysdig filters nothing."""
    run.screen.warning(f"Sysdig Secure refuses the filter ({why}); all events are read and filtered here")


def _tell_of_trouble(run: Invocation, trouble: SysdigError | None) -> None:
    if trouble is None:
        run.screen.message("Sysdig Secure answers again; going on where it stopped")
    else:
        run.screen.warning(f"{trouble.message} ({trouble.why}); trying on")


def tell_of_the_embedded_aws(run: Invocation) -> None:
    """Say that the sandbox is no source of events, where AWS is the sandbox."""
    from fargate_guard.workflows.embedded_aws import local_endpoint

    if local_endpoint(run.environ):
        run.screen.message("AWS is the embedded one: no agent runs in it, so that no event comes from its tasks")


def _terminal_width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
