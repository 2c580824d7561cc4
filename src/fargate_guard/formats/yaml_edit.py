"""Edit a changed value into the YAML text that it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.formats.yaml_collections import Brackets, Span, edit_brackets, edit_lines
from fargate_guard.formats.yaml_layout import column_of, learn
from fargate_guard.formats.yaml_nodes import Alias, Entry, Mapping, Node, Nodes, Scalar, Sequence, compose
from fargate_guard.formats.yaml_replacing import Slot, replace_node, replace_text
from fargate_guard.formats.yaml_splices import Splices
from fargate_guard.formats.yaml_tags import LONG_FORMS, intrinsic
from fargate_guard.formats.yaml_values import Values, is_merge
from fargate_guard.taskdef import NotATaskDefinitionError, TaskDefinitionError
from fargate_guard.taskdef.alignment import alike, partners
from fargate_guard.taskdef.layout import Number

if TYPE_CHECKING:
    from fargate_guard.taskdef import Json

_WRITE_IT_OUT = "write the value out in this place instead of repeating another one, then try again"


def edited_nodes(nodes: Nodes, old: Json, new: Json) -> str:
    """The text of the nodes with the differences between two values edited in.

    :raises TaskDefinitionError: the edit would change another place too, or the text cannot take it.
    """
    if alike(old, new):
        return nodes.text
    editor = _Editor(nodes)
    editor.edit(nodes.root, old, new, Slot(in_flow=False))
    text = editor.splices.result()
    if not _reads_as(text, new):
        raise TaskDefinitionError(
            "the change cannot be edited into this YAML exactly",
            why="what was written would not be read back as what was meant; nothing was changed",
            fix="write the file in a simpler style (no complex keys, a line end at its end), or as JSON",
        )
    return text


def _reads_as(text: str, value: Json) -> bool:
    try:
        nodes = compose(text)
        return _means(Values(nodes).of(nodes.root), value)
    except NotATaskDefinitionError:
        return False


def _means(read: Json, meant: Json) -> bool:
    """Whether two values are the same but for the text of numbers."""
    if isinstance(read, dict) and isinstance(meant, dict):
        return read.keys() == meant.keys() and all(_means(value, meant[key]) for key, value in read.items())
    if isinstance(read, list) and isinstance(meant, list):
        return len(read) == len(meant) and all(map(_means, read, meant))
    kinds = [float if isinstance(value, Number) else type(value) for value in (read, meant)]
    return kinds[0] is kinds[1] and read == meant


@dataclass(frozen=True, slots=True)
class _Merged:
    """What ``<<`` brings into an object, after the edit."""

    values: dict[str, Json]
    node: Node


class _Editor:
    """Walks nodes and two values, in the order of the text; notes what to change."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._text = nodes.text
        self._layout = learn(nodes)
        self._values = Values(nodes)
        self._now: dict[int, Json] = {}
        """By anchored node: its value after the edit."""
        self.splices = Splices(nodes.text)

    def edit(self, node: Node, old: Json, new: Json, slot: Slot) -> None:
        """Note the changes that make ``new`` of a node that stands for ``old``."""
        if isinstance(node, Alias):
            self._check_alias(node, new)
            return
        if node.anchor:
            self._now[id(node)] = new
        if alike(old, new) and not self._nodes.has_aliases:
            return
        if node.tag not in LONG_FORMS:
            self._content(node, old, new, slot)
            return
        before, after = intrinsic(old), intrinsic(new)
        if before and after and before[0] == after[0] and _fits(node, before[1], after[1]):
            self._content(node, before[1], after[1], slot)
        elif not alike(old, new):
            self._replace(node, new, slot)

    def _content(self, node: Node, old: Json, new: Json, slot: Slot) -> None:
        """The same for what stands behind a node's tag."""
        if isinstance(node, Mapping) and isinstance(old, dict) and isinstance(new, dict):
            self._mapping(node, old, new, slot)
        elif isinstance(node, Sequence) and isinstance(old, list) and isinstance(new, list):
            self._sequence(node, old, new, slot)
        elif alike(old, new):
            return
        elif isinstance(node, Scalar) and isinstance(old, str) and isinstance(new, str):
            replace_text(self.splices, self._nodes, node, new, slot)
        else:
            self._replace(node, new, slot)

    def _replace(self, node: Node, new: Json, slot: Slot) -> None:
        replace_node(self.splices, self._nodes, self._layout, node, new, slot)

    def _check_alias(self, node: Alias, new: Json) -> None:
        target = node.target
        anchor = f"&{target.anchor} on {self._nodes.place(target.start)}"
        if id(target) not in self._now:
            raise self._shared(node, f"{anchor} would be removed, and *{target.anchor} repeats it")
        if not alike(self._now[id(target)], new):
            raise self._shared(node, f"it repeats {anchor}, and the two would have to differ")

    def _shared(self, node: Node, why: str) -> TaskDefinitionError:
        return TaskDefinitionError(
            "a value that stands in several places would change in one of them only",
            where=self._nodes.place(node.start),
            why=why,
            fix=_WRITE_IT_OUT,
        )

    def _mapping(self, node: Mapping, old: dict[str, Json], new: dict[str, Json], slot: Slot) -> None:
        merged = self._merged(node)
        own = {self._values.key(entry.key): entry for entry in node.entries if not is_merge(entry)}
        if merged:
            self._check_nothing_merged_is_removed(merged, own, new)
        kept = [is_merge(entry) or self._stays(entry, old, new, merged) for entry in node.entries]
        added = self._added_keys(node, kept, own, new, merged)
        anew = not any(kept) and (not node.flow or (slot.in_flow and intrinsic(new) is not None))
        if anew or (new and self._is_empty_in_block(node, slot)):
            self._replace(node, new, slot)
            return
        inner = Slot(in_flow=node.flow)
        for entry, stays in zip(node.entries, kept, strict=True):
            if stays and not is_merge(entry):
                key = self._values.key(entry.key)
                self.edit(entry.value, old[key], new[key], inner.behind_key(entry, self._text))
        if not all(kept) or any(added):
            self._edit_entries(node, kept, [{key: new[key] for key in keys} for keys in added])

    def _is_empty_in_block(self, node: Node, slot: Slot) -> bool:
        """Whether a node is ``[]`` or ``{}``, and what comes into it may stand on lines of its own."""
        return not slot.in_flow and self._text[self._nodes.content(node) : node.end] in {"[]", "{}"}

    def _edit_entries(self, node: Mapping, kept: list[bool], added: list[dict[str, Json]]) -> None:
        spans = [Span(self._start_of(entry), max(entry.value.end, entry.key.end)) for entry in node.entries]
        if node.flow:
            quote = _quote_of([entry.key for entry in node.entries])
            texts = [[self._layout.flow_entry(key, value, quote) for key, value in some.items()] for some in added]
            self._edit_flow_entries(node, spans, kept, texts)
            return
        column = column_of(self._text, spans[0].start)
        lines = [self._layout.entries(some, column) for some in added]
        edit_lines(self.splices, spans, kept, lines, column, self._layout.newline)

    def _edit_flow_entries(
        self, node: Mapping, spans: list[Span], kept: list[bool], texts: list[list[str]]
    ) -> None:
        start = self._nodes.content(node)
        if self._text.startswith("{", start):
            edit_brackets(self.splices, Brackets(start, node.end, spans), kept, texts)
        elif kept == [True]:  # the pair of [key: value], which is an object without braces
            before, behind = texts
            self.splices.insert(spans[0].start, "{" + "".join(f"{text}, " for text in before))
            self.splices.insert(spans[0].end, "".join(f", {text}" for text in behind) + "}")
        else:
            self.splices.put(start, node.end, f"{{{', '.join(text for some in texts for text in some)}}}")

    def _start_of(self, entry: Entry) -> int:
        """Where an entry begins; with the question mark of a complex key."""
        start = self.splices.line_start(entry.key.start)
        before = self._text[start : entry.key.start].rstrip(" ")
        is_complex = before.endswith("?") and start + len(before) < entry.key.start
        return start + len(before) - 1 if is_complex else entry.key.start

    def _stays(self, entry: Entry, old: dict[str, Json], new: dict[str, Json], merged: _Merged | None) -> bool:
        """Whether a key is still written out; not where it has come to be just what ``<<`` brings in."""
        key = self._values.key(entry.key)
        if key not in new:
            return False
        if merged is None or key not in merged.values or alike(old[key], new[key]):
            return True
        return not alike(merged.values[key], new[key])

    def _added_keys(
        self, node: Mapping, kept: list[bool], own: dict[str, Entry], new: dict[str, Json], merged: _Merged | None
    ) -> list[list[str]]:
        """For every gap between the entries the keys that come there."""
        positions = {
            self._values.key(entry.key): index
            for index, entry in enumerate(node.entries)
            if kept[index] and not is_merge(entry)
        }
        added: list[list[str]] = [[] for _ in range(len(node.entries) + 1)]
        gap = next((index for index, entry in enumerate(node.entries) if not is_merge(entry)), len(node.entries))
        for key, value in new.items():
            if key in positions:
                gap = positions[key] + 1
            elif key not in own and not (merged and key in merged.values and alike(merged.values[key], value)):
                added[gap].append(key)
        return added

    def _merged(self, node: Mapping) -> _Merged | None:
        values: dict[str, Json] = {}
        merges = [entry for entry in node.entries if is_merge(entry)]
        for entry in merges:
            for target, brought in self._values.merged(entry):
                now = self._now.get(id(target), brought) if target.anchor else brought
                if target.anchor and id(target) not in self._now and not _within(target, entry.value):
                    raise self._shared(entry.value, f"&{target.anchor}, which it repeats, would be removed")
                if isinstance(now, dict):
                    values = {**now, **values}
        return _Merged(values, merges[0].value) if merges else None

    def _check_nothing_merged_is_removed(
        self, merged: _Merged, own: dict[str, Entry], new: dict[str, Json]
    ) -> None:
        missing = [key for key in merged.values if key not in new]
        if missing:
            where = own[missing[0]].value if missing[0] in own else merged.node
            raise self._shared(where, f"<< brings {missing[0]} in, which must not be there")

    def _sequence(self, node: Sequence, old: list[Json], new: list[Json], slot: Slot) -> None:
        pairs = partners(old, new)
        kept = [partner >= 0 for partner in pairs]
        if (not any(kept) and not node.flow) or (new and self._is_empty_in_block(node, slot)):
            self._replace(node, new, slot)
            return
        added: list[list[Json]] = [[] for _ in range(len(old) + 1)]
        taken = {partner: index for index, partner in enumerate(pairs) if partner >= 0}
        gap = 0
        for position, value in enumerate(new):
            if position in taken:
                gap = taken[position] + 1
            else:
                added[gap].append(value)
        for index, item in enumerate(node.items):
            if kept[index]:
                self.edit(item, old[index], new[pairs[index]], self._item_slot(node, index))
        if not all(kept) or any(added):
            self._edit_items(node, kept, added)

    def _item_slot(self, node: Sequence, index: int) -> Slot:
        if node.flow:
            return Slot(in_flow=True)
        dash = node.dashes[index]
        return Slot(in_flow=False, mark=dash, column=column_of(self._text, dash), is_dash=True)

    def _edit_items(self, node: Sequence, kept: list[bool], added: list[list[Json]]) -> None:
        if node.flow:
            spans = [Span(item.start, item.end) for item in node.items]
            quote = _quote_of(node.items)
            texts = [[self._layout.flow(value, quote) for value in some] for some in added]
            edit_brackets(self.splices, Brackets(self._nodes.content(node), node.end, spans), kept, texts)
            return
        spans = [Span(dash, item.end) for dash, item in zip(node.dashes, node.items, strict=True)]
        column = column_of(self._text, node.dashes[0])
        layout = self._layout.with_gap(self._gap(node))
        lines = [layout.items(some, column) for some in added]
        edit_lines(self.splices, spans, kept, lines, column, self._layout.newline)

    def _gap(self, node: Sequence) -> str:
        between = self._text[node.dashes[0] + 1 : node.items[0].start]
        return between if between and not between.strip(" ") else self._layout.gap


def _fits(node: Node, old: Json, new: Json) -> bool:
    """Whether another argument of the same function can stand behind the tag just as the old one does."""
    kinds = {Mapping: dict, Sequence: list, Scalar: str}
    kind = kinds.get(type(node), type(None))
    return isinstance(old, kind) and isinstance(new, kind) and intrinsic(new) is None


def _within(node: Node, outer: Node) -> bool:
    return outer.start <= node.start and node.end <= outer.end


def _quote_of(nodes: list[Node]) -> str:
    """The quotation marks of all the texts among some nodes, if they have any."""
    styles = {node.style for node in nodes if isinstance(node, Scalar)}
    if not styles:
        first = next((node for node in nodes if isinstance(node, Mapping) and node.flow and node.entries), None)
        return _quote_of([entry.key for entry in first.entries]) if isinstance(first, Mapping) else ""
    return styles.pop() if len(styles) == 1 else ""
