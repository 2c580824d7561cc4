"""Add to and remove from the lists and objects of a YAML text: line by line, or between brackets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fargate_guard.formats.yaml_splices import Splices


@dataclass(frozen=True, slots=True)
class Span:
    """Where an item of a list, or a key with its value, stands; with its dash."""

    start: int
    end: int


def edit_lines(
    splices: Splices, spans: Sequence[Span], kept: Sequence[bool], added: Sequence[str], column: int, newline: str
) -> None:
    """Edit a block collection: at least one of its items is kept.

    :param spans: its items, from the first.
    :param kept: for every item whether it stays.
    :param added: for every gap (before the first item, behind the first, …) the lines that come there, joined; the
        first one without indentation.
    :param column: of its dashes, or keys.
    """
    line = newline + " " * column
    first = kept.index(True)
    front = added[0] + line if added[0] else ""
    if first:
        _remove_first(splices, spans, first, front)
    elif front:
        splices.insert(spans[0].start, front)
    for index in range(first, len(spans)):
        span = spans[index]
        if not kept[index]:
            splices.put(splices.end_of_line_before(span.start), splices.line_end(span.end), "")
        if added[index + 1]:
            splices.insert(splices.behind_own_comments(span.end, column), line + added[index + 1])


def _remove_first(splices: Splices, spans: Sequence[Span], first: int, front: str) -> None:
    """Remove the items before the first one that is kept; a dash before them on their line stays."""
    start = spans[0].start
    behind = splices.behind_blanks(splices.line_end(spans[first - 1].end))
    if splices.begins_its_line(start) and not front and behind < spans[first].start:
        splices.put(splices.line_start(start), splices.line_start(behind), "")
    else:
        splices.put(start, min(behind, spans[first].start), front)


@dataclass(frozen=True, slots=True)
class Brackets:
    """A flow collection."""

    start: int
    """Of its opening bracket."""
    end: int
    """Behind its closing bracket."""
    spans: Sequence[Span]


def edit_brackets(
    splices: Splices, brackets: Brackets, kept: Sequence[bool], added: Sequence[Sequence[str]]
) -> None:
    """Edit a flow collection.

    :param kept: for every item whether it stays.
    :param added: for every gap (before the first item, behind the first, …) the texts that come there.
    """
    spans = brackets.spans
    if not any(kept):
        _replace_all(splices, brackets, [text for texts in added for text in texts])
        return
    separator = _separator(splices.text, brackets)
    first = kept.index(True)
    if first:
        splices.put(spans[0].start, spans[first].start, "")
    for text in added[0]:
        splices.insert(spans[0].start, text + separator)
    previous = first
    """The item from whose end on a removed one is to go: the one before it, or the one before a comment."""
    for index in range(first, len(spans)):
        following = spans[index + 1 : index + 2]
        if kept[index] or not _remove(splices, spans[previous].end, spans[index], following):
            previous = index
        if added[index + 1]:
            texts = [separator + text for text in added[index + 1]]
            _insert(splices, spans[index].end, "".join(texts), is_last=index == len(spans) - 1)


def _replace_all(splices: Splices, brackets: Brackets, texts: Sequence[str]) -> None:
    text, spans = splices.text, brackets.spans
    inner_start, inner_end = brackets.start + 1, brackets.end - 1
    new = ", ".join(texts)
    if not spans:
        splices.insert(inner_end, new)
    elif "\n" in text[inner_start:inner_end] or "," in text[spans[-1].end : inner_end]:
        splices.put(inner_start, inner_end, new)
    else:
        splices.put(spans[0].start, spans[-1].end, new)


def _separator(text: str, brackets: Brackets) -> str:
    """What stands between two items."""
    spans = brackets.spans
    if len(spans) > 1:
        between = text[spans[-2].end : spans[-1].start]
        if between.strip(" \t\r\n") == ",":
            return between
        after_comma = between.rpartition("\n")
        return f",\n{after_comma[2]}" if after_comma[1] and not after_comma[2].strip() else ", "
    before = text[brackets.start + 1 : spans[0].start]
    return f",{before}" if "\n" in before and not before.strip() else ", "


def _remove(splices: Splices, previous_end: int, span: Span, following: Sequence[Span]) -> bool:
    """Remove an item and a comma; a comment before it stays.

    :return: whether the comma behind it went, so that the next one to go has none before it.
    """
    between = splices.text[previous_end : span.start]
    if "#" not in between:
        splices.put(previous_end, span.end, "")
        return False
    if following:
        splices.put(span.start, following[0].start, "")
        return True
    comma = previous_end + between.index(",")
    splices.put(comma, comma + 1, "")
    alone = splices.begins_its_line(span.start) and not splices.text[span.end : splices.line_end(span.end)].strip()
    splices.put(splices.end_of_line_before(span.start) if alone else span.start, span.end, "")
    return False


def _insert(splices: Splices, position: int, text: str, *, is_last: bool) -> None:
    """Put items behind one; behind its comment, where they begin a line anyway."""
    rest = splices.text[position : splices.line_end(position)]
    if is_last and text.startswith(",") and text[1:2] in "\r\n" and rest.lstrip(" \t").startswith("#"):
        splices.insert(position, ",")
        splices.insert(splices.line_end(position), text[1:])
    else:
        splices.insert(position, text)
