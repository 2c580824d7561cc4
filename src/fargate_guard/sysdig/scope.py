"""Scopes of policies: whether one covers what runs in a Fargate cluster. Pure.

A scope is a text such as ``aws.fargate.cluster.arn = "arn:…" and not container.image.repo in ("a", "b")``; an
empty one covers everything. A label's value cannot always be known from here, so that there are four answers.
https://docs.sysdig.com/en/docs/sysdig-secure/policies/threat-detect-policies/manage-policies/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from fargate_guard.sysdig.event import CLUSTER_LABEL

if TYPE_CHECKING:
    from collections.abc import Callable

_TOKEN = re.compile(
    r"""\s+|(?P<quoted>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<sign>!=|=|\(|\)|,)|(?P<word>[^\s"'()=!,]+)""",
    re.DOTALL,
)
_DEEPEST = 50
_ABSENT = ("kubernetes.", "k8s.", "kube", "gcp.", "azure.", "mesos.", "marathon.")
"""Beginnings of labels that nothing on Fargate (ECS) has."""


class Covers(StrEnum):
    """Whether a scope covers a cluster's tasks."""

    YES = "yes"
    SOME = "some"
    """It depends on labels that differ between tasks, or that are not known here."""
    NO = "no"
    UNKNOWN = "unknown"
    """The scope cannot be read, or the cluster is not known."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of the tasks that a scope is asked about."""

    cluster_arn: str | None = None
    """None where no deployment is known."""

    def labels(self) -> dict[str, str]:
        """Return the labels that the cluster's ARN gives (``arn:partition:ecs:region:account:cluster/name``)."""
        parts = (self.cluster_arn or "").split(":")
        if len(parts) != len(("arn", "partition", "ecs", "region", "account", "cluster")):
            return {}
        return {CLUSTER_LABEL: self.cluster_arn or "", "aws.region": parts[3], "aws.accountId": parts[4]}


@dataclass(frozen=True, slots=True)
class ScopeVerdict:
    """Whether a scope covers a place, and the words for it."""

    covers: Covers
    why: str


def scope_covers(scope: str, place: Place) -> ScopeVerdict:
    """Tell whether a scope covers the tasks of a place; never raises."""
    if not scope.strip():
        return ScopeVerdict(Covers.YES, "it has no scope: everything")
    try:
        answer, open_labels = _Scope(scope, place.labels()).answer()
    except _NotAScopeError as unread:
        return ScopeVerdict(Covers.UNKNOWN, f"its scope cannot be read here ({unread}): {scope}")
    if answer is True:
        return ScopeVerdict(Covers.YES, f"its scope covers the cluster: {scope}")
    if answer is False:
        return ScopeVerdict(Covers.NO, f"its scope does not cover the cluster: {scope}")
    if CLUSTER_LABEL in open_labels:
        return ScopeVerdict(Covers.UNKNOWN, f"which cluster is asked about is not known; its scope: {scope}")
    return ScopeVerdict(Covers.SOME, f"it depends on {', '.join(sorted(open_labels))}; its scope: {scope}")


class _NotAScopeError(Exception):
    """The text is none, or uses what is not known here."""


_Answer: TypeAlias = bool | None
_TESTS: dict[str, Callable[[str, list[str]], bool]] = {
    "=": lambda have, want: have == want[0],
    "!=": lambda have, want: have != want[0],
    "in": lambda have, want: have in want,
    "contains": lambda have, want: want[0] in have,
    "startswith": lambda have, want: have.startswith(want[0]),
}


class _Scope:
    """Evaluates while it parses, in Kleene's logic: None is "not known"."""

    def __init__(self, text: str, labels: dict[str, str]) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self._labels = labels
        self._open: set[str] = set()

    def answer(self) -> tuple[_Answer, set[str]]:
        answer = self._any()
        if self._at < len(self._tokens):
            raise _NotAScopeError(f"at {self._tokens[self._at]}")
        return answer, self._open

    def _any(self) -> _Answer:
        answers = [self._all()]
        while self._take("or"):
            answers.append(self._all())
        return True if True in answers else (None if None in answers else False)

    def _all(self) -> _Answer:
        answers = [self._not()]
        while self._take("and"):
            answers.append(self._not())
        return False if False in answers else (None if None in answers else True)

    def _not(self) -> _Answer:
        negated = False
        while self._take("not"):
            negated = not negated
        answer = self._nested() if self._take("(") else self._test()
        return (not answer) if negated and answer is not None else answer

    def _nested(self) -> _Answer:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _NotAScopeError("too deep")
        answer = self._any()
        self._need(")")
        self._depth -= 1
        return answer

    def _test(self) -> _Answer:
        label = self._next()
        negated = self._take("not")
        operator = self._next().lower()
        if operator not in _TESTS:
            raise _NotAScopeError(f"at {operator}")
        values = self._values() if operator == "in" else [_plain(self._next())]
        answer = self._compare(label, operator, values)
        return (not answer) if negated and answer is not None else answer

    def _compare(self, label: str, operator: str, values: list[str]) -> _Answer:
        if label in self._labels:
            return _TESTS[operator](self._labels[label], values)
        if label.startswith(_ABSENT):
            return _TESTS[operator]("", values)
        if label.startswith(("container.", "aws.fargate.")) and values == [""]:
            return operator == "!="
        self._open.add(label)
        return None

    def _values(self) -> list[str]:
        self._need("(")
        values = [_plain(self._next())]
        while self._take(","):
            values.append(_plain(self._next()))
        self._need(")")
        return values

    def _take(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at].lower() == token:
            self._at += 1
            return True
        return False

    def _need(self, token: str) -> None:
        if not self._take(token):
            raise _NotAScopeError(f"no {token}")

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise _NotAScopeError("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise _NotAScopeError(f"at {text[at : at + 20]}")
        at = found.end()
        if found.lastgroup:
            tokens.append(found.group())
    return tokens


def _plain(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token[:1] in "\"'" else token
