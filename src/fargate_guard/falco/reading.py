"""Rule files as items that know where they, and every character of their conditions, stand."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fargate_guard.falco.findings import Place
from fargate_guard.falco.source_offsets import source_offsets
from fargate_guard.formats.yaml_nodes import Alias, Mapping, Nodes, Scalar, Sequence, compose
from fargate_guard.formats.yaml_values import Values
from fargate_guard.taskdef import NotATaskDefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.falco.findings import Findings
    from fargate_guard.formats.yaml_nodes import Node

KINDS = ("rule", "macro", "list")
_OF_OTHER_FILES = re.compile(r"task definition|CloudFormation|template")
"""What the reader of YAML says of the other files that it reads."""
_PLACE = re.compile(r"line (\d+), column (\d+)")
_NEXT_DOCUMENT = re.compile(r"(?m)^---(?=[ \t]*(?:#.*)?\r?$)")
_JOINED = "#\u2010\u2011"
"""Stands, as a comment of the same length, for the line that begins another document."""
_BEFORE_THE_FIRST = re.compile(r"(?m)(?:^[ \t]*(?:[#%].*)?\r?\n)*(?:^---(?=\s))?")
_NO_TEXTS = ("override", "capture_duration")
SWITCHES = ("enabled", "append", "warn_evttypes", "skip-if-unknown-filter", "capture")
_YES_NO = {**dict.fromkeys(("yes", "on", "y"), True), **dict.fromkeys(("no", "off", "n"), False)}
_WITHOUT_THEM_ENABLED_IS_A_SWITCH = ("condition", "output", "desc", "priority")


@dataclass(frozen=True, slots=True)
class RuleFile:
    """The text of one file."""

    name: str
    """As findings call it."""
    text: str


@dataclass(slots=True, eq=False)
class Item:
    """One element of a rule file: a rule, a macro, a list, or what an engine must have."""

    kind: str
    """``rule``, ``macro``, ``list``, or empty for another."""
    name: str
    values: dict[str, Any]
    place: Place
    nodes: Nodes
    node: Mapping
    file: RuleFile
    entries: dict[str, Node] = field(default_factory=dict)
    _offsets: dict[str, list[int]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def amends(self) -> bool:
        """Whether it changes another of the same name instead of defining one."""
        has_body = any(key in self.values for key in _WITHOUT_THEM_ENABLED_IS_A_SWITCH)
        alone = self.kind == "rule" and not has_body and "enabled" in self.values
        return self.values.get("append") is True or "override" in self.values or alone

    def at(self, key: str) -> Place:
        """Return where a key's value stands; where the item stands when it has none."""
        node = self.entries.get(key)
        return _place(self.file.name, self.nodes, node) if node is not None else self.place

    def element(self, key: str, number: int) -> Place:
        """Return where an element of a list stands; where the list stands when it is not written as one."""
        node = self.entries.get(key)
        if not isinstance(node, Sequence) or number >= len(node.items):
            return self.at(key)
        return _place(self.file.name, self.nodes, node.items[number])

    def bare_items(self) -> Iterator[tuple[str, Place]]:
        """Yield the items of a list that are not in quotation marks, with their places: they may name lists."""
        node = self.entries.get("items")
        for one in node.items if self.kind == "list" and isinstance(node, Sequence) else ():
            if isinstance(one, Scalar) and not one.style:
                yield one.text, _place(self.file.name, self.nodes, one)

    def inside(self, key: str, offset: int) -> Place:
        """Return where a character of a text stands in the file, whatever the text's YAML style is."""
        node = self.entries.get(key)
        target = node.target if isinstance(node, Alias) else node
        if not isinstance(target, Scalar):
            return self.at(key)
        if key not in self._offsets:
            self._offsets[key] = source_offsets(self.nodes, target)
        known = self._offsets[key]
        return _place_at(self.file.name, self.nodes.text, known[min(offset, len(known) - 1)])


