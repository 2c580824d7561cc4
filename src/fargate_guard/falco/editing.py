"""Edit what changed of an item into its file; comments, layout and keys that Sysdig does not keep stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.falco.definitions import PUSHED_KEYS, Definition, definition_of, folded_lines, same_meaning
from fargate_guard.falco.findings import Findings
from fargate_guard.falco.reading import RuleFile, as_documents, read_items
from fargate_guard.formats.yaml_edit import edited_nodes
from fargate_guard.formats.yaml_nodes import Scalar
from fargate_guard.formats.yaml_values import Values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.falco.reading import Item
    from fargate_guard.formats.yaml_nodes import Nodes

_MARK = "\ufeff"


def edited(file: RuleFile, new: Mapping[str, Definition]) -> str:
    """Return a file's text with just the keys edited whose meaning differs from the new definitions'.

    :param new: by key; each is in the file.
    :raises TaskDefinitionError: when the text cannot take it: an anchor that is shared, a layout that is too odd.
    """
    text = file.text.removeprefix(_MARK)
    mark = file.text[: len(file.text) - len(text)]
    text = _with_blocks(text, new)
    items = _items(text)
    if not items:
        return mark + text
    nodes = items[0].nodes
    values, other = _values(nodes), _values(nodes)
    places = {id(item.node): index for index, item in enumerate(items)}
    for item, mine, wanted in _differing(items, new):
        other[places[id(item.node)]] = _changed(values[places[id(item.node)]], mine, wanted)
    return mark + as_documents(edited_nodes(nodes, values, other))


def _items(text: str) -> list[Item]:
    return read_items(RuleFile("", text), Findings())


def _values(nodes: Nodes) -> list[Any]:
    values = Values(nodes).of(nodes.root)
    return values if isinstance(values, list) else []


def _differing(items: list[Item], new: Mapping[str, Definition]) -> Iterator[tuple[Item, Definition, Definition]]:
    for item in items:
        mine = definition_of(item) if item.kind else None
        if isinstance(mine, Definition) and mine.key in new:
            yield item, mine, new[mine.key]


def _changed(values: dict[str, Any], mine: Definition, wanted: Definition) -> dict[str, Any]:
    """Return an item's values with those replaced that mean something else; ``override`` names them all."""
    result = dict(values)
    override = result.get("override")
    amended = dict(override) if isinstance(override, dict) else None
    for key in PUSHED_KEYS[mine.kind]:
        if same_meaning(key, mine.body.get(key), wanted.body.get(key)):
            continue
        if key in wanted.body:
            result[key] = _like(values.get(key), mine.body.get(key), wanted.body[key])
        else:
            result.pop(key, None)
        if amended is not None and key in wanted.body:
            amended[key] = "append"
        elif amended is not None:
            amended.pop(key, None)
    if amended is not None:
        result["override"] = amended
    return result


def _like(old: Any, texts: Any, new: Any) -> Any:
    """Return a list with the values of the old one where they are the same texts: they stay as written."""
    if not isinstance(old, list) or not isinstance(texts, list) or not isinstance(new, list):
        return new
    known = {text: one for one, text in zip(old, texts, strict=False) if isinstance(text, str)}
    return [known.get(one, one) if isinstance(one, str) else one for one in new]


def _with_blocks(text: str, new: Mapping[str, Definition]) -> str:
    """Return the text with changed texts written into the ``|`` and ``>`` blocks in which the old ones stand."""
    blocks: list[tuple[int, int, str]] = []
    items = _items(text)
    if items and items[0].nodes.has_aliases:  # what stands there may stand in other places too
        return text
    for item, mine, wanted in _differing(items, new):
        for key in PUSHED_KEYS[mine.kind]:
            node, value = item.entries.get(key), wanted.body.get(key)
            if not isinstance(node, Scalar) or node.style not in ("|", ">") or not isinstance(value, str):
                continue
            if not same_meaning(key, mine.body.get(key), value):
                blocks += _block(text, node, value)
    for start, end, written in sorted(blocks, reverse=True):
        text = text[:start] + written + text[end:]
    return text


def _block(text: str, node: Scalar, value: str) -> list[tuple[int, int, str]]:
    """Return where a block's lines stand, and the new ones; nothing where they cannot be written as a block."""
    lines = folded_lines(value) if node.style == ">" else value.split("\n")
    start = text.find("\n", node.start, node.end) + 1
    if not start or not all(line and line.isprintable() and line == line.strip() for line in lines):
        return []
    first = text[start : node.end]
    indent = first[: len(first) - len(first.lstrip())].rpartition("\n")[2]
    newline = "\r\n" if text[start - 2 : start] == "\r\n" else "\n"
    return [(start, node.end, newline.join(indent + line for line in lines))]
