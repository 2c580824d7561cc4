"""Who holds a state's lock, read from the text in which Terraform says so."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FIELD = re.compile(r"^\s*(ID|Path|Operation|Who|Version|Created):[ \t]*(.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class StateLock:
    """The lock's own record, the same for a local file and for S3's lock file."""

    id: str
    """What ``force-unlock`` wants."""
    path: str
    """The state: a file, or ``bucket/key``."""
    operation: str
    """``OperationTypeApply``, ``OperationTypePlan``…"""
    who: str
    """``user@host``"""
    version: str
    """Terraform's version there."""
    created: str
    """Time in UTC."""


def parse_lock(text: str) -> StateLock | None:
    """Find the ``Lock Info:`` block in an error's text; None when there is none with an ID."""
    _, heading, block = text.partition("Lock Info:")
    if not heading:
        return None
    found = dict(reversed(_FIELD.findall(block)))
    if not found.get("ID"):
        return None
    return StateLock(
        id=found["ID"],
        path=found.get("Path", ""),
        operation=found.get("Operation", "") or "a run",
        who=found.get("Who", "") or "somebody",
        version=found.get("Version", ""),
        created=re.sub(r"\.\d+ \+0000 UTC$", " UTC", found.get("Created", "")),
    )