def read_items(file: RuleFile, findings: Findings) -> list[Item]:
    """Return the items of a file; what is wrong with its YAML becomes a finding."""
    text = _as_one_document(file.text.removeprefix("\ufeff"))
    if not re.sub(r"(?m)^\s*(#.*|---\s*)?$", "", text).strip():
        findings.warning(Place(file.name, 1, 1), "empty", "there is nothing in this file")
        return []
    try:
        nodes = compose(text)
        values = Values(nodes).of(nodes.root)
    except NotATaskDefinitionError as wrong:
        why, fix = (None if text and _OF_OTHER_FILES.search(text) else text for text in (wrong.why, wrong.fix))
        message = f"{wrong.message}{f'; {why}' if why else ''}"
        findings.error(_named_place(file, wrong.where), "yaml", message, fix=fix)
        return []
    root = nodes.root
    if not isinstance(root, Sequence) or not isinstance(values, list):
        findings.error(Place(file.name, 1, 1), "yaml", "a rule file is a list: every item begins with a dash")
        return []
    return list(_items(file, nodes, root, values, findings))


def _as_one_document(text: str) -> str:
    """Return the lists of all documents as one, as Falco reads them; every character keeps its place."""
    first = _BEFORE_THE_FIRST.match(text)
    start = first.end() if first else 0
    return text[:start] + _NEXT_DOCUMENT.sub(_JOINED, text[start:])


def as_documents(text: str) -> str:
    """Return a text that was read as one document, and perhaps edited, with its documents apart again."""
    return re.sub(rf"(?m)^{_JOINED}", "---", text)


def _items(file: RuleFile, nodes: Nodes, root: Sequence, values: list[Any], findings: Findings) -> Iterator[Item]:
    for written, value in zip(root.items, values, strict=True):
        node = written.target if isinstance(written, Alias) else written
        if not isinstance(node, Mapping) or not isinstance(value, dict):
            findings.error(
                _place(file.name, nodes, node), "yaml", "an item is an object with a key rule, macro or list"
            )
            continue
        entries = {one.key.text: one.value for one in node.entries if isinstance(one.key, Scalar)}
        read = {str(key): _as_falco_reads(str(key), one, entries.get(key)) for key, one in value.items()}
        kind = next((one for one in KINDS if one in read), "")
        name = read.get(kind) if kind else ""
        yield Item(
            kind=kind,
            name=name if isinstance(name, str) else "",
            values=read,
            place=_place(file.name, nodes, node),
            nodes=nodes,
            node=node,
            file=file,
            entries=entries,
        )


def _as_falco_reads(key: str, value: Any, node: Node | None) -> Any:
    """Return what Falco's reader takes a value for: a text is what is written, whatever YAML makes of it.

    https://github.com/falcosecurity/falco/blob/master/userspace/engine/rule_loader_reader.cpp
    """
    if key in SWITCHES:
        return _YES_NO.get(value.lower(), value) if isinstance(value, str) else value
    return value if key in _NO_TEXTS or node is None else _written(value, node)


def _written(value: Any, node: Node) -> Any:
    node = node.target if isinstance(node, Alias) else node
    if isinstance(node, Sequence) and isinstance(value, list):
        return [_written(one, inner) for one, inner in zip(value, node.items, strict=True)]
    if isinstance(node, Mapping) and isinstance(value, dict):
        inner = {one.key.text: one.value for one in node.entries if isinstance(one.key, Scalar)}
        return {key: _written(one, inner[key]) if key in inner else one for key, one in value.items()}
    return node.text if isinstance(node, Scalar) and value is not None else value


def _place(file: str, nodes: Nodes, node: Node) -> Place:
    return _place_at(file, nodes.text, nodes.content(node))


def _place_at(file: str, text: str, offset: int) -> Place:
    starts = _line_starts(text)
    line = bisect_right(starts, offset)
    return Place(file, line, offset - starts[line - 1] + 1)


@lru_cache(maxsize=16)
def _line_starts(text: str) -> tuple[int, ...]:
    return (0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", text)))


def _named_place(file: RuleFile, where: str | None) -> Place:
    found = _PLACE.search(where or "")
    return Place(file.name, int(found[1]), int(found[2])) if found else Place(file.name, 1, 1)
