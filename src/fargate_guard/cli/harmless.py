"""Somebody else's text as a terminal may get it: spelled out is whatever would command it or turn the writing."""

from __future__ import annotations

import re

_COMMANDING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tabs and line ends, turned writing direction, other line ends, halves of characters."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"})
"""Unicode's categories of what commands a terminal, turns text round, or breaks lines."""
_LONGEST = 4000


def tame(text: str) -> str:
    """Return a text of many lines in which nothing commands the terminal; tabs and line ends stay."""
    return _COMMANDING.sub(lambda found: spelled(found[0]), text)


def harmless(text: str) -> str:
    """Return a text on one line, cut where it is very long, in which nothing is hidden."""
    from unicodedata import category  # a library of its own, which takes its time to load

    shown = "".join(spelled(one) if category(one) in _HIDDEN else one for one in text[:_LONGEST])
    return shown if len(text) <= _LONGEST else f"{shown}…"


def one_line(text: str) -> str:
    """Return a text on one line, whole, in which nothing commands the terminal."""
    return tame(text).replace("\n", "\\n")


def tame_json(text: str) -> str:
    """Return a JSON document that means the same, with JSON's own escapes for what commands the terminal."""
    return _COMMANDING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def spelled(character: str) -> str:
    """Return how a character is written that is not shown itself: ``\\x1b``, ``\\u202e``, ``\\n``."""
    code = ord(character)
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - one byte
    )
