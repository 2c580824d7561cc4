"""The tokens of conditions, each read where the grammar allows it: a bare value may look like an operator.

Token by token as Falco reads them:
https://github.com/falcosecurity/libs/blob/master/userspace/libsinsp/filter/parser.h
"""

from __future__ import annotations

import re

_BLANK = re.compile(r"[ \b\t\r\n]*")
IDENTIFIER = re.compile(r"[a-zA-Z]+[a-zA-Z0-9_]*")
FIELD_NAME = re.compile(r"[a-zA-Z]+[a-zA-Z0-9_]*(?:\.[a-zA-Z]+[a-zA-Z0-9_]*)+")
FIELD_ARGUMENT = re.compile(r"[^\[\]\"'\s]+")
NUMBER = re.compile(r"0[xX][0-9a-zA-Z]+|[+\-]?[0-9]+\.?[0-9]*(?:[eE][+\-][0-9]+)?")
BARE_TEXT = re.compile(r"[^()\"'\s=,]+")
WORD = re.compile(r"[^\s()\[\]\"',]+")
CALL = re.compile(r"([a-zA-Z][a-zA-Z0-9_]*)\(")

NUMBER_OPERATORS = ("<=", "<", ">=", ">")
TEXT_OPERATORS = (
    *("==", "=", "!="),
    *("glob", "iglob", "contains", "icontains", "bcontains", "startswith", "bstartswith", "endswith", "regex"),
)
LIST_OPERATORS = ("intersects", "in", "pmatch")
UNARY_OPERATORS = ("exists",)
OPERATORS = (*UNARY_OPERATORS, *NUMBER_OPERATORS, *TEXT_OPERATORS, *LIST_OPERATORS)
TRANSFORMERS = ("tolower", "toupper", "b64", "basename", "len")
VALUE_OF = "val"
KEYWORDS = frozenset({"and", "or", "not"})
_SIGNS = tuple(sorted((one for one in OPERATORS if not one.isalpha()), key=len, reverse=True))


class ConditionError(Exception):
    """A condition that Falco would not read."""

    def __init__(self, message: str, at: int, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        """Where, in characters from the condition's start."""
        self.fix = fix


class Lexer:
    """A place in a condition, moved on by what is read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.text)

    def blank(self) -> bool:
        """Skip blanks and line ends; tell whether there were any."""
        found = _BLANK.match(self.text, self.at)
        before, self.at = self.at, found.end() if found else self.at
        return self.at > before

    def take(self, sign: str) -> bool:
        """Read exactly this."""
        if self.text.startswith(sign, self.at):
            self.at += len(sign)
            return True
        return False

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """Read what a pattern matches."""
        found = pattern.match(self.text, self.at)
        if not found:
            return None
        self.at = found.end()
        return found.group()

    def keyword(self, word: str) -> bool:
        """Read ``and``, ``or`` or ``not``, which a blank or a parenthesis must follow."""
        if not self.text.startswith(word, self.at):
            return False
        behind = self.text[self.at + len(word) : self.at + len(word) + 1]
        if behind.isalnum() or behind in ("_", "."):
            return False
        self.at += len(word)
        return True

    def operator(self) -> str | None:
        """Read an operator; one of letters ends at its word."""
        for sign in _SIGNS:
            if self.take(sign):
                return sign
        found = IDENTIFIER.match(self.text, self.at)
        if found and found.group() in OPERATORS:
            self.at = found.end()
            return found.group()
        return None

    def call(self) -> str | None:
        """Read a name and the parenthesis that follows it at once."""
        found = CALL.match(self.text, self.at)
        if not found:
            return None
        self.at = found.end()
        return found.group(1)

    def quoted(self) -> tuple[str, str] | None:
        """Read a text in quotation marks: the mark and what is between; a mark behind a ``\\`` does not end it.

        :raises ConditionError: when it is not closed.
        """
        begin, mark = self.at, self.text[self.at : self.at + 1]
        if mark not in ('"', "'") or not mark:
            return None
        end = self.text.find(mark, begin + 1)
        while end != -1 and self.text[end - 1] == "\\":
            end = self.text.find(mark, end + 1)
        if end == -1:
            raise ConditionError(f"the text in {mark} is not closed", begin, f"close it with {mark}")
        self.at = end + 1
        return mark, self.text[begin + 1 : end]

    def here(self) -> str:
        """Return what stands here, for a message."""
        if self.ended:
            return "the end"
        found = WORD.match(self.text, self.at)
        return repr(found.group() if found else self.text[self.at])
