"""What is wrong with rule files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """Falco, or Sysdig, would refuse it."""
    WARNING = "warning"
    """It loads, and may not do what is meant; or cannot be known here."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    place: Place
    check: str
    """A stable identifier, for example ``condition`` or ``unknown-field``; part of the JSON contract."""
    severity: Severity
    message: str
    item: str = ""
    """What it is about, for example ``rule Write below bin``."""
    fix: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        plain = asdict(self)
        return {**plain.pop("place"), **plain}


class Findings:
    """Collects them."""

    def __init__(self) -> None:
        self.found: list[Finding] = []

    def error(self, place: Place, check: str, message: str, *, item: object = "", fix: str | None = None) -> None:
        """Note what would be refused."""
        self.found.append(Finding(place, check, Severity.ERROR, message, str(item), fix))

    def warning(
        self, place: Place, check: str, message: str, *, item: object = "", fix: str | None = None
    ) -> None:
        """Note what may not be meant."""
        self.found.append(Finding(place, check, Severity.WARNING, message, str(item), fix))
