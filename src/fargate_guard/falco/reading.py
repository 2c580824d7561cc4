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
        alone = self.kind == "rule" and "condition" not in self.values and "enabled" in self.values
        return self.values.get("append") is True or "override" in self.values or alone

    def at(self, key: str) -> Place:
        """Return where a key's value stands; where the item stands when it has none."""
        node = self.entries.get(key)
        return _place(self.file.name, self.nodes, node) if node is not None else self.place

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
    text = file.text.removeprefix("\ufeff")
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


def _items(file: RuleFile, nodes: Nodes, root: Sequence, values: list[Any], findings: Findings) -> Iterator[Item]:
    for written, value in zip(root.items, values, strict=True):
        node = written.target if isinstance(written, Alias) else written
        if not isinstance(node, Mapping) or not isinstance(value, dict):
            findings.error(
                _place(file.name, nodes, node), "yaml", "an item is an object with a key rule, macro or list"
            )
            continue
        entries = {one.key.text: one.value for one in node.entries if isinstance(one.key, Scalar)}
        kind = next((one for one in KINDS if one in value), "")
        name = value.get(kind) if kind else ""
        yield Item(
            kind=kind,
            name=name if isinstance(name, str) else "",
            values={str(key): one for key, one in value.items()},
            place=_place(file.name, nodes, node),
            nodes=nodes,
            node=node,
            file=file,
            entries=entries,
        )


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
