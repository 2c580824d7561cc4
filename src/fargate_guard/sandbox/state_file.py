"""The note that a background sandbox leaves about itself, so that other commands find it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Running:
    """A background sandbox."""

    pid: int
    endpoint: str
    region: str
    started_at: float
    """Seconds since the epoch."""


def write(path: Path, running: Running) -> None:
    """Write the file at once and for its owner only (0600, in a folder of 0700)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{running.pid}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(running), file)
    draft.replace(path)


def read(path: Path) -> Running | None:
    """Return what the file says; None without a file or with one that is not ours."""
    try:
        return Running(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, TypeError, ValueError):
        return None


def remove(path: Path, running: Running) -> None:
    """Remove the file if it still speaks of this sandbox."""
    if read(path) == running:
        path.unlink(missing_ok=True)
