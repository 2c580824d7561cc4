"""The filter language of the events API, parsed and applied to events.

``attribute op "value"``, with ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``in ("a", "b")``, ``contains``,
``startsWith`` and ``exists``, joined by ``and``, ``or``, ``not`` and parentheses. Values are in double quotes; in
them a double quote is written ``\\"`` and a backslash ``\\\\``. From the published description of
``GET /secure/events/v1/events`` (parameter ``filter``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
Test: TypeAlias = Callable[[Json], bool]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\["\\])*")
      | (?P<symbol><=|>=|!=|=|<|>|\(|\)|,)
      | (?P<word>[A-Za-z_][A-Za-z0-9_.\-/\[\]]*)
      | (?P<number>[0-9][^\s(),]*)
    )""",
    re.VERBOSE,
)
OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "exists")


class BadFilter(ValueError):  # noqa: N818 - what the API says of it
    """The text is not in the language."""


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    at: int


def parse(text: str, attributes: Mapping[str, tuple[str, ...]]) -> Test:
    """Return the test that a filter describes.

    :param attributes: what may be filtered by, with the operators of each.
    :raises BadFilter: with the position of the mistake.
    """
    return _Parser(_tokens(text), attributes).whole()


def _tokens(text: str) -> list[Token]:
    tokens = []
    position = 0
    while position < len(text.rstrip()):
        found = _TOKEN.match(text, position)
        if found is None:
            raise BadFilter(f"unexpected character at position {position}")
        kind = str(found.lastgroup)
        tokens.append(Token(kind, found.group(kind), found.start(kind)))
        position = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[Token], attributes: Mapping[str, tuple[str, ...]]) -> None:
        self._tokens = tokens
        self._attributes = attributes
        self._next = 0

    def whole(self) -> Test:
        test = self._either()
        if self._next < len(self._tokens):
            raise BadFilter(f"unexpected {self._tokens[self._next].text} at {self._tokens[self._next].at}")
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._take("or"):
            tests.append(self._both())
        return lambda event: any(test(event) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._take("and"):
            tests.append(self._one())
        return lambda event: all(test(event) for test in tests)

    def _one(self) -> Test:
        if self._take("not"):
            test = self._one()
            return lambda event: not test(event)
        if self._take("("):
            inner = self._either()
            self._need(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Test:
        attribute = self._pop("word", "an attribute").text
        if attribute not in self._attributes:
            raise BadFilter(f"filtering by {attribute} is not supported")
        token = self._pop("", "an operator")
        if token.text not in OPERATORS:
            raise BadFilter(f"unknown operator {token.text} at position {token.at}")
        if token.text not in self._attributes[attribute]:
            raise BadFilter(f"{attribute} does not support {token.text}")
        if token.text == "exists":
            return lambda event: value_of(event, attribute) is not None
        if token.text == "in":
            return self._membership(attribute)
        wanted = self._value()
        if attribute == "freeText":
            return lambda event: wanted in json.dumps(event, ensure_ascii=False)
        return lambda event: _holds(token.text, value_of(event, attribute), wanted)

    def _membership(self, attribute: str) -> Test:
        self._need("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._need(")")
        return lambda event: value_of(event, attribute) in values

    def _value(self) -> str:
        token = self._pop("", "a value")
        if token.kind != "string":
            raise BadFilter(f"the value {token.text} at position {token.at} must be in double quotes")
        return re.sub(r'\\(["\\])', r"\1", token.text[1:-1])

    def _take(self, text: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next].text == text:
            self._next += 1
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise BadFilter(f"{text} is missing")

    def _pop(self, kind: str, what: str) -> Token:
        if self._next >= len(self._tokens):
            raise BadFilter(f"the filter ends where {what} should be")
        token = self._tokens[self._next]
        if kind and token.kind != kind:
            raise BadFilter(f"{token.text} at position {token.at} is not {what}")
        self._next += 1
        return token


def value_of(event: Json, attribute: str) -> str | None:
    """Return an attribute of an event as text: a field of its own, of its content, or a label."""
    content = event.get("content") or {}
    places: tuple[Json, ...] = (event, content, event.get("labels") or {}, content.get("fields") or {})
    for place in places:
        if place.get(attribute) is not None:
            return str(place[attribute])
    return str(event["name"]) if attribute == "policyName" else None


def _holds(operator: str, found: str | None, wanted: str) -> bool:
    if found is None:
        return operator == "!="
    if operator in ("<", "<=", ">", ">="):
        try:
            left, right = int(found), int(wanted)
        except ValueError:
            return False
        return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]
    return {
        "=": found == wanted,
        "!=": found != wanted,
        "contains": wanted in found,
        "startsWith": found.startswith(wanted),
    }[operator]
