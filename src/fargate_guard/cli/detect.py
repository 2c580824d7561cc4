"""``fguard detect``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.event_options import (
    DEFAULT_INTERVAL,
    LONGEST_WAIT,
    IntervalOption,
    Secure,
    a_number,
    open_client,
)
from fargate_guard.cli.option_groups import with_option_groups
from fargate_guard.cli.terraform_options import (
    DEFAULT_LOCK_TIMEOUT,
    LockTimeoutOption,
    TerraformOption,
    open_deployment,
)
from fargate_guard.errors import FguardError, PreflightError, UsageError

if TYPE_CHECKING:
    from fargate_guard.aws.session_manager_plugin import Plugin
    from fargate_guard.sysdig.client import SecureClient
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.detect import Wish
    from fargate_guard.workflows.detect_exec import Spot
    from fargate_guard.workflows.detect_session import Instead

TriggerName = Literal["write-below-binary-dir", "read-sensitive-file", "event-generator"]


@command("detect", example="fguard detect -c examples/quickstart/fguard.yaml --trigger write-below-binary-dir")
@with_option_groups
def detect(
    run: Invocation,
    secure: Secure,
    trigger: Annotated[
        TriggerName, typer.Option("--trigger", help="What is done, harmlessly.")
    ] = "write-below-binary-dir",
    image: Annotated[
        str | None, typer.Option("--image", metavar="REF", help="A copy of the trigger's image, such as in ECR.")
    ] = None,
    workload: Annotated[
        str | None,
        typer.Option(
            "--workload", metavar="NAME", help="Whose role and network it takes [the first with a service]."
        ),
    ] = None,
    service: Annotated[
        str | None, typer.Option("--service", metavar="NAME", help="With --exec: in a task of this service.")
    ] = None,
    exec_: Annotated[
        bool, typer.Option("--exec", help="Run it through ECS Exec, where it may not be seen.")
    ] = False,
    by_hand: Annotated[
        bool, typer.Option("--by-hand", help="With --exec: say what to type, and wait for its event.")
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=1.0,
            max=LONGEST_WAIT,
            callback=a_number,
            help="How long to wait for the event.",
        ),
    ] = 300.0,
    interval: IntervalOption = DEFAULT_INTERVAL,
    wait: Annotated[
        bool | None,
        typer.Option("--wait/--no-wait", help="Wait for the event [no on the embedded AWS and without a token]."),
    ] = None,
    terraform: TerraformOption = None,
    lock_timeout: LockTimeoutOption = DEFAULT_LOCK_TIMEOUT,
) -> Result:
    """Trigger something harmless in an instrumented task, wait for its event, tell how long it took.

    Exit 3 when no event came, with the link of the chain that is broken, or when it could not be waited for; 1
    when Sysdig did not answer until the end. The task and its task definition are taken away again, also on
    Ctrl-C. All about it: docs/detect.md.
    """
    from fargate_guard.cli.detect_view import detection_text
    from fargate_guard.workflows.by_method import outputs_of_deployment
    from fargate_guard.workflows.detect import Wish
    from fargate_guard.workflows.detect import detect as run_trigger
    from fargate_guard.workflows.detect_exec import find_spot
    from fargate_guard.workflows.detect_leftovers import clean_up_where_nothing_starts
    from fargate_guard.workflows.detect_session import detect_in_service
    from fargate_guard.workflows.detect_triggers import TRIGGERS
    from fargate_guard.workflows.embedded_aws import is_embedded_aws

    if exec_ is not (service is not None) or (by_hand and not exec_):
        raise UsageError("--exec and --service belong together", fix="fguard detect --service NAME --exec")
    if exec_ and (image or workload):
        raise UsageError("--image and --workload are for a task of its own, not for --exec", fix="leave them out")
    context = open_deployment(run, terraform, lock_timeout)
    embedded = is_embedded_aws(run.environ)
    client, why_not = _client(run, context, secure, embedded=embedded, wait=wait)
    wish = Wish(
        TRIGGERS[trigger], image, workload, timeout, wait=client is not None, why_not=why_not, interval=interval
    )
    try:
        outputs = outputs_of_deployment(context)
    except FguardError:
        clean_up_where_nothing_starts(context)
        raise
    if service is None:
        found = run_trigger(context, outputs, client, wish)
    else:
        spot = find_spot(context, outputs, service, wish.trigger)
        how = _how(run, context, spot, wish, by_hand=by_hand, embedded=embedded)
        found = detect_in_service(context, client, spot, wish, how)
    return Result(
        {"name": context.config.name, "simulated": embedded, **found.document()},
        detection_text(found, embedded=embedded),
        found.exit_code,
    )


def _client(
    run: Invocation, context: Context, secure: Secure, *, embedded: bool, wait: bool | None
) -> tuple[SecureClient | None, str | None]:
    """Return the client where the event is to be waited for, else why it is not; None, None: by ``--no-wait``."""
    from fargate_guard.sysdig.token import VARIABLES

    if wait is False:
        return None, None
    if embedded and wait is None:
        why = "AWS is the embedded one"
        run.screen.message(f"{why}: no agent runs in it, so that no event comes (--wait waits all the same)")
        return None, why
    given = context.config.sysdig.api.token is not None or any(run.environ.get(name) for name in VARIABLES)
    if not given and wait is None:
        why = "there is no Sysdig API token: set FGUARD_SYSDIG_TOKEN, or sysdig.api.token in fguard.yaml"
        run.screen.warning(f"the event cannot be waited for: {why}")
        return None, why
    return open_client(run, context.config, secure), None


def _how(
    run: Invocation, context: Context, spot: Spot, wish: Wish, *, by_hand: bool, embedded: bool
) -> Plugin | Instead:
    """Return AWS's plugin, or what is done instead.

    :raises PreflightError: when there is no plugin that can be used, and nobody who could type it.
    """
    from fargate_guard.workflows.detect_exec import UNSEEN
    from fargate_guard.workflows.detect_session import Instead, plugin_to_use

    how: Plugin | Instead = Instead.BY_HAND
    if not by_hand and embedded and not wish.wait:
        how = Instead.OPENED_ONLY
    elif not by_hand:
        try:
            how = plugin_to_use(context, spot)
        except PreflightError as refused:
            if not (run.screen.stdin.isatty() and run.screen.is_terminal):
                raise
            run.screen.warning(refused.message)
    run.screen.warning(UNSEEN)
    return how
