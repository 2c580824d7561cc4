"""A YAML text as nodes that know where they stand in it."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from fargate_guard.formats.yaml_errors import in_plain_words
from fargate_guard.taskdef import NotATaskDefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterator

GAP = re.compile(r"(?:[ \t\r\n]+(?:#[^\r\n]*)?)*")
"""Blanks, line ends and comments behind a token."""

_PROPERTIES = re.compile(r"(?:[!&][^ \t\r\n,\[\]{}]*(?:[ \t\r\n]+(?:#[^\r\n]*)?)*)*")
_BLOCK_SCALARS = ("|", ">")
MAX_DEPTH = 100


@dataclass(slots=True, eq=False, kw_only=True)
class Node:
    """Where a value stands; offsets count characters from the beginning of the text."""

    start: int
    """Its tag and anchor are part of it."""
    end: int
    """Behind its last character: no trailing comment, no blank lines."""
    tag: str = ""
    anchor: str = ""


@dataclass(slots=True, eq=False, kw_only=True)
class Scalar(Node):
    """A text, a number…; empty where nothing is written (``key:``)."""

    text: str
    style: str
    """A quotation mark, ``|`` or ``>``; empty for a plain one."""


@dataclass(slots=True, eq=False, kw_only=True)
class Alias(Node):
    """``*name``."""

    target: Node


@dataclass(slots=True, eq=False, kw_only=True)
class Sequence(Node):
    """A list."""

    flow: bool
    items: list[Node] = field(default_factory=list)
    dashes: list[int] = field(default_factory=list)
    """Where the dashes of a block sequence stand."""


@dataclass(slots=True, eq=False)
class Entry:
    """A key and its value."""

    key: Node
    value: Node
    colon: int
    """Where it stands; -1 where a flow mapping has a key alone."""


@dataclass(slots=True, eq=False, kw_only=True)
class Mapping(Node):
    """An object."""

    flow: bool
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Nodes:
    """One document."""

    text: str
    """Without a byte order mark."""
    root: Node
    has_aliases: bool

    def place(self, offset: int) -> str:
        """``line 3, column 5``, counted from 1."""
        return place(self.text, offset)

    def content(self, node: Node) -> int:
        """Where a node begins behind its tag and anchor."""
        return content_start(self.text, node)


def place(text: str, offset: int) -> str:
    """``line 3, column 5``, counted from 1."""
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]
    line = bisect_right(starts, offset)
    return f"line {line}, column {offset - starts[line - 1] + 1}"


def content_start(text: str, node: Node) -> int:
    """Where a node begins behind its tag and anchor."""
    if not node.tag and not node.anchor:
        return node.start
    found = _PROPERTIES.match(text, node.start)
    return min(found.end() if found else node.start, node.end)


def compose(text: str) -> Nodes:
    """Read a YAML text, without a byte order mark, into nodes.

    :raises NotATaskDefinitionError: not YAML, no document or several in it; with line and column.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    composer = _Composer(text, YAML(typ="safe", pure=True).parse(text))
    try:
        return composer.document()
    except YAMLError as error:
        raise in_plain_words(error, text) from None


class _Mark(Protocol):
    index: int


class _Event(Protocol):
    """What the parser tells; which of the fields there are depends on the kind of event."""

    start_mark: _Mark
    end_mark: _Mark
    anchor: str | None
    tag: object
    value: str
    style: str | None
    flow_style: bool | None


