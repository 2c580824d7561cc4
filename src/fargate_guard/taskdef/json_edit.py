"""Edit a changed value into the JSON text that it was read from.

Only what differs is written. The rest keeps its bytes, whatever its style; what is added takes the indentation,
the line ends and the commas of its neighbours, and where there are none those of the file's
:class:`~fargate_guard.taskdef.layout.Layout`. Adding something and removing it again gives the very same text.

Values that stay are skipped by the C decoder, so a big file costs little more than parsing it once more.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from json.scanner import make_scanner
from typing import TYPE_CHECKING, NamedTuple, cast

from fargate_guard.taskdef.alignment import alike, partners

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from fargate_guard.taskdef.fields import Json
    from fargate_guard.taskdef.layout import Layout

    _Place = tuple[str, str, str, bool | None]
    _Matches = Callable[[str, int], re.Match[str]]

_MEMBER = re.compile(r'[ \t\n\r,]*("[^"\\]*(?:\\.[^"\\]*)*")([ \t\n\r]*:[ \t\n\r]*)').match
_BETWEEN = cast("_Matches", re.compile(r"[ \t\n\r,]*").match)
_INDENT = cast("_Matches", re.compile(r"[ \t]*").match)
_SKIP = make_scanner(json.JSONDecoder(parse_int=len, parse_float=len))  # type: ignore[arg-type]  # as json.decoder does
_NOT_EMPTY = 3
"""Characters that an array or object has at least when something is in it."""
_DEEPEST = 200
"""Characters before an item in its line, as far as they are looked at."""
_ABSENT = object()
_WRITTEN: dict[Hashable, dict[_Place, str]] = {}
"""What was written last, by style, value and place: a sidecar is written once for a thousand files."""
_MOST_STYLES, _MOST_WRITTEN = 10, 250


def edited(text: str, old: Json, new: Json, layout: Layout) -> str:
    """The text with just the differences between two values edited in.

    :param text: valid JSON without a key twice in one object; it may begin with a byte order mark.
    :param old: what was read from the text.
    :param layout: what was learned from the text.
    :return: the text of ``new``; the very same text where it is like ``old``.
    """
    return text if alike(old, new) else _Editor(text, layout).edited(old, new)


class _Collection:
    """Where an object or array stands in the text, and its members or items."""

    __slots__ = ("closing", "ends", "opening", "starts")

    def __init__(self, opening: int, closing: int, starts: list[int], ends: list[int]) -> None:
        """Take the offsets of the brackets, and of what is between them: ``starts`` are those of keys or items."""
        self.opening = opening
        self.closing = closing
        self.starts = starts
        self.ends = ends


class _Done(NamedTuple):
    """How an item of an array was edited."""

    start: int
    first: int
    """Where its first line begins."""
    text: str
    """From there to its end."""
    label: str
    edits: list[tuple[int, int, str]]


class _Editor:
    """Walks two values and the text of the first one; notes what to replace."""

    def __init__(self, text: str, layout: Layout) -> None:
        self._text = text
        self._layout = layout
        self._newline = layout.newline.rstrip(" \t")
        self._edits: list[tuple[int, int, str]] = []
        self._written = _written_in(layout.style)
        self._done: dict[int, _Done] = {}
        """By the identity of what items become."""

    def edited(self, old: Json, new: Json) -> str:
        start = len(self._layout.prefix)
        if self._walk(start, old, new, "") is None:
            end = _SKIP(self._text, start)[1]
            self._replace_value(start, end, old, new, "", self._layout.newline)
        parts: list[str] = []
        position = 0
        for start, end, replacement in sorted(self._edits):
            parts += self._text[position:start], replacement
            position = end
        parts.append(self._text[position:])
        return "".join(parts)

    def _walk(self, start: int, old: Json, new: Json, label: str) -> int | None:
        """Edit the inside of two objects or arrays, and return the end; None where the whole is to be replaced."""
        if not old or not new:
            return None
        if type(old) is dict and type(new) is dict:
            return self._object(start, old, new)
        if type(old) is list and type(new) is list:
            return self._array(start, old, new, label)
        return None

    def _object(self, opening: int, old: dict[str, Json], new: dict[str, Json]) -> int:
        text, skip = self._text, _SKIP
        starts: list[int] = []
        ends: list[int] = []
        replaced: list[tuple[int, int, str]] = []
        position = opening + 1
        for key, before in old.items():
            found = _MEMBER(text, position)
            if found is None:
                raise ValueError("this is not the text of the value")
            starts.append(found.start(1))
            start = found.end()
            after = new.get(key, _ABSENT)
            end = None
            if type(before) is str and type(after) is str:
                stays = before == after
            else:
                stays = after is before or after is _ABSENT or alike(before, after)
            if not stays:
                end = self._walk(start, before, after, key)
                if end is None:
                    replaced.append((len(ends), start, key))
            position = skip(text, start)[1] if end is None else end
            ends.append(position)
        here = _Collection(opening, _BETWEEN(text, position).end(), starts, ends)
        for index, start, key in replaced:
            line = self._line(here, start)
            self._replace_value(start, ends[index], old[key], new[key], key, line)
        if old.keys() != new.keys():
            self._splice(here, [key in new for key in old], self._new_members(here, old, new))
        return here.closing + 1

    def _array(self, opening: int, old: list[Json], new: list[Json], label: str) -> int:
        if len(new) > len(old) and alike(old, new[: len(old)]):
            end = self._append(opening, new[len(old) :], label)
            if end is not None:
                return end
        text, skip = self._text, _SKIP
        partner = partners(old, new)
        starts: list[int] = []
        ends: list[int] = []
        replaced: list[int] = []
        position = opening + 1
        for index, before in enumerate(old):
            start = _BETWEEN(text, position).end()
            starts.append(start)
            after = new[partner[index]] if partner[index] >= 0 else before
            end = self._repeated(start, after, label)
            if end is None and not alike(before, after):
                known = len(self._edits)
                end = self._walk(start, before, after, f"{label}[]")
                if end is None:
                    replaced.append(index)
                elif first := self._first(start):
                    self._done[id(after)] = _Done(start, first, text[first:end], label, self._edits[known:])
            position = skip(text, start)[1] if end is None else end
            ends.append(position)
        here = _Collection(opening, _BETWEEN(text, position).end(), starts, ends)
        for index in replaced:
            line = self._line(here, starts[index])
            after = new[partner[index]]
            self._replace_value(starts[index], ends[index], old[index], after, f"{label}[]", line)
        kept = [other >= 0 for other in partner]
        if not all(kept) or len(old) != len(new):
            self._splice(here, kept, self._new_items(here, partner, new, label))
        return here.closing + 1

    def _repeated(self, start: int, after: Json, label: str) -> int | None:
        """Edit an item with the text of one on an earlier line that became the same object, as that one was."""
        done = self._done.get(id(after))
        if done is None or done.label != label:
            return None
        first = self._first(start)
        shift = first - done.first
        on_another_line = first > done.first and start - done.start == shift
        if not on_another_line or not self._text.startswith(done.text, first):
            return None
        self._edits += [(start + shift, end + shift, text) for start, end, text in done.edits]
        return first + len(done.text)

    def _first(self, start: int) -> int:
        """Where the line of an item begins; 0 where that is far away: then all may stand on one line."""
        return self._text.rfind("\n", max(start - _DEEPEST, 0), start) + 1

    def _append(self, opening: int, items: list[Json], label: str) -> int | None:
        """Put items to the end of an array with an item on each line, without looking at every old one."""
        text = self._text
        first = _BETWEEN(text, opening + 1).end()
        blank = text[opening + 1 : first]
        if "\n" not in blank:
            return None
        closing = _SKIP(text, opening)[1] - 1
        last = opening + len(text[opening:closing].rstrip())
        separator, line = _line_break("," + blank)
        one_line = _on_one_line(text[first : _SKIP(text, first)[1]])
        texts = [separator + self._write(item, f"{label}[]", line, one_line=one_line) for item in items]
        self._insert(last, "".join(texts))
        return closing + 1

    def _new_members(
        self, here: _Collection, old: dict[str, Json], new: dict[str, Json]
    ) -> dict[int, tuple[str, list[str]]]:
        """The separator and the texts of added members, by the index of the member that they stand behind."""
        places = {key: index for index, key in enumerate(old)}
        keys: dict[int, list[str]] = {}
        anchor = -1
        for key in new:
            if key in places:
                anchor = places[key]
            else:
                keys.setdefault(anchor, []).append(key)
        texts: dict[int, tuple[str, list[str]]] = {}
        for anchor, added in keys.items():
            separator, line = self._separator(here, anchor)
            colon = self._colon(here, anchor)
            texts[anchor] = (
                separator,
                [self._layout.string(key) + colon + self._write(new[key], key, line) for key in added],
            )
        return texts

    def _new_items(
        self, here: _Collection, partner: Sequence[int], new: list[Json], label: str
    ) -> dict[int, tuple[str, list[str]]]:
        """The separator and the texts of added items, by the index of the item that they stand behind."""
        places = {other: index for index, other in enumerate(partner) if other >= 0}
        indexes: dict[int, list[int]] = {}
        anchor = -1
        for index in range(len(new)):
            if index in places:
                anchor = places[index]
            else:
                indexes.setdefault(anchor, []).append(index)
        texts: dict[int, tuple[str, list[str]]] = {}
        for anchor, added in indexes.items():
            separator, line = self._separator(here, anchor)
            sibling = self._text[here.starts[max(anchor, 0)] : here.ends[max(anchor, 0)]]
            one_line = _on_one_line(sibling)
            texts[anchor] = (
                separator,
                [self._write(new[index], f"{label}[]", line, one_line=one_line) for index in added],
            )
        return texts

    def _splice(self, here: _Collection, kept: Sequence[bool], added: Mapping[int, tuple[str, list[str]]]) -> None:
        """Take out what is not kept and put in what is added, each with one separator."""
        if all(kept):
            for anchor, (separator, texts) in added.items():
                if anchor < 0:
                    self._insert(here.starts[0], "".join([text + separator for text in texts]))
                else:
                    self._insert(here.ends[anchor], "".join([separator + text for text in texts]))
            return
        separator, texts = added.get(-1, ("", []))
        if not any(kept):
            self._edits.append((here.starts[0], here.ends[-1], separator.join(texts)))
            return
        index = kept.index(True)
        if index or texts:
            front = "".join(text + separator for text in texts)
            self._edits.append((here.starts[0], here.starts[index], front))
        while index < len(kept):
            following = index + 1
            while following < len(kept) and not kept[following]:
                following += 1
            separator, texts = added.get(index, ("", []))
            if following > index + 1 or texts:
                behind = "".join(separator + text for text in texts)
                self._edits.append((here.ends[index], here.ends[following - 1], behind))
            index = following

    def _insert(self, position: int, addition: str) -> None:
        self._edits.append((position, position, addition))

    def _separator(self, here: _Collection, anchor: int) -> tuple[str, str]:
        """What stands between two members near ``anchor``, and what starts a line there (see :meth:`_line`)."""
        text = self._text
        index = min(max(anchor, 1), len(here.starts) - 1)
        if index:
            between = text[here.ends[index - 1] : here.starts[index]]
        else:
            between = text[here.opening + 1 : here.starts[0]]
            between = "," + between if "\n" in between else self._layout.comma
        if "\n" not in between:
            return between, self._line(here, here.ends[anchor] if anchor >= 0 else here.starts[0])
        return _line_break(between)

    def _line(self, here: _Collection, position: int) -> str:
        """What starts a line at the depth of what stands at ``position``; empty where all is on one line."""
        text = self._text
        if text.find("\n", here.opening, here.closing) < 0:
            return ""
        indent = _INDENT(text, text.rfind("\n", 0, position) + 1)
        return self._newline + indent[0]

    def _colon(self, here: _Collection, anchor: int) -> str:
        """The colon of the members around ``anchor``, where they agree."""
        last = min(max(anchor, 0) + 1, len(here.starts) - 1)
        near = [_MEMBER(self._text, here.starts[index]) for index in range(max(last - 1, 0), last + 1)]
        colons = {match[2] for match in near if match}
        return colons.pop() if len(colons) == 1 else self._layout.colon

    def _replace_value(self, start: int, end: int, old: Json, new: Json, label: str, line: str) -> None:
        written = self._write(new, label, line)
        inner = self._text[start + 1 : end - 1]
        if type(old) is type(new) and isinstance(new, (dict, list)):
            blank = inner[: len(inner) - len(inner.lstrip())]
            if new and not old and inner:  # [ ] becomes [ x], and that [ ] again
                written = written[0] + inner + written[1:-1].strip() + written[-1]
            elif old and not new and blank and inner == inner.rstrip():
                written = written[0] + blank + written[-1]
        self._edits.append((start, end, written))

    def _write(self, value: Json, label: str, line: str, *, one_line: bool | None = None) -> str:
        """The text of a value; what many containers get alike, in many files, is written once."""
        if not isinstance(value, (dict, list)):
            return self._layout.fragment(value, label, line)
        key = (repr(value), label, line, one_line)
        written = self._written.get(key)
        if written is None:
            if len(self._written) >= _MOST_WRITTEN:
                self._written.clear()
            written = self._written[key] = self._layout.fragment(value, label, line, one_line=one_line)
        return written


def _written_in(style: Hashable) -> dict[_Place, str]:
    if len(_WRITTEN) >= _MOST_STYLES:
        _WRITTEN.clear()
    return _WRITTEN.setdefault(style, {})


@lru_cache(maxsize=1000)
def _line_break(between: str) -> tuple[str, str]:
    """What stands between two members without the blank lines in it, and what starts a line there."""
    before, _, last = between.rpartition("\n")
    newline = "\r\n" if before.endswith("\r") else "\n"
    indent = last.partition(",")[0]
    return ("" if "," in last else ",") + newline + last, newline + indent


def _on_one_line(sibling: str) -> bool | None:
    """Whether a sibling's text is one line; None where it has nothing inside that would show it."""
    return "\n" not in sibling if sibling[0] in "{[" and len(sibling) >= _NOT_EMPTY else None
