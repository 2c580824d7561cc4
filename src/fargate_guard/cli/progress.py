"""What a running workflow looks like: one redrawn line on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.cli.stack_progress import StackProgress
from fargate_guard.terraform.events import (
    CommandFinished,
    CommandStarted,
    DiagnosticReported,
    Event,
    Notice,
    PlannedChange,
    ResourceCompleted,
    ResourceErrored,
    ResourceEvent,
    ResourceProgress,
    ResourceStarted,
)
from fargate_guard.terraform.plan import NOTHING

if TYPE_CHECKING:
    from fargate_guard.cli.screen import Screen
    from fargate_guard.stacks.events import StackEvent
    from fargate_guard.terraform.diagnostics import Diagnostic

DONE_WORDS = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced", "read": "read"}
SHOWN = 2
"""How many running resources fit on a terminal's line."""


def format_diagnostic(diagnostic: Diagnostic) -> str:
    """Return Terraform's summary, detail, address and source line as a few lines of text."""
    parts = [f"{diagnostic.severity}: {diagnostic.summary}", diagnostic.detail]
    parts += [f"at {diagnostic.address}" if diagnostic.address else ""]
    parts += [f"in {diagnostic.source}: {diagnostic.code or ''}" if diagnostic.source else ""]
    return "\n".join(part for part in parts if part)


class ProgressObserver:
    """Shows steps, Terraform's events and ECS's rollout on a screen."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._bar: _Bar | None = None
        self._stack = StackProgress(screen)
        self._command = ""

    def step(self, title: str) -> None:
        """Begin the next part."""
        self._stack.pause()
        self._screen.title(f"=> {title}")

    def note(self, text: str) -> None:
        """Say something worth knowing."""
        self._screen.message(f"   {text}")

    def warning(self, text: str) -> None:
        """Say that something is not as it should be."""
        self._stack.pause()
        self._screen.warning(text)

    def stack(self, event: StackEvent) -> None:
        """Show one event of a stack."""
        self._stack.show(event)

    def rollout(self, text: str) -> None:
        """Say how far ECS is."""
        self._screen.message(f"   {text}")

    def terraform(self, event: Event) -> None:
        """Show one event of a running Terraform."""
        match event:
            case CommandStarted(command=command):
                self._command = command
                if command == "apply" and self._screen.is_terminal and not self._screen.quiet:
                    self._bar = _Bar(self._screen)
            case CommandFinished():
                self._close_bar()
            case DiagnosticReported(diagnostic=diagnostic) if not diagnostic.is_error and self._command != "init":
                self._above_bar(f"   {format_diagnostic(diagnostic)}")
            case Notice(level="warning"):
                self._close_bar()
                self._screen.warning(event.message)
            case Notice():
                self._above_bar(f"   {event.message}")
            case ResourceEvent():
                self._resource(event)
        if isinstance(event, ResourceEvent | Notice) or not event.message:
            return
        self._screen.detail(f"   {event.message}")

    def _resource(self, event: ResourceEvent) -> None:
        if self._bar:
            self._bar.show(event)
        elif isinstance(event, ResourceProgress):
            self._screen.message(f"   {event.address}: still running ({event.elapsed_seconds:.0f}s)")
        if isinstance(event, ResourceCompleted) and event.action != "read":
            done = DONE_WORDS.get(event.action, event.action)
            self._above_bar(f"   {event.address}: {done} ({event.elapsed_seconds:.0f}s)")
        elif isinstance(event, ResourceErrored):
            self._above_bar(f"   {event.address}: failed to {event.action}")

    def _above_bar(self, text: str) -> None:
        if self._bar:
            self._bar.print(text)
        else:
            self._screen.message(text)

    def _close_bar(self) -> None:
        if self._bar:
            self._bar.close()
            self._bar = None


class _Bar:
    """Resources done, running, elapsed."""

    def __init__(self, screen: Screen) -> None:
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._planned: set[str] = set()
        self._running: dict[str, None] = {}
        self._done: set[str] = set()
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        self._progress = Progress(*columns, console=screen.console(), transient=True)
        self._task = self._progress.add_task("Terraform is starting")
        self._progress.start()

    def show(self, event: ResourceEvent) -> None:
        if event.action in NOTHING:
            return
        match event:
            case PlannedChange():
                self._planned.add(event.address)
            case ResourceStarted():
                self._running[event.address] = None
            case ResourceCompleted() | ResourceErrored():
                self._running.pop(event.address, None)
                self._done.add(event.address)
        total = max(len(self._planned), len(self._done) + len(self._running))
        running = ", ".join(address.removeprefix("module.") for address in list(self._running)[:SHOWN])
        more = f" and {len(self._running) - SHOWN} more" if len(self._running) > SHOWN else ""
        self._progress.update(
            self._task, description=f"{len(self._done)} of {total} resources; now: {running}{more}"
        )

    def print(self, text: str) -> None:
        self._progress.console.print(text, markup=False, emoji=False, soft_wrap=True)

    def close(self) -> None:
        self._progress.stop()
