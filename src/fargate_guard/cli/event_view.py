"""Events as a table, as lines of JSON, and as CSV that a spreadsheet can open without harm."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from fargate_guard.cli.harmless import harmless
from fargate_guard.cli.status_view import table
from fargate_guard.sysdig.filters import task_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fargate_guard.workflows.events import Sighting

HEAD = ("TIME", "LEVEL", "RULE", "SERVICE", "REVISION", "TASK", "CONTAINER")
WIDTHS = (20, 7, 24, 12, 16, 12, 9)
"""Of the columns of a table that grows line by line."""
INDENT = "    "
COLUMNS = (
    *("time", "level", "severity", "rule", "policy", "service", "revision", "task_status", "stopped_reason"),
    *("task_arn", "cluster_arn", "container", "image", "output", "id"),
)
_FORMULA = frozenset("=+-@\t\r\n|%")
"""First characters with which a spreadsheet takes a cell for a formula.

https://owasp.org/www-community/attacks/CSV_Injection"""
_SHORT = 12


def table_text(sightings: Sequence[Sighting], width: int | None) -> str:
    """Return aligned lines with a head; below each what happened, and why the task stopped.

    :param width: of the terminal; None: lines may be as long as they are.
    """
    head, *rows = table(HEAD, [_row(one) for one in sightings])
    lines = [head]
    for row, one in zip(rows, sightings, strict=True):
        lines += [row, *_below(one)]
    return _fitting(lines, width)


def head_line() -> str:
    """Return the head of a table that grows."""
    return _columns(HEAD)


def table_lines(sighting: Sighting, width: int | None) -> str:
    """Return the lines of one event in a table that grows."""
    return _fitting([_columns(_row(sighting)), *_below(sighting)], width)


def json_line(sighting: Sighting) -> str:
    """Return one line of JSON Lines, in ASCII: nothing in it can command a terminal."""
    return json.dumps(sighting.document(), ensure_ascii=True)


def csv_head() -> str:
    """Return the names of the columns, with a line end."""
    return _csv(COLUMNS)


def csv_line(sighting: Sighting) -> str:
    """Return one record on one line, with a line end; no cell is a formula."""
    event, task = sighting.event, sighting.task
    document = sighting.document()
    cells = (
        *(document["time"], event.level, event.severity, event.rule, event.policy),
        *(_service(sighting), task.revision, task.status, task.stopped_reason),
        *(event.task_arn, event.cluster_arn, event.container, event.image, event.output, event.event_id),
    )
    return _csv(["" if cell is None else str(cell) for cell in cells])


def _csv(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([_inert(cell) for cell in cells])
    return text.getvalue()


def _inert(cell: str) -> str:
    safe = harmless(cell)
    return f"'{safe}" if cell[:1] in _FORMULA or safe.lstrip()[:1] in _FORMULA else safe


def _row(sighting: Sighting) -> tuple[str, ...]:
    event, task = sighting.event, sighting.task
    cells = (
        f"{event.time:%Y-%m-%dT%H:%M:%SZ}",
        event.level,
        event.rule or event.policy or "-",
        _service(sighting),
        task.revision or "unknown",
        task_id(event.task_arn)[:_SHORT] if event.task_arn else "-",
        event.container or "-",
    )
    return tuple(harmless(cell) for cell in cells)


def _service(sighting: Sighting) -> str:
    return "unknown" if sighting.task.unknown else (sighting.task.service or "-")


def _below(sighting: Sighting) -> list[str]:
    task = sighting.task
    told = [sighting.event.output]
    if task.unknown:
        told.append(f"task unknown: {task.unknown}")
    elif task.stopped_reason:
        told.append(f"task stopped: {task.stopped_reason}")
    return [f"{INDENT}{harmless(one)}" for one in told if one]


def _columns(cells: Sequence[str]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def _fitting(lines: Sequence[str], width: int | None) -> str:
    return "\n".join(
        line if width is None or len(line) <= width else line[: max(width - 1, 1)] + "…" for line in lines
    )
