"""What ``fguard instrument`` and ``fguard uninstrument`` share: inputs, outputs and how they are shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fargate_guard.cli.command import Invocation, Result
from fargate_guard.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from fargate_guard.workflows.definition_files import Change, ChangedFile, Destination

DefinitionsArgument = Annotated[
    list[str],
    typer.Argument(metavar="TASK_DEF", help="JSON files, or - for standard input.", show_default=False),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file [standard output].")
]
OutputDirOption = Annotated[
    Path | None, typer.Option("--output-dir", metavar="DIR", help="Write every result to this folder.")
]
InPlaceOption = Annotated[bool, typer.Option("--in-place", help="Replace the files: all of them or none.")]
DiffOption = Annotated[bool, typer.Option("--diff", help="Print a unified diff instead of the result.")]
CheckOption = Annotated[bool, typer.Option("--check", help="Write nothing; exit 2 when something would change.")]


def run_on_definitions(
    run: Invocation,
    names: list[str],
    change: Change,
    destination: Destination,
    *,
    show_diff: bool,
    check: bool,
) -> Result:
    """Change every definition, write or print the results, and tell what became of each container.

    :raises TaskDefinitionError: one is refused; nothing is written then.
    """
    from fargate_guard.workflows.definition_files import change_files, write_files

    _check_options(run, names, destination, show_diff=show_diff, check=check)
    changed, refused = change_files(names, run.screen.stdin.buffer, change)
    for one in changed:
        _tell(run, one)
    for error in refused[:-1]:
        run.screen.error(error)
    if refused:
        raise refused[-1]
    if not check:
        for path in write_files(changed, destination):
            run.screen.success(f"wrote {path}")
    pending = check and any(one.result.changed for one in changed)
    return Result(
        {"definitions": [_document(one, destination, show_diff=show_diff, check=check) for one in changed]},
        _text(changed, destination, show_diff=show_diff, check=check),
        ExitCode.CHANGES_PENDING if pending else ExitCode.DONE,
    )


def _check_options(
    run: Invocation, names: list[str], destination: Destination, *, show_diff: bool, check: bool
) -> None:
    destination.check(names)
    if check and destination.writes:
        raise UsageError("--check writes nothing", fix="remove --output, --output-dir or --in-place")
    to_stdout = not (destination.writes or show_diff or check or run.screen.json)
    if to_stdout and len(names) > 1:
        raise UsageError(
            "several task definitions do not fit on standard output",
            fix="add --output-dir DIR, --in-place, --diff, --check or --json",
        )


def _tell(run: Invocation, one: ChangedFile) -> None:
    name = one.file.shown_name
    for container in one.result.containers:
        state = "instrumented" if container.instrumented else "not instrumented"
        reason = "" if container.reason == state else f" ({container.reason})"
        run.screen.message(f"{name}: container {container.name}: {state}{reason}")
    for warning in one.result.warnings:
        run.screen.warning(f"{name}: {warning.where}: {warning.message}")
    if not one.result.changed:
        run.screen.message(f"{name}: nothing to change")


def _text(changed: list[ChangedFile], destination: Destination, *, show_diff: bool, check: bool) -> str | None:
    if show_diff:
        return "".join(one.difference for one in changed) or None
    return None if check or destination.writes else "".join(one.text for one in changed)


def _document(one: ChangedFile, destination: Destination, *, show_diff: bool, check: bool) -> dict[str, Any]:
    path = None if check else destination.path_for(one.file)
    document: dict[str, Any] = {
        "source": one.file.name,
        "shape": one.file.document.shape.value,
        "changed": one.result.changed,
        "output": str(path) if path else None,
        "containers": [
            {"name": c.name, "path": c.path, "instrumented": c.instrumented, "reason": c.reason}
            for c in one.result.containers
        ],
        "warnings": [{"where": warning.where, "message": warning.message} for warning in one.result.warnings],
        "definition": one.result.definition,
    }
    return {**document, "diff": one.difference} if show_diff else document
