"""JSON files: read them without losing anything, and write them as they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.taskdef.alignment import alike
from fargate_guard.taskdef.definition import Shape, locate
from fargate_guard.taskdef.json_edit import edited
from fargate_guard.taskdef.json_text import parse
from fargate_guard.taskdef.layout import learn
from fargate_guard.taskdef.one_line import read_one_line

if TYPE_CHECKING:
    from fargate_guard.taskdef.fields import Json
    from fargate_guard.taskdef.one_line import OneLine


class JsonText(NamedTuple):
    """A JSON text and what was read from it."""

    text: str
    """As it was read; a byte order mark is part of it."""
    value: Json
    one_line: OneLine | None
    """Set where the whole text is one line in a style that an encoder has."""

    def write(self, value: Json) -> str:
        """The text with just what differs in ``value`` edited in; an unchanged one is the very same text."""
        if self.one_line is None:
            return edited(self.text, self.value, value, learn(self.text))
        return self.text if alike(self.value, value) else self.one_line.write(value)


def read_json(text: str) -> JsonText:
    """Read a JSON text, which may begin with a byte order mark.

    :raises NotATaskDefinitionError: not JSON (with line and column), or a key twice in one object (with its path).
    """
    value, one_line = read_one_line(text) or (parse(text), None)
    return JsonText(text, value, one_line)


class Document(NamedTuple):
    """A JSON text that holds container definitions."""

    shape: Shape
    json: JsonText

    @property
    def definition(self) -> Json:
        """The parsed JSON, ready for :func:`~fargate_guard.taskdef.instrument`."""
        return self.json.value

    @property
    def source(self) -> str:
        """The text it was read from."""
        return self.json.text

    def text(self, definition: Json) -> str:
        """The text with just what differs in ``definition`` edited in; an unchanged one is the very same text."""
        return self.json.write(definition)


def read(text: str) -> Document:
    """Read a task definition, the output of describe-task-definition, or an array of container definitions.

    :raises NotATaskDefinitionError: not JSON (with line and column), a key twice in one object (with its path), or
        no container definitions in it (with what it is instead, where that can be told).
    """
    found = read_json(text)
    return Document(locate(found.value).shape, found)
