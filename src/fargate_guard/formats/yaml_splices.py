"""Changes to a text, noted first and made all at once; and its lines."""

from __future__ import annotations

import re

_LINE_END = re.compile(r"[\r\n]|$")
_BLANK = re.compile(r"[ \t]*")
_BLANKS = re.compile(r"[ \t\r\n]*")


class Splices:
    """What to put where into a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._noted: list[tuple[int, int, str]] = []

    def put(self, start: int, end: int, text: str) -> None:
        """Replace what stands between two offsets; what is put at one place stays in order."""
        self._noted.append((start, end, text))

    def insert(self, position: int, text: str) -> None:
        """Put text between two characters; before what replaces the second one."""
        self._noted.append((position, position, text))

    def result(self) -> str:
        """The text with everything noted done."""
        parts: list[str] = []
        position = 0
        for start, end, text in sorted(self._noted, key=lambda noted: (noted[0], noted[0] < noted[1])):
            parts += (self.text[position:start], text)
            position = max(position, end)
        return "".join((*parts, self.text[position:]))

    def line_start(self, offset: int) -> int:
        """Where the line of an offset begins."""
        return max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) + 1

    def line_end(self, offset: int) -> int:
        """Where the line of an offset ends, before its line end."""
        found = _LINE_END.search(self.text, offset)
        return found.start() if found else len(self.text)

    def end_of_line_before(self, offset: int) -> int:
        """Where the line before that of an offset ends; -1 on the first line."""
        start = self.line_start(offset)
        if start == 0:
            return -1
        return start - (len("\r\n") if self.text.startswith("\r\n", start - 2) else 1)

    def begins_its_line(self, offset: int) -> bool:
        """Whether only blanks stand before an offset on its line."""
        return not self.text[self.line_start(offset) : offset].strip(" \t")

    def behind_own_comments(self, offset: int, column: int) -> int:
        """The end of an offset's line, or of the last of the comment lines below it that are indented deeper."""
        end = position = self.line_end(offset)
        while position < len(self.text):
            start = position + (len("\r\n") if self.text.startswith("\r\n", position) else 1)
            first = self._first_character(start)
            position = self.line_end(start)
            if first == position:
                continue
            if not self.text.startswith("#", first) or first - start <= column:
                break
            end = position
        return end

    def behind_blanks(self, offset: int) -> int:
        """The next offset at which something other than blanks and line ends stands."""
        found = _BLANKS.match(self.text, offset)
        return found.end() if found else offset

    def _first_character(self, start: int) -> int:
        found = _BLANK.match(self.text, start)
        return found.end() if found else start
