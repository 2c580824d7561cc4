"""``fguard detect --exec``: the trigger in a running service, started by AWS's plugin or typed by somebody.

ECS only opens a session; the command in it begins when a client of Session Manager connects. That client is a
program of AWS's, which is run as the AWS CLI runs it.
"""

from __future__ import annotations

import json
import re
import time
from enum import Enum
from typing import TYPE_CHECKING

from fargate_guard.aws.errors import AwsError
from fargate_guard.aws.exec_session import open_session
from fargate_guard.errors import FguardError, PreflightError
from fargate_guard.sysdig.errors import SysdigError
from fargate_guard.verify.log_text import shown
from fargate_guard.workflows.deployed_module import secret_variables
from fargate_guard.workflows.detect import (
    CLOCKS_DIFFER,
    DETECTED,
    MISSED,
    UNKNOWN,
    Detection,
    ThroughExec,
    ask_once,
    tell_of_trouble,
    wait_for_event,
)
from fargate_guard.workflows.detect_chain import Link, LinkState, links_beyond, task_link
from fargate_guard.workflows.detect_task import seen_again
from fargate_guard.workflows.detect_triggers import ENDED, WRITTEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fargate_guard.aws.exec_session import ExecSession
    from fargate_guard.aws.session_manager_plugin import Ended, Plugin
    from fargate_guard.sysdig.client import SecureClient
    from fargate_guard.sysdig.event import Event
    from fargate_guard.sysdig.filters import Supported
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.detect import Wish
    from fargate_guard.workflows.detect_exec import Spot

Moment = tuple[int, str]
"""Nanoseconds since 1970 by Sysdig's clock, and what tells them."""
SESSION_SECONDS = 60.0
"""What a session may take; the trigger itself takes none of it."""
LAST_LINES = 12
CHANNEL = (
    "the task's role must allow ssmmessages:CreateControlChannel, CreateDataChannel, OpenControlChannel and"
    " OpenDataChannel; the task's subnet needs a way to the endpoint ssmmessages of its region; what is in the"
    " task's way: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec-troubleshooting.html"
)
_ENDED = re.compile(rf"^{re.escape(ENDED)} (\d+)\s*$", re.MULTILINE)


class Instead(Enum):
    """What is done without AWS's plugin."""

    BY_HAND = "somebody types it"
    OPENED_ONLY = "ECS opens the session, and nothing connects: no container is behind it"


def plugin_to_use(context: Context, spot: Spot) -> Plugin:
    """Return AWS's plugin.

    :raises PreflightError: when there is none, or one to which the session's token could not be given in private.
    """
    from fargate_guard.aws.session_manager_plugin import INSTALLATION, OLDEST, PROGRAM, find_plugin

    found = find_plugin(_plugin_environ(context))
    if found is not None and found.is_new_enough:
        return found
    oldest = ".".join(map(str, OLDEST))
    why = f"before {oldest} it takes the session's token as an argument, which all users of this machine can read"
    raise PreflightError(
        found.refusal if found else f"{PROGRAM} is missing: AWS's program that speaks to a session of ECS Exec",
        where=found.path if found else "PATH",
        why=why if found else None,
        fix=f"install it: {INSTALLATION}\nor type this elsewhere, while `--by-hand` waits for the event:\n"
        f"  {spot.to_type(context.aws.profile)}",
    )


def detect_in_service(
    context: Context, client: SecureClient | None, spot: Spot, wish: Wish, how: Plugin | Instead
) -> Detection:
    """Start the trigger, or let it be typed, and wait for the event that is the trigger's own.

    :param client: None: without a token; the event is not waited for.
    :param how: AWS's plugin, or what is done instead.
    :raises FguardError: when the trigger did not run.
    """
    result = Detection(wish.trigger.name, wish.trigger.rules, wanted=wish.wait or wish.why_not is not None)
    result.task_arn = spot.task_arn
    result.through_exec = ThroughExec(str(spot.container["name"]), spot.command, by_hand=how is Instead.BY_HAND)
    supported = ask_once(client, spot.task_arn) if client is not None and wish.wait else {}
    clock = client.now if client else time.time_ns
    begin = clock() - CLOCKS_DIFFER
    moments: tuple[Moment, ...] = ()
    if how is Instead.BY_HAND:
        context.observer.step("Type this in another terminal; it needs the AWS CLI and its Session Manager plugin")
        context.observer.note(spot.to_type(context.aws.profile))
    else:
        moments = _start(context, spot, wish, how, result, clock)
    outage: SysdigError | None = None
    if client is None or not wish.wait:
        result.why_not_waited = wish.why_not or "--no-wait"
    else:
        outage = _wait(context, client, spot, wish, result, begin, supported)
    result.triggered_at, result.triggered_by = _latest_before(result.event, moments)
    if result.event is None:
        result.links = list(_links(context, client, spot, wish, result.through_exec, outage))
    return result


