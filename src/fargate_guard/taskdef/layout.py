"""How a JSON file is laid out, so that what is written looks like what was read.

Learned from the text: indentation, line ends, spaces after colons and commas, what stands on one line, and whether
non-ASCII characters are escaped. Numbers keep their text.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from fargate_guard.taskdef.fields import Json

_MARK = r'"(?:[^"\\]|\\.)*"|[\[\]{}:,\n]|[\w.+-]+'
_CONTENT_BEHIND_BRACKET = r"[\[{][ \t]*[^\s\[\]{}]"
_WIDE_COMMA, _NARROW_COMMA = r"[\w\"\]}],[ \t]\S", r'["\]}\d],["\[{\d]'
_PLAIN_SLASH = r"(?<!\\)(?:\\\\)*/"
_FIRST_INDENT = r"\n([ \t]+)\S"
_LAST_INDENT = r"\n([ \t]*)[\]}]"
_SURROGATE = "[\ud800-\udfff]"
_CONTAINERS = 'ontainerDefinitions"'
_SAMPLE = 20_000
"""Characters that show a style well enough; a big template is not to be read twice for it."""
_LEAF_ARRAY, _LEAF_OBJECT = "[]", "{}"


class Number(float):
    """A number that is not a plain integer (``1.0``, ``1e3``, ``-0``), with its text."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Number:
        """Keep the text beside the value."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __repr__(self) -> str:
        """Tell 1.0 from 1.00."""
        return self.text


def integer(text: str) -> int | Number:
    """An integer, or a :class:`Number` where an int would lose the text (``-0``)."""
    return Number(text) if text == "-0" else int(text)


@dataclass(slots=True, eq=False, repr=False)
class Layout:
    """The style of one file."""

    indent: str = "  "
    newline: str = "\n"
    """With the margin, where the whole text is indented."""
    colon: str = ": "
    comma: str = ", "
    """Between the items of what stands on one line."""
    array_padding: str = ""
    """Inside the brackets of an array on one line."""
    object_padding: str = ""
    ascii: bool = False
    """Escape non-ASCII characters."""
    slash: str = "/"
    """How a slash is written: PHP writes ``\\/``."""
    prefix: str = ""
    suffix: str = "\n"
    inline: Counter[str] = field(default_factory=Counter)
    """By field: how much more often its value stands on one line than on several."""

    @property
    def style(self) -> tuple[Hashable, ...]:
        """All that decides how :meth:`fragment` writes a value; alike in the files of one project."""
        brackets = self.array_padding, self.object_padding, frozenset(self.inline.items())
        return (self.indent, self.colon, self.comma, self.ascii, self.slash, *brackets)

    def write(self, value: Json) -> str:
        """The JSON text of a value."""
        return self.prefix + self._text(value, "", self.newline) + self.suffix

    def fragment(self, value: Json, label: str, line: str, *, one_line: bool | None = None) -> str:
        """The text of a value inside a file.

        :param label: the field that it stands in; an array's items have the array's label with ``[]`` behind it.
        :param line: what starts a line at its depth; empty inside of what stands on one line.
        :param one_line: whether it stands on one line itself; None asks what is usual for the field.
        """
        return self._text(value, label, "" if one_line else line, spread=one_line is False)

    def _text(self, value: Json, label: str, line: str, *, spread: bool = False) -> str:
        """A value's text; ``line`` starts a line at its depth, and is empty inside a one-line value."""
        if isinstance(value, str):
            return self.string(value)
        if not isinstance(value, (dict, list)) or not value:
            return self._scalar(value)
        if line and not spread and self._on_one_line(value, label):
            line = ""
        inner = line + self.indent if line else ""
        string, write = self.string, self._text
        if isinstance(value, dict):
            opening, closing, padding, colon = "{", "}", self.object_padding, self.colon
            texts = [
                f"{string(str(key))}{colon}{string(item) if type(item) is str else write(item, key, inner)}"
                for key, item in value.items()
            ]
        else:
            opening, closing, padding, label = "[", "]", self.array_padding, f"{label}[]"
            texts = [string(item) if type(item) is str else write(item, label, inner) for item in value]
        separator = f",{inner}" if line else self.comma
        return f"{opening}{inner or padding}{separator.join(texts)}{line or padding}{closing}"

    def _on_one_line(self, value: Json, label: str) -> bool:
        if not self.inline:
            return False
        if label in self.inline:
            return self.inline[label] > 0
        items = value.values() if isinstance(value, dict) else value
        if any(isinstance(item, (dict, list)) and item for item in items):
            return False
        return self.inline[_LEAF_OBJECT if isinstance(value, dict) else _LEAF_ARRAY] > 0

    def _scalar(self, value: Json) -> str:
        """The text of what is no string and has nothing inside."""
        if isinstance(value, Number):
            return value.text
        for constant, text in ((None, "null"), (True, "true"), (False, "false")):
            if value is constant:
                return text
        if isinstance(value, (int, float)):
            return repr(value)
        if isinstance(value, dict):
            return "{}"
        return "[]" if isinstance(value, list) else self.string(str(value))

    def string(self, value: str) -> str:
        """The text of a string."""
        text = encode_basestring_ascii(value) if self.ascii else encode_basestring(value)
        if not text.isascii() and not _is_writable(text):
            text = re.sub(_SURROGATE, lambda match: f"\\u{ord(match[0]):04x}", text)
        return text if self.slash == "/" else text.replace("/", self.slash)