class _Composer:
    """Makes nodes of a parser's events."""

    def __init__(self, text: str, events: Iterator[_Event]) -> None:
        self._text = text
        self._events = events
        self._anchors: dict[str, Node] = {}
        self._open: set[int] = set()
        self._has_aliases = False

    def document(self) -> Nodes:
        root: Node | None = None
        for event in self._events:
            kind = type(event).__name__
            if kind != "DocumentStartEvent":
                continue
            if root is not None:
                raise self._refusal(
                    "several YAML documents in one file",
                    event.start_mark.index,
                    why="which of them is meant is not certain",
                    fix="give every document a file of its own",
                )
            root = self._node(next(self._events), 0)
        if root is None or (isinstance(root, Scalar) and root.start == root.end):
            raise NotATaskDefinitionError("the input is empty", fix="give a task definition in JSON or YAML")
        return Nodes(self._text, root, self._has_aliases)

    def _node(self, event: _Event, depth: int) -> Node:
        kind = type(event).__name__
        if kind == "ScalarEvent":
            return self._anchored(event, self._scalar(event))
        if kind == "AliasEvent":
            return self._alias(event)
        if depth >= MAX_DEPTH:
            raise self._refusal(
                f"nested more than {MAX_DEPTH} levels deep", event.start_mark.index, why="no task definition is"
            )
        if kind == "SequenceStartEvent":
            return self._sequence(event, depth)
        return self._mapping(event, depth)

    def _scalar(self, event: _Event) -> Scalar:
        start, end = event.start_mark.index, event.end_mark.index
        style = event.style or ""
        if style in _BLOCK_SCALARS:
            end = self._end_of_block_scalar(start, end)
        return Scalar(start=start, end=end, tag=self._tag(event), text=event.value, style=style)

    def _end_of_block_scalar(self, start: int, end: int) -> int:
        """Its last line without the line end; the blank lines of a ``|+`` are part of it."""
        body = self._text[start:end]
        header = body.partition("\n")[0].partition(" #")[0].split()[-1]
        if "+" not in header:
            return start + len(body.rstrip())
        return start + len(body.rstrip(" \t").removesuffix("\n").removesuffix("\r"))

    def _alias(self, event: _Event) -> Alias:
        name, start = event.anchor, event.start_mark.index
        target = self._anchors.get(name or "")
        if target is None:
            raise self._refusal(f"the alias *{name} stands for nothing", start, why=f"no &{name} stands before it")
        if id(target) in self._open:
            raise self._refusal(f"the alias *{name} stands inside of what it repeats", start)
        self._has_aliases = True
        return Alias(start=start, end=event.end_mark.index, target=target)

    def _sequence(self, event: _Event, depth: int) -> Sequence:
        node = Sequence(
            start=event.start_mark.index,
            end=event.end_mark.index,
            tag=self._tag(event),
            flow=bool(event.flow_style),
        )
        self._anchored(event, node)
        self._open.add(id(node))
        position = node.start if node.flow else content_start(self._text, node)
        while type(event := next(self._events)).__name__ != "SequenceEndEvent":
            item = self._node(event, depth + 1)
            if not node.flow:
                dash = self._behind_gap(position)
                node.dashes.append(dash)
                if item.start == item.end:
                    item.start = item.end = dash + 1
                position = item.end
            node.items.append(item)
        node.end = event.end_mark.index if node.flow else node.items[-1].end
        self._open.discard(id(node))
        return node

    def _mapping(self, event: _Event, depth: int) -> Mapping:
        node = Mapping(
            start=event.start_mark.index,
            end=event.end_mark.index,
            tag=self._tag(event),
            flow=bool(event.flow_style),
        )
        self._anchored(event, node)
        self._open.add(id(node))
        while type(event := next(self._events)).__name__ != "MappingEndEvent":
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            colon = self._colon(key)
            if value.start == value.end:
                value.start = value.end = key.end if colon < 0 else colon + 1
            node.entries.append(Entry(key, value, colon))
        node.end = event.end_mark.index if node.flow else max(node.entries[-1].value.end, node.entries[-1].key.end)
        self._open.discard(id(node))
        return node

    def _colon(self, key: Node) -> int:
        colon = key.end if self._text.startswith(":", key.end) else self._behind_gap(key.end)
        return colon if self._text.startswith(":", colon) else -1

    def _behind_gap(self, position: int) -> int:
        found = GAP.match(self._text, position)
        return found.end() if found else position

    def _anchored(self, event: _Event, node: Node) -> Node:
        if event.anchor:
            node.anchor = event.anchor
            self._anchors[event.anchor] = node
        return node

    def _tag(self, event: _Event) -> str:
        tag = event.tag
        return "" if tag is None else str(tag)

    def _refusal(
        self, message: str, offset: int, *, why: str | None = None, fix: str | None = None
    ) -> NotATaskDefinitionError:
        return NotATaskDefinitionError(message, where=place(self._text, offset), why=why, fix=fix)
