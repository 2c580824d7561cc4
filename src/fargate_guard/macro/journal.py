"""What the macro writes to its log: one JSON object a line, and never a secret."""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fargate_guard.macro.scope import Scope
    from fargate_guard.taskdef import Json

_SHORTEST_SECRET = 4
_SHORTEST_VALUE = 8
"""Of values that may be secrets: shorter ones are words such as ``true`` and ``prod``."""


@dataclass(slots=True)
class Journal:
    """Writes lines in which parameters that may be secrets stand by their names."""

    write: Callable[[str], object]
    context: dict[str, str] = field(default_factory=dict)
    """In every line."""
    hidden: Mapping[str, str] = field(default_factory=dict)
    """Parameter's name by its value."""

    def line(self, level: str, event: str, **fields: Json) -> None:
        """Write one line."""
        record = {"level": level, "event": event, **self.context, **fields}
        self.write(json.dumps({key: self._safe(value) for key, value in record.items()}) + "\n")

    def safe(self, text: str) -> str:
        """Return a text without the values of parameters that may be secrets."""
        for value, name in self.hidden.items():
            text = text.replace(value, f"${{{name}}}")
        return text

    def _safe(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.safe(value)
        return [self._safe(item) for item in value] if isinstance(value, list) else value


def hidden_values(scope: Scope, parameters: Mapping[str, str]) -> dict[str, str]:
    """Parameter's name by its value, the longest first, where the value may be a secret.

    Those are the ones with ``NoEcho``; a snippet does not tell which these are, so there it is all of them. Of a
    list it is every element, too.
    """
    declared = scope.template.get("Parameters")
    found: dict[str, str] = {}
    for name, value in parameters.items():
        parameter = declared.get(name) if isinstance(declared, dict) else None
        no_echo = isinstance(parameter, dict) and str(parameter.get("NoEcho", "")).lower() == "true"
        if no_echo or not scope.whole:
            shortest = _SHORTEST_SECRET if no_echo else _SHORTEST_VALUE
            texts = (value, *(item.strip() for item in value.split(",")))
            found |= {text: name for text in texts if len(text) >= shortest}
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def frames_of(error: BaseException) -> list[str]:
    """Where an exception came from, without its text: that may repeat what stands in a template."""
    return [
        f"{PurePosixPath(frame.filename).name}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