def _is_writable(text: str) -> bool:
    """Whether a text can be written in UTF-8: no half of a surrogate pair is in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def learn(text: str) -> Layout:
    """Learn a file's layout from its text, which must be valid JSON; from a part of it where it is long."""
    body = text.removeprefix("\ufeff")
    stripped = body.strip()
    first, last = re.search(_FIRST_INDENT, stripped), re.fullmatch(_LAST_INDENT, stripped[stripped.rfind("\n") :])
    margin = last[1] if last else ""
    sample = _sample(stripped)
    layout = Layout(
        indent=first[1].removeprefix(margin) if first else "",
        newline=("\r\n" if "\r\n" in sample else "\n") + margin,
        ascii=text.isascii() and "\\u" in text and "\x7f" not in text,
        prefix=text[: len(text) - len(body)] + body[: len(body) - len(body.lstrip())],
        suffix=body[len(body.rstrip()) :],
    )
    layout.colon = ":" if '":' in sample and not re.search(r'"[ \t]*:[ \t]', sample) else ": "
    layout.slash = "\\/" if "\\/" in sample and not re.search(_PLAIN_SLASH, sample) else "/"
    if re.search(_CONTENT_BEHIND_BRACKET, sample):
        layout.comma = ", " if re.search(_WIDE_COMMA, sample) else ","
        if layout.comma == "," and layout.colon == ": " and not re.search(_NARROW_COMMA, sample):
            layout.comma = ", "
        layout.array_padding = " " if re.search(r'\[ ["\d]', sample) else ""
        layout.object_padding = " " if re.search(r'\{ "', sample) else ""
    if "\n" not in stripped:
        layout.inline[""] = 1
    elif re.search(_CONTENT_BEHIND_BRACKET, sample):
        _learn_one_liners(sample, layout.inline)
    return layout


def _sample(text: str) -> str:
    """The text, or enough of it to learn from: whole lines from where containers begin."""
    if len(text) <= _SAMPLE:
        return text
    start = text.rfind("\n", 0, max(text.find(_CONTAINERS), 0)) + 1
    end = text.find("\n", start + _SAMPLE)
    return text[start : end if 0 <= end < start + 2 * _SAMPLE else start + _SAMPLE]


class _Open:
    """A bracket that is not closed yet."""

    __slots__ = ("has_collections", "is_array", "is_empty", "label", "line")

    def __init__(self, label: str, line: int, *, is_array: bool) -> None:
        self.label = label
        self.line = line
        self.is_array = is_array
        self.is_empty = True
        self.has_collections = False


def _learn_one_liners(text: str, inline: Counter[str]) -> None:
    """Count, for every field, how often its value stands on one line and how often it does not."""
    stack = [_Open("", 0, is_array=False)]
    line, last_string, label = 0, "", ""
    for mark in re.findall(_MARK, text):
        parent = stack[-1]
        if mark == "\n":
            line += 1
        elif mark == ":":
            label = last_string
        elif mark in "[{":
            parent.is_empty, parent.has_collections = False, True
            name = f"{parent.label}[]" if parent.is_array else label
            stack.append(_Open(name, line, is_array=mark == "["))
        elif mark in "]}":
            if len(stack) > 1:  # a sample may begin inside
                _vote(stack.pop(), line, inline)
        elif mark != ",":
            parent.is_empty = False
            last_string = mark[1:-1]


def _vote(closed: _Open, line: int, inline: Counter[str]) -> None:
    if closed.is_empty:
        return
    vote = 1 if closed.line == line else -1
    inline[closed.label] += vote
    if not closed.has_collections:
        inline[_LEAF_ARRAY if closed.is_array else _LEAF_OBJECT] += vote
