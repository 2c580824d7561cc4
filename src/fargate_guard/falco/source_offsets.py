"""Where the characters of a YAML text's value stand in the source, whatever its style is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fargate_guard.formats.yaml_nodes import Nodes, Scalar

_BLANK = re.compile(r"\s*")
_ESCAPED_BLANK = re.compile(r"(?:\s|\\[tnvfr _NLP]|\\\r?\n|\\x(?:09|0[aA-dD]|20|85|[aA]0))*")
_ESCAPE = re.compile(r"\\(?:x..|u.{4}|U.{8}|.)", re.DOTALL)


def source_offsets(nodes: Nodes, node: Scalar) -> list[int]:
    """Return the place in the source of each character of a scalar's value, and of its end; in linear time.

    Blanks aside, which may be folded, a value's characters stand in the source in the same order.
    """
    text, at = nodes.text, nodes.content(node)
    if node.style in ("|", ">"):
        at = text.find("\n", at) + 1
    elif node.style:
        at += 1
    blank = _ESCAPED_BLANK if node.style == '"' else _BLANK
    found: list[int] = []
    for character in node.text:
        if not character.isspace():
            skipped = blank.match(text, at, node.end)
            at = skipped.end() if skipped else at
        found.append(at + 1 if text.startswith(f"\\{character}", at) and node.style == '"' else at)
        if not character.isspace():
            at = min(at + _length(text, at, node.style), node.end)
    return [*found, at]


def _length(text: str, at: int, style: str) -> int:
    """Return how many characters of the source stand for one of the value."""
    if style == '"' and (escape := _ESCAPE.match(text, at)):
        return len(escape.group())
    return 2 if style == "'" and text.startswith("''", at) else 1
