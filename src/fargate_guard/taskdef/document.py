"""JSON files: read them without losing anything, and write them as they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.taskdef.definition import Shape, locate
from fargate_guard.taskdef.json_edit import edited
from fargate_guard.taskdef.json_text import parse
from fargate_guard.taskdef.layout import learn

if TYPE_CHECKING:
    from fargate_guard.taskdef.fields import Json
    from fargate_guard.taskdef.layout import Layout


class Document(NamedTuple):
    """A JSON text that holds container definitions."""

    definition: Json
    """The parsed JSON, ready for :func:`~fargate_guard.taskdef.instrument`."""
    shape: Shape
    source: str
    """The text it was read from."""

    @property
    def layout(self) -> Layout:
        """The text's style; learned anew each time."""
        return learn(self.source)

    def text(self, definition: Json) -> str:
        """The text with just what differs in ``definition`` edited in; an unchanged one is the very same text."""
        return edited(self.source, self.definition, definition, self.layout)


def read(text: str) -> Document:
    """Read a task definition, the output of describe-task-definition, or an array of container definitions.

    :raises NotATaskDefinitionError: not JSON (with line and column), a key twice in one object (with its path), or
        no container definitions in it (with what it is instead, where that can be told).
    """
    value = parse(text)
    return Document(value, locate(value).shape, text)
