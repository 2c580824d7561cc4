"""Terraform's warnings and errors as data: summary, detail, address and source line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]
Severity = Literal["error", "warning"]

_BOX = re.compile(r"^[╷│╵] ?", re.MULTILINE)
_HEADLINE = re.compile(r"^(Error|Warning): (.+)$", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One warning or error, exactly as Terraform gave it."""

    severity: Severity
    summary: str
    detail: str = ""
    address: str | None = None
    """Resource address, when the diagnostic is about one."""
    file: str | None = None
    """Relative to the root module."""
    line: int | None = None
    code: str | None = None
    """The source line that the diagnostic points at."""

    @property
    def is_error(self) -> bool:
        """Whether the run failed because of it."""
        return self.severity == "error"

    @property
    def source(self) -> str | None:
        """``main.tf:12``, or None."""
        if self.file is None:
            return None
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def text(self) -> str:
        """Summary and detail in one string, for matching."""
        return f"{self.summary}\n\n{self.detail}"


def diagnostic_from_json(body: Json) -> Diagnostic:
    """Read a diagnostic of the event stream or of ``validate -json``."""
    place = body.get("range") or {}
    snippet = body.get("snippet") or {}
    start = place.get("start") or {}
    return Diagnostic(
        severity="warning" if body.get("severity") == "warning" else "error",
        summary=str(body.get("summary", "")).strip(),
        detail=str(body.get("detail", "")).strip(),
        address=body.get("address"),
        file=place.get("filename"),
        line=start.get("line"),
        code=str(snippet["code"]).strip() if snippet.get("code") else None,
    )


def diagnostics_from_text(text: str) -> tuple[Diagnostic, ...]:
    """Read the diagnostics that commands without JSON print for people; boxes and colours are removed."""
    plain = _BOX.sub("", _COLOUR.sub("", text))
    headlines = list(_HEADLINE.finditer(plain))
    ends = [*(headline.start() for headline in headlines[1:]), len(plain)][: len(headlines)]
    return tuple(
        Diagnostic(
            severity="error" if headline[1] == "Error" else "warning",
            summary=headline[2].strip(),
            detail=plain[headline.end() : end].strip(),
        )
        for headline, end in zip(headlines, ends, strict=True)
    )
