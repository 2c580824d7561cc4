"""Log lines as they may be shown: somebody else's text, perhaps with a secret in it."""

from __future__ import annotations

import re

LONGEST = 240
"""Characters of a line that are shown."""
HIDDEN = "********"
_KEY = re.compile(
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|(?<![\w/:])[0-9a-fA-F]{32,}\b|\bA(?:KIA|SIA)[A-Z0-9]{16}\b"
)
"""The form of Sysdig's access keys and tokens, which is that of other ids, too, and of AWS's access key ids; the
hexadecimal digits of a task's ARN and of a digest are none."""
_IN_URL = re.compile(r"(?<=://)[^/\s\"']*(?=@)|(?<![^\s\"'=])[^\s/:\"'=]+:[^\s/\"']+(?=@[\w.-]+:\d)")
"""User and password before a host; also before a proxy that is written without ``http://``."""
_SCHEME = re.compile(r"(?i)\b((?:basic|bearer|digest|negotiate)\s+)[^\s\",;]+")
"""The value of an ``Authorization`` header."""
_NAMES = r"access[_ -]?key(?:[_ -]?id)?|customer[_ -]?id|api[_ -]?(?:token|key)|password|passwd|secret|token"
_ASSIGNED = re.compile(rf"(?i)((?:{_NAMES})\\?[\"']?\s*[=:]\s*)(\\?\"[^\"]*\"|'[^']*'|[^\s\",;]+)")
_NAMED = re.compile(rf"(?i)((?:{_NAMES}|bearer)\s+[\"']?)([^\s\",;]{{8,}})")
"""Without a sign between name and value only what is long enough for one: "token expired" is none."""


def _hidden(line: str) -> str:
    bare = _IN_URL.sub(HIDDEN, line)
    bare = _SCHEME.sub(rf"\1{HIDDEN}", _KEY.sub(HIDDEN, bare))
    return _NAMED.sub(rf"\1{HIDDEN}", _ASSIGNED.sub(rf"\1{HIDDEN}", bare))


def shown(line: str) -> str:
    """Return a line that can be printed: cut, on one line, without control characters, keys hidden."""
    bare = _hidden(line)
    text = "".join(one if one.isprintable() else _spelled(one) for one in bare[:LONGEST])
    return f"{text}…" if len(bare) > LONGEST else text


def _spelled(character: str) -> str:
    code = ord(character)
    if character == "\t":
        return " "
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - one byte
