"""What a condition says, as a tree, and the tree as text again. Places count characters from its start."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Field:
    """``proc.name``, ``proc.aname[2]``."""

    name: str
    argument: Text | None = None
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Transformed:
    """``tolower(proc.name)``; on the right of an operator also ``val(proc.pname)``."""

    transformer: str
    operand: Operand
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A value: bare, or in quotation marks."""

    raw: str
    """As written, without the quotation marks."""
    quote: str = ""
    """``"``, ``'``, or empty for a bare one."""
    at: int = field(default=0, compare=False)

    @property
    def value(self) -> str:
        """The text that is meant."""
        if not self.quote:
            return self.raw
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), self.raw, flags=re.DOTALL)


@dataclass(frozen=True, slots=True)
class Values:
    """``(bash, zsh, "a b")``; a bare one may be the name of a list."""

    items: tuple[Text, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ListName:
    """A list without parentheses: ``proc.name in shells``."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """``fd.name startswith /etc``; ``exists`` has no right side."""

    left: Operand
    operator: str
    right: Right | None
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Macro:
    """The name of a macro."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """``not …``."""

    child: Expression


@dataclass(frozen=True, slots=True)
class And:
    """Two or more that must all hold."""

    children: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more of which one must hold."""

    children: tuple[Expression, ...]


Operand: TypeAlias = Field | Transformed
Right: TypeAlias = Text | Values | ListName | Transformed
Expression: TypeAlias = Comparison | Macro | Not | And | Or


def condition_text(expression: Expression) -> str:
    """Return a condition that reads as the same tree again."""
    match expression:
        case Or(children):
            return " or ".join(map(_nested, children))
        case And(children):
            return " and ".join(map(_nested, children))
        case Not(child):
            return f"not {_nested(child)}"
        case Macro(name):
            return name
        case Comparison(left, operator, right):
            return f"{_operand(left)} {operator}" + (f" {_right(right)}" if right else "")
    raise AssertionError(expression)


def leaves(expression: Expression) -> Iterator[Comparison | Macro]:
    """Yield the comparisons and macros of a condition, from left to right."""
    waiting: list[Expression] = [expression]
    while waiting:
        match waiting.pop():
            case And(children) | Or(children):
                waiting += reversed(children)
            case Not(child):
                waiting.append(child)
            case Comparison() | Macro() as leaf:
                yield leaf


def fields_of(comparison: Comparison) -> Iterator[Field]:
    """Yield the fields on both sides."""
    for side in (comparison.left, comparison.right):
        inner = side
        while isinstance(inner, Transformed):
            inner = inner.operand
        if isinstance(inner, Field):
            yield inner


def _nested(child: Expression) -> str:
    text = condition_text(child)
    return f"({text})" if isinstance(child, And | Or | Not) else text


def _operand(operand: Operand) -> str:
    if isinstance(operand, Transformed):
        return f"{operand.transformer}({_operand(operand.operand)})"
    return operand.name + (f"[{_text(operand.argument)}]" if operand.argument else "")


def _right(right: Right) -> str:
    match right:
        case Text():
            return _text(right)
        case Values(items):
            return f"({', '.join(map(_text, items))})"
        case ListName(name):
            return name
        case Transformed():
            return _operand(right)
    raise AssertionError(right)


def _text(text: Text) -> str:
    return f"{text.quote}{text.raw}{text.quote}"
