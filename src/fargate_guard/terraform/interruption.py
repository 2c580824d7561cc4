"""What to tell a user whose request to stop was met: what state was left, and how to go on."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from fargate_guard.errors import ExitCode, Interrupted
from fargate_guard.terraform.events import (
    DiagnosticReported,
    PlannedChange,
    ProvisionOutput,
    RefreshStarted,
    ResourceCompleted,
    ResourceErrored,
    ResourceStarted,
)
from fargate_guard.terraform.plan import NOTHING, completed_changes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fargate_guard.terraform.events import Event
    from fargate_guard.terraform.process import Ended

FROM_CODE = signal.SIGINT
"""``Driver.interrupt()`` counts as Ctrl-C."""

FIRST = (
    "Stopping: Terraform finishes or cancels what is in flight, saves the state and releases the lock. "
    "Please wait; a second request makes it exit at once, and what is in flight may be lost from the state."
)
DEFERRED = (
    "Stopping in a moment: Terraform forgets an interrupt while it is only beginning, and loses from the state "
    "what is just being created. A second request does not wait."
)
SECOND = (
    "Second request to stop: Terraform was told to exit at once. Resources in flight may exist in AWS "
    "without being in the state."
)

TEXTS = (DEFERRED, FIRST, SECOND)
"""What to say by how many interrupts were sent to Terraform."""

SETTLING_SECONDS = 3.0
"""After so long the provider has the answer to the request that creates a resource, and the state has its id."""
BUILT_IN = frozenset({"terraform_data"})
"""Resources that no provider creates."""
BEGINNING_SECONDS = 5.0
"""How long Terraform may be silent at its beginning before an interrupt is sent all the same."""
WALKING = frozenset({"plan", "apply"})
"""Commands that forget an interrupt which comes before they work on a resource."""


class Beginning:
    """The time until Terraform works on its first resource.

    ``plan`` and ``apply`` answer every interrupt at once, "Gracefully shutting down...", but one that comes before
    they walk the graph of resources stops nothing: everything is carried out, by Terraform 1.11 and 1.15 too
    (https://github.com/hashicorp/terraform/issues/23908).
    """

    def __init__(self, command: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ends = clock() + BEGINNING_SECONDS if command in WALKING else clock()

    def see(self, event: Event) -> None:
        """Take note of the first resource, and of an error that ends the command."""
        if isinstance(event, RefreshStarted | ResourceStarted | ProvisionOutput | DiagnosticReported):
            self._ends = self._clock()

    def is_over(self) -> bool:
        """Return whether an interrupt now would stop Terraform."""
        return self._clock() >= self._ends


class Creations:
    """The resources that are just being created.

    An interrupt makes the provider cut off its requests. A resource whose creation was asked for, and whose answer
    was not read, exists in AWS without being in the state; the next run then fails on its name.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}

    def see(self, event: Event) -> None:
        """Take note of what begins and ends."""
        if isinstance(event, ResourceStarted) and event.action in {"create", "replace"}:
            if event.resource_type not in BUILT_IN:
                self._since[event.address] = self._clock()
        elif isinstance(event, ResourceCompleted | ResourceErrored):
            self._since.pop(event.address, None)

    def all_have_settled(self) -> bool:
        """Return whether an interrupt now would lose none of them."""
        now = self._clock()
        return all(now - since >= SETTLING_SECONDS for since in self._since.values())


def exit_code_for(number: int) -> ExitCode:
    """130 for SIGINT; 143 for SIGTERM and for a terminal that went away (SIGHUP)."""
    return ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED


def before_start(command: str, number: int) -> Interrupted:
    """The request came before Terraform was started."""
    return Interrupted(
        f"Stopped before terraform {command} was started; nothing was done.",
        fix="run the same command again",
        exit_code=exit_code_for(number),
    )


def after_end(command: str, ended: Ended, number: int, events: Sequence[Event]) -> Interrupted:
    """Terraform has ended after a request to stop."""
    return Interrupted(
        f"Stopped by {signal.Signals(number).name} during terraform {command}.",
        why=_what_was_left(command, ended, events),
        fix="run the same command again: it goes on where this one stopped",
        exit_code=exit_code_for(number),
    )


def _what_was_left(command: str, ended: Ended, events: Sequence[Event]) -> str:
    if command != "apply":
        return "nothing was changed and the state's lock is released"
    done = len(completed_changes(events))
    planned = sum(isinstance(event, PlannedChange) and event.action not in NOTHING for event in events)
    progress = f"{done} of {planned} changes were made"
    if ended.returncode == 0:
        return f"{progress}: Terraform had already ended, and the state is complete"
    in_flight = _in_flight(events)
    if ended.returncode < 0 or ended.interrupts > 1:
        lost = f"; in flight, and perhaps in AWS but not in the state: {', '.join(in_flight)}" if in_flight else ""
        return f"{progress}; Terraform had no time to stop cleanly, the lock may be left{lost}"
    return f"{progress}; all of them are in the state, and its lock is released"


def _in_flight(events: Sequence[Event]) -> tuple[str, ...]:
    running: dict[str, None] = {}
    for event in events:
        if isinstance(event, ResourceStarted) and event.action not in NOTHING:
            running[event.address] = None
        elif isinstance(event, ResourceCompleted | ResourceErrored):
            running.pop(event.address, None)
    return tuple(running)
