"""What a stack's events look like: a line per resource that is finished, and on a terminal what is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from rich.progress import Progress

    from fargate_guard.cli.screen import Screen
    from fargate_guard.stacks.events import StackEvent

DONE_WORDS = {"CREATE": "created", "UPDATE": "updated", "DELETE": "deleted", "IMPORT": "imported"}
SLOW = frozenset(
    {
        "AWS::CloudFormation::Stack",
        "AWS::EC2::NatGateway",
        "AWS::EC2::VPCEndpoint",
        "AWS::ECS::Service",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
    }
)
"""What takes minutes: where nothing is redrawn, the beginning is worth a line, too."""
SHOWN = 2
"""How many running resources fit on a terminal's line."""


class StackProgress:
    """Shows the events of one operation after the other."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._running: dict[tuple[str, str], datetime] = {}
        self._done = 0
        self._live: Progress | None = None

    def show(self, event: StackEvent) -> None:
        """Show one event."""
        if event.is_of_the_stack:
            self._of_the_stack(event)
        else:
            self._of_a_resource(event)

    def pause(self) -> None:
        """Take the redrawn line away; the next event brings it back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _of_the_stack(self, event: StackEvent) -> None:
        reason = f": {event.reason}" if event.reason and event.reason != "User Initiated" else ""
        nested = "nested stack" if event.depth else "stack"
        self._line(f"   {nested} {event.stack_name}: {event.status}{reason}")
        if not event.depth and not event.begins:
            self.pause()
            self._running.clear()
            self._done = 0

    def _of_a_resource(self, event: StackEvent) -> None:
        key = (event.stack_id, event.logical_id)
        name = f"{event.address} ({event.resource_type})"
        if event.begins:
            if key not in self._running:
                self._running[key] = event.time
                if not self._screen.is_terminal and event.resource_type in SLOW:
                    self._screen.message(f"   {name}: {event.status.lower().replace('_', ' ')}")
            self._redraw()
            return
        since = self._running.pop(key, event.time)
        seconds = f"({(event.time - since).total_seconds():.0f}s)"
        if event.has_failed:
            told = "cancelled" if event.is_consequence else f"{event.status}: {event.words}"
            self._line(f"   {name}: {told} {seconds}")
        elif event.is_finished:
            self._done += 1
            verb = event.status.partition("_")[0]
            word = (
                "left in the account" if event.status.endswith("_SKIPPED") else DONE_WORDS.get(verb, verb.lower())
            )
            self._line(f"   {name}: {word} {seconds}")
        self._redraw()

    def _line(self, text: str) -> None:
        if self._live is not None:
            self._live.console.print(text, markup=False, emoji=False, soft_wrap=True)
        else:
            self._screen.message(text)

    def _redraw(self) -> None:
        if not self._screen.is_terminal or self._screen.quiet:
            return
        if self._live is None:
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
            self._live = Progress(*columns, console=self._screen.console(), transient=True)
            self._live.add_task("CloudFormation")
            self._live.start()
        running = ", ".join(logical_id for _, logical_id in list(self._running)[:SHOWN])
        more = f" and {len(self._running) - SHOWN} more" if len(self._running) > SHOWN else ""
        told = f"{self._done} resources done; now: {running}{more}"
        self._live.update(self._live.task_ids[0], description=told)
