"""Values as YAML that every reader of YAML 1.1 and 1.2 understands alike, CloudFormation's functions included.

The text is ASCII: CloudFormation hands a template back with a question mark for every other letter, and what is
deployed should be what can be read. https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1220
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Value = Any
"""Text, number, boolean, mapping, sequence or :class:`Function`."""

_WORD = r"(?:[A-Za-z0-9/_.@+=:;,()'-]*[A-Za-z0-9/_.@+=;,()'-])?"
_PLAIN = re.compile(rf"[A-Za-z/_]{_WORD}(?: [A-Za-z0-9/_.(]{_WORD})*")
_PLAIN_IN_FLOW = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:::[A-Za-z]+)?")
_NOT_TEXT = frozenset(["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"])
_BLOCK_LINE = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?", re.ASCII)
_INDENTED_LINE = re.compile(r"(?:[ -~]*[!-~])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Function:
    """An intrinsic function in its short form."""

    name: str
    """As in ``!Ref``."""
    argument: Value


def ref(name: str) -> Function:
    """Return the value of a parameter, or a resource's physical ID."""
    return Function("!Ref", name)


def get_att(attribute: str) -> Function:
    """Return an attribute, as in ``LoadBalancer.DNSName``."""
    return Function("!GetAtt", attribute)


def sub(text: str, **variables: Value) -> Function:
    """Return text of our own with ``${…}`` in it; text that a user wrote never goes through it."""
    return Function("!Sub", [text, variables] if variables else text)


def join(*parts: Value) -> Function:
    """Return texts joined with nothing between them."""
    return Function("!Join", ["", list(parts)])


def with_literal(ours: str, literal: str) -> Function:
    """Return ``ours``, in which ``${…}`` is replaced, and after it ``literal``, in which nothing is."""
    return join(sub(ours), literal) if "${" in literal else sub(ours + literal)


def scalar(value: Value) -> str:
    """Return text, a number, a boolean or a function of one text on one line."""
    if isinstance(value, Function):
        return f"{value.name} {scalar(value.argument)}"
    if isinstance(value, bool) or not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    return _quoted(value)


def block(value: Value, indent: int) -> str:
    """Return a mapping or sequence over several lines, without the first line's indentation."""
    return "\n".join(_lines(value, " " * indent)).lstrip(" ")


def flow(value: Value) -> str:
    """Return a value on one line."""
    if isinstance(value, Function) and isinstance(value.argument, Mapping | list):
        return f"{value.name} {flow(value.argument)}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, Function) or not isinstance(value, str):
        return scalar(value)
    return value if _PLAIN_IN_FLOW.fullmatch(value) and scalar(value) == value else _quoted(value)


_LONGEST_FLOW = 100


def _lines(value: Value, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _entry(f"{indent}{scalar(key)}:", item, indent)
    else:
        for item in value:
            yield from _element(item, indent)


def _entry(head: str, item: Value, indent: str) -> Iterator[str]:
    """A key or a dash, and what belongs to it."""
    if isinstance(item, Function) and isinstance(item.argument, Mapping | list):
        if len(short := f"{head} {flow(item)}") <= _LONGEST_FLOW:
            yield short
        else:
            yield f"{head} {item.name}"
            yield from _lines(item.argument, f"{indent}  ")
    elif isinstance(item, Mapping | list | tuple) and item:
        yield head
        yield from _lines(item, f"{indent}  ")
    elif isinstance(item, Mapping | list | tuple):
        yield f"{head} {'{}' if isinstance(item, Mapping) else '[]'}"
    elif isinstance(item, str) and (chomping := _block_chomping(item)) is not None:
        yield f"{head} |{chomping}"
        yield from (f"{indent}  {line}".rstrip() for line in item.removesuffix("\n").split("\n"))
    else:
        yield f"{head} {scalar(item)}"


def _element(item: Value, indent: str) -> Iterator[str]:
    if (isinstance(item, Mapping) and item) or (isinstance(item, list | tuple) and item):
        lines = _lines(item, f"{indent}  ")
        yield f"{indent}- {next(lines).lstrip(' ')}"
        yield from lines
    else:
        yield from _entry(f"{indent}-", item, indent)


def _block_chomping(text: str) -> str | None:
    """How a literal block ends that says exactly this text; None where it has to be quoted."""
    body = text.removesuffix("\n")
    first, *more = body.split("\n")
    if not more or not first or body.endswith("\n") or not _BLOCK_LINE.fullmatch(first):
        return None
    if not all(_INDENTED_LINE.fullmatch(line) for line in more):
        return None
    return "" if text.endswith("\n") else "-"


def _quoted(text: str) -> str:
    """JSON's escapes are YAML's too, but for letters beyond the first plane and DEL."""
    return '"' + "".join(_escaped(letter) for letter in text) + '"'


def _escaped(letter: str) -> str:
    code = ord(letter)
    if code > 0xFFFF:  # noqa: PLR2004 - the first plane
        return f"\\U{code:08x}"
    return "\\x7f" if code == 0x7F else json.dumps(letter)[1:-1]  # noqa: PLR2004 - DEL
