"""JSON texts of one line, just as Python's encoder writes them: read and written in C, whatever their size."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.taskdef.json_text import check_depth, load

if TYPE_CHECKING:
    from fargate_guard.taskdef.fields import Json

_BLANKS = " \t\n\r"
"""What JSON takes for blank; Python strips more."""
_SAMPLE = 1000
"""Characters that show what is behind commas and colons, if it is the same everywhere."""


class OneLine(NamedTuple):
    """How such a text is written."""

    prefix: str
    encoder: json.JSONEncoder
    suffix: str

    def write(self, value: Json) -> str:
        """The text of a value, in the same style."""
        return self.prefix + self.encoder.encode(value) + self.suffix


def read_one_line(text: str) -> tuple[Json, OneLine] | None:
    """The value and the style of a text; None for every text that the encoder would write in another way.

    So it is None also for what is no JSON, or has a key twice in one object.

    :raises TaskDefinitionError: nested too deeply, or a number that is out of range.
    """
    body = text.removeprefix("\ufeff").strip(_BLANKS)
    if not body or "\n" in body:
        return None
    encoder = _encoder_for(body)
    try:
        value = load(body)
        if encoder.encode(value) != body:
            return None
    except (ValueError, RecursionError):
        return None
    check_depth(value)
    start = text.index(body[0])
    return value, OneLine(text[:start], encoder, text[start + len(body) :])


def _encoder_for(body: str) -> json.JSONEncoder:
    sample = body[:_SAMPLE]
    return json.JSONEncoder(
        separators=(", " if ', "' in sample or ", {" in sample else ",", ": " if '": ' in sample else ":"),
        ensure_ascii=body.isascii() and "\\u" in body and "\x7f" not in body,
        check_circular=False,
    )
