"""Log lines as they may be shown: somebody else's text, perhaps with a secret in it."""

from __future__ import annotations

import re

LONGEST = 240
"""Characters of a line that are shown."""
HIDDEN = "********"
_KEY = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
"""The form of Sysdig's access keys and API tokens; it is that of other ids, too."""
_NAMED = re.compile(
    r"(?i)((?:access[_ -]?key|customer[_ -]?id|api[_ -]?token|bearer|password|passwd|secret|token)\"?"
    r"(?:\s*[=:]\s*|\s+)\"?)([^\s\",;]{8,})"
)


def shown(line: str) -> str:
    """Return a line that can be printed: cut, on one line, without control characters, keys hidden."""
    bare = _NAMED.sub(rf"\1{HIDDEN}", _KEY.sub(HIDDEN, line))
    text = "".join(one if one.isprintable() else _spelled(one) for one in bare[:LONGEST])
    return f"{text}…" if len(bare) > LONGEST else text


def _spelled(character: str) -> str:
    code = ord(character)
    if character == "\t":
        return " "
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - one byte
