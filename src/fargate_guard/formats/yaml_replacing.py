"""Write another value in the place of a YAML node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.formats.yaml_layout import Layout, column_of, written_block
from fargate_guard.formats.yaml_nodes import Mapping, Node, Nodes, Scalar, Sequence
from fargate_guard.formats.yaml_scalars import written

if TYPE_CHECKING:
    from fargate_guard.formats.yaml_nodes import Entry
    from fargate_guard.formats.yaml_splices import Splices
    from fargate_guard.taskdef import Json


_QUOTES = ("'", '"')
_EMPTY = ("[]", "{}")
_QUOTES_BY_NULL = {"": '"', "null": "", "~": "'"}


@dataclass(frozen=True, slots=True)
class Slot:
    """The place that a node fills."""

    in_flow: bool
    """Between brackets."""
    mark: int = -1
    """The colon or dash that it stands behind; -1 where there is none."""
    column: int = 0
    """Of the key, or of the dash."""
    is_dash: bool = False

    def behind_key(self, entry: Entry, text: str) -> Slot:
        """The place of an entry's value."""
        return Slot(self.in_flow, entry.colon, column_of(text, entry.key.start))


def replace_text(splices: Splices, nodes: Nodes, node: Scalar, new: str, slot: Slot) -> None:
    """Note the change that writes another text in the place of one; its tag, anchor and quotation marks stay."""
    quote = node.style if node.style in _QUOTES else '"' if node.style else ""
    content = nodes.content(node)
    text = written(new, flow=slot.in_flow, quote=quote)
    before = nodes.text[content - 1 : content]
    blank = " " if content > node.start and not before.isspace() else ""
    splices.put(content, node.end, blank + text)


def replace_node(splices: Splices, nodes: Nodes, layout: Layout, node: Node, new: Json, slot: Slot) -> None:
    """Note the change that writes a value in the place of a node; its anchor stays."""
    if slot.in_flow or node.anchor:
        anchor = f"&{node.anchor} " if node.anchor else ""
        _put(splices, node, slot, anchor + layout.flow(new))
    elif slot.mark < 0:
        splices.put(node.start, node.end, layout.document(new, column_of(nodes.text, node.start)))
    elif slot.is_dash:
        _behind_dash(splices, nodes, layout, node, new, slot)
    elif isinstance(node, (Mapping, Sequence)) and not node.flow:
        _instead_of_block(splices, nodes, layout, node, new, slot)
    else:
        _behind_key(splices, nodes, layout, node, new, slot)


def _put(splices: Splices, node: Node, slot: Slot, text: str) -> None:
    if node.start < node.end:
        splices.put(node.start, node.end, text)
    elif slot.in_flow and slot.mark < 0:
        splices.insert(node.end, f": {text}")
    else:
        splices.insert(node.end, f" {text}")


def _behind_dash(splices: Splices, nodes: Nodes, layout: Layout, node: Node, new: Json, slot: Slot) -> None:
    gap = nodes.text[slot.mark + 1 : node.start]
    if node.start == node.end:
        splices.insert(node.end, layout.behind_dash(new, slot.column))
    elif gap and not gap.strip(" "):
        splices.put(node.start, node.end, layout.with_gap(gap).behind_dash(new, slot.column).removeprefix(gap))
    else:
        splices.put(slot.mark + 1, node.end, layout.behind_dash(new, slot.column))


def _instead_of_block(splices: Splices, nodes: Nodes, layout: Layout, node: Node, new: Json, slot: Slot) -> None:
    """Behind a key, in the place of a block collection; comments between the two stay."""
    head, line_end, tail = layout.behind_key(new, slot.column).partition(layout.newline)
    behind = slot.mark + 1
    content = nodes.content(node)
    properties = nodes.text[node.start : content].split()
    splices.put(behind, node.start + len(properties[0]) if properties else behind, "" if new is None else head)
    splices.put(max(splices.end_of_line_before(content), behind), node.end, line_end + tail)


def _behind_key(splices: Splices, nodes: Nodes, layout: Layout, node: Node, new: Json, slot: Slot) -> None:
    """Behind a key, in the place of a scalar or a flow collection."""
    is_null = isinstance(node, Scalar) and not node.tag and not node.style and node.text in _QUOTES_BY_NULL
    if is_null and (node.start < node.end or isinstance(new, str)):
        _put(splices, node, slot, _instead_of_null(layout, nodes.text[node.start : node.end], new))
    elif new is None:
        _put_null(splices, nodes, node, slot)
    elif not isinstance(new, (dict, list)) or not new:
        _put(splices, node, slot, written_block(new))
    elif isinstance(node, (Mapping, Sequence)) and nodes.text[nodes.content(node) : node.end] not in _EMPTY:
        # {Ref: AWS::NoValue} and [a] take each other's place, and !Ref that of the lines of a block.
        _put(splices, node, slot, layout.flow_without_tags(new))
    elif node.start < node.end and nodes.text[slot.mark + 1 : node.start] != " ":
        _put(splices, node, slot, layout.flow(new))
    else:
        head, line_end, tail = layout.behind_key(new, slot.column).partition(layout.newline)
        splices.put(slot.mark + 1, node.end, head)
        splices.insert(splices.line_end(node.end), line_end + tail)


def _instead_of_null(layout: Layout, null: str, new: Json) -> str:
    """How a null was written shows in what replaces it, so that undoing that gives back the same null.

    Block style or double quotes for ``key:``, brackets or plain text for ``null``, padded brackets or single
    quotes for ``~``.
    """
    if isinstance(new, str):
        return written(new, flow=False, quote=_QUOTES_BY_NULL.get(null, ""))
    text = layout.flow(new)
    if null == "~" and len(text) > len("[]") and text[0] in "[{":
        return f"{text[0]} {text[1:-1]} {text[-1]}"
    return text


def _put_null(splices: Splices, nodes: Nodes, node: Node, slot: Slot) -> None:
    """The other way round."""
    quote = node.style if isinstance(node, Scalar) else ""
    if quote == '"':
        splices.put(slot.mark + 1, node.end, "")
    elif quote == "'" or nodes.text.startswith(("[ ", "{ "), node.start):
        _put(splices, node, slot, "~")
    else:
        _put(splices, node, slot, "null")
