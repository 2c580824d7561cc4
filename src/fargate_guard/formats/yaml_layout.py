"""How a YAML file is laid out, so that what is added looks like its surroundings."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fargate_guard.formats.yaml_nodes import Mapping, Node, Nodes, Scalar, Sequence
from fargate_guard.formats.yaml_scalars import written
from fargate_guard.formats.yaml_tags import LONG_FORMS, short_form

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.taskdef import Json

_USUAL_STEP = 2
_WIDEST_GAP = 8
_QUOTES = ("", "'", '"')
_REF = "Ref"
_SHORT_REF = "!Ref"
_PSEUDO = re.compile(r"AWS::[A-Za-z]+")


def column_of(text: str, offset: int) -> int:
    """How many characters stand before an offset on its line."""
    return offset - (max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1)


@dataclass(frozen=True, slots=True)
class Layout:
    """The style of one file, or of one place in it."""

    newline: str
    step: int
    """Columns between a key and the keys below it."""
    offset: int
    """Columns between a key and the dashes of its list; 0 where lists are not indented."""
    gap: str
    """Between a dash and what follows."""
    short_tags: bool
    """``!Sub x``, not ``Fn::Sub: x``."""
    short_refs: bool
    """``!Ref x``, not ``Ref: x``."""
    pseudo_quote: str
    """The quotation marks of ``AWS::NoValue`` and its like; most write none."""

    def document(self, value: Json, column: int) -> str:
        """A whole document that begins at a column; its first line without indentation."""
        tag, content = self._tagged(value)
        if tag or not isinstance(content, (dict, list)) or not content:
            return self.flow(value)
        return self.entries(content, column) if isinstance(content, dict) else self.items(content, column)

    def behind_key(self, value: Json, column: int) -> str:
        """What follows ``key:``, for a key at a column; begins with a blank or a line end."""
        tag, content = self._tagged(value)
        if isinstance(content, dict) and content:
            return tag + self._line(column + self.step) + self.entries(content, column + self.step)
        if isinstance(content, list) and content:
            return tag + self._line(column + self.offset) + self.items(content, column + self.offset)
        return f"{tag} {self._scalar(content, flow=False)}"

    def behind_dash(self, value: Json, column: int) -> str:
        """What follows ``-``, for a dash at a column."""
        tag, content = self._tagged(value)
        inner = column + 1 + len(self.gap)
        start = self.gap + tag.lstrip() + self._line(inner) if tag else self.gap
        if isinstance(content, dict) and content:
            return start + self.entries(content, inner)
        if isinstance(content, list) and content:
            return start + self.items(content, inner)
        return f"{self.gap}{tag.lstrip()}{' ' if tag else ''}{self._scalar(content, flow=False)}"

    def entries(self, value: dict[str, Json], column: int) -> str:
        """The lines of an object; the first without its indentation."""
        return self._line(column).join(
            f"{written(key, flow=False)}:{self.behind_key(item, column)}" for key, item in value.items()
        )

    def items(self, value: list[Json], column: int) -> str:
        """The lines of a list; the first without its indentation."""
        return self._line(column).join(f"-{self.behind_dash(item, column)}" for item in value)

    def flow(self, value: Json, quote: str = "") -> str:
        """A value inside ``[…]`` or ``{…}``.

        :param quote: ``"`` or ``'`` where the surroundings quote their text.
        """
        tag, content = self._tagged(value)
        if isinstance(content, dict):
            inner = ", ".join(self.flow_entry(key, item, quote) for key, item in content.items())
            text = f"{{{inner}}}"
        elif isinstance(content, list):
            text = f"[{', '.join(self.flow(item, quote) for item in content)}]"
        else:
            text = self._scalar(content, flow=True, quote=quote)
        return f"{tag.lstrip()} {text}" if tag else text

    def flow_entry(self, key: str, value: Json, quote: str = "") -> str:
        """A key with its value inside ``{…}``."""
        return f"{written(key, flow=True, quote=quote)}: {self.flow(value, quote)}"

    def flow_without_tags(self, value: Json) -> str:
        """The same with every function in its long form."""
        return replace(self, short_tags=False, short_refs=False).flow(value)

    def with_gap(self, gap: str) -> Layout:
        """The same with another gap behind dashes."""
        return self if gap == self.gap else replace(self, gap=gap)

    def _line(self, column: int) -> str:
        return self.newline + " " * column

    def _scalar(self, value: Json, *, flow: bool, quote: str = "") -> str:
        """A scalar or an empty collection."""
        if isinstance(value, str):
            return written(value, flow=flow, quote=self.pseudo_quote if _PSEUDO.fullmatch(value) else quote)
        return written(value, flow=True) if flow else written_block(value)

    def _tagged(self, value: Json) -> tuple[str, Json]:
        """`` !Sub`` and what stands behind it, or nothing and the value itself."""
        found = short_form(value)
        if found is not None and not (self.short_refs if found[0] == _SHORT_REF else self.short_tags):
            found = None
        return (f" {found[0]}", found[1]) if found else ("", value)


def written_block(value: Json) -> str:
    """A scalar or an empty collection outside of brackets."""
    if isinstance(value, dict):
        return "{}"
    return "[]" if isinstance(value, list) else written(value, flow=False)


def learn(nodes: Nodes) -> Layout:
    """Learn a file's layout from its nodes; what is not to be seen in it is done as most do it."""
    steps: Counter[int] = Counter()
    offsets: Counter[int] = Counter()
    gaps: Counter[int] = Counter()
    tags: Counter[str] = Counter()
    quotes: Counter[str] = Counter()
    text = nodes.text
    for node in _all_nodes(nodes.root):
        if node.tag in LONG_FORMS:
            tags[node.tag] += 1
        if isinstance(node, Scalar) and node.style in _QUOTES and _PSEUDO.fullmatch(node.text):
            quotes[node.style] += 1
        elif isinstance(node, Mapping) and len(node.entries) == 1:
            key = node.entries[0].key
            tags[_REF] += isinstance(key, Scalar) and key.text == _REF
        if isinstance(node, Mapping) and not node.flow:
            for entry in node.entries:
                column, value = column_of(text, entry.key.start), entry.value
                if isinstance(value, Mapping) and not value.flow:
                    steps[column_of(text, value.entries[0].key.start) - column] += 1
                elif isinstance(value, Sequence) and not value.flow:
                    offsets[column_of(text, value.dashes[0]) - column] += 1
        elif isinstance(node, Sequence) and not node.flow:
            gaps.update(
                len(gap)
                for dash, item in zip(node.dashes, node.items, strict=True)
                if (gap := text[dash + 1 : item.start]) and not gap.strip(" ")
            )
    return Layout(
        newline="\r\n" if "\r\n" in text else "\n",
        step=max(_most_common(steps, _USUAL_STEP), 1),
        offset=max(_most_common(offsets, _USUAL_STEP), 0),
        gap=" " * min(max(_most_common(gaps, 1), 1), _WIDEST_GAP),
        short_tags=tags.total() > tags[_REF],
        short_refs=tags[_SHORT_REF] > tags[_REF] or (not tags[_REF] and tags.total() > 0),
        pseudo_quote=quotes.most_common(1)[0][0] if quotes else "",
    )


def _most_common(counter: Counter[int], default: int) -> int:
    return counter.most_common(1)[0][0] if counter else default


def _all_nodes(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Sequence):
            stack += node.items
        elif isinstance(node, Mapping):
            for entry in node.entries:
                stack += (entry.key, entry.value)