def _start(
    context: Context, spot: Spot, wish: Wish, how: Plugin | Instead, result: Detection, clock: Callable[[], int]
) -> tuple[Moment, ...]:
    """Run the trigger; return what tells when it acted, the latest and closest first."""
    assert result.through_exec is not None  # noqa: S101 - just made
    told = result.through_exec
    context.observer.step(f"Through ECS Exec in {spot.task_arn}, container {told.container}: {told.command}")
    session = _open(context, spot)
    told.session_id, opened_at = session.id, clock()
    if isinstance(how, Instead):
        return ()
    seen: list[int] = []

    def enough(written: str) -> bool:
        if not seen and WRITTEN in written:
            seen.append(clock())
        return _ENDED.search(written.replace("\r", "")) is not None

    try:
        ended = _speak(context, how, session, spot, min(SESSION_SECONDS, wish.timeout), enough)
    except BaseException:
        context.observer.warning(f"the session {session.id} was cut; what had begun in it ends by itself, at once")
        raise
    told.output = [shown(line) for line in ended.output.splitlines() if line.strip()][-LAST_LINES:]
    _refuse_what_did_not_run(spot, ended, told)
    opened = (opened_at, "the opening of the session")
    return (*((at, "the session's first line") for at in seen), opened)


def _latest_before(event: Event | None, moments: Iterable[Moment]) -> tuple[int | None, str]:
    """Return the closest moment; what is later than the event, as a line that came late, did not cause it."""
    return next((one for one in moments if event is None or one[0] <= event.timestamp), (None, ""))


def _open(context: Context, spot: Spot) -> ExecSession:
    aws = context.aws.in_region(spot.outputs.region)
    try:
        return open_session(aws, spot.outputs.cluster.arn, spot.task, spot.container, spot.command)
    except AwsError as error:
        fix = {"TargetNotConnectedException": CHANNEL, "InvalidParameterException": "run fguard detect again"}
        if error.code in fix:
            error.fix = fix[error.code]
        raise


def _speak(
    context: Context,
    plugin: Plugin,
    session: ExecSession,
    spot: Spot,
    seconds: float,
    enough: Callable[[str], bool],
) -> Ended:
    from fargate_guard.aws.session_manager_plugin import run_session

    aws = context.aws.in_region(spot.outputs.region)
    return run_session(
        plugin,
        session,
        region=spot.outputs.region,
        profile=context.aws.profile,
        endpoint=aws.endpoint("ssm", "resume_session"),
        environ=_plugin_environ(context),
        seconds=seconds,
        enough=enough,
    )


def _plugin_environ(context: Context) -> dict[str, str]:
    withheld = secret_variables(context)
    return {name: value for name, value in context.child_environ().items() if name not in withheld}


def _refuse_what_did_not_run(spot: Spot, ended: Ended, told: ThroughExec) -> None:
    """Raise unless the trigger said that it did what it was to do."""
    code = _ENDED.search(ended.output)
    if code is not None and code[1] == "0":
        return
    if code is not None:
        message, fix = "the trigger could not act in the container", "try the other --trigger, or leave out --exec"
    elif ended.exit_code is None:
        message = "the session of ECS Exec did not end in time; AWS's plugin was killed"
        fix = f"try again with a longer --timeout (up to {SESSION_SECONDS:g} s count), or leave out --exec"
    else:
        message = "the session of ECS Exec ended before the trigger had acted"
        fix = f"the container needs /bin/sh; {CHANNEL}"
    raise FguardError(
        message,
        where=f"container {told.container} of {spot.task_arn}",
        why="\n".join(told.output) or f"it wrote nothing; the plugin ended with {ended.exit_code}",
        fix=fix,
    )


def _wait(
    context: Context,
    client: SecureClient,
    spot: Spot,
    wish: Wish,
    result: Detection,
    begin: int,
    supported: Supported,
) -> SysdigError | None:
    """Wait; return why Sysdig could not be asked, if so."""
    assert result.through_exec is not None  # noqa: S101 - held by the caller
    others = result.through_exec.other_events
    context.observer.step(f"Wait for its event, up to {wish.timeout:g} s")

    def is_the_trigger_s(event: Event) -> bool:
        if spot.mark in json.dumps(event.raw):
            return True
        if event.timestamp >= begin + CLOCKS_DIFFER:
            others[event.rule] = others.get(event.rule, 0) + 1
        return False

    def still_runs() -> bool:
        found = seen_again(context, spot.outputs, spot.task_arn) or spot.task
        return found.get("desiredStatus") != "STOPPED"

    try:
        result.event, result.arrived_at = wait_for_event(
            client,
            spot.task_arn,
            wish,
            begin,
            supported,
            still_runs,
            ours=is_the_trigger_s,
            troubled=lambda trouble: tell_of_trouble(context, trouble),
        )
    except SysdigError as outage:
        result.outcome = UNKNOWN
        return outage
    result.outcome = DETECTED if result.event else MISSED
    return None


def _links(
    context: Context,
    client: SecureClient | None,
    spot: Spot,
    wish: Wish,
    told: ThroughExec,
    outage: SysdigError | None,
) -> Iterator[Link]:
    """From the task to Sysdig Secure; where nobody waited, as far as the agents."""
    yield task_link(seen_again(context, spot.outputs, spot.task_arn) or spot.task)
    if told.by_hand:
        yield Link("session", LinkState.UNCLEAR, "whether it was typed is not known", "type it while fguard waits")
    elif told.output:
        yield Link("session", LinkState.WHOLE, f"the trigger ran: {' | '.join(told.output[-2:])}")
    else:
        yield Link("session", LinkState.WHOLE, f"ECS opened {told.session_id}; nothing connected to it")
    if told.other_events:
        named = ", ".join(f"{rule} ({count})" for rule, count in sorted(told.other_events.items()))
        yield Link("other events", LinkState.WHOLE, f"of this task, none of them the trigger's: {named}")
    yield from links_beyond(
        context, client, spot.outputs, spot.running, wish.trigger.rules, waited=wish.wait, outage=outage
    )
