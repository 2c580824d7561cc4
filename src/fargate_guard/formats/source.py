"""Read JSON or YAML without being told which, and write it back as it was written.

The other half is ``yaml_source``, which is imported only when a text is YAML:

* ``read_yaml(text: str) -> Json``: plain data, short tags (``!Ref``) in their long form (``{"Ref": …}``); raises
  :class:`~fargate_guard.taskdef.NotATaskDefinitionError` with line and column;
* ``edited_yaml(text: str, old: Json, new: Json) -> str``: the text with the differences edited in.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.taskdef.definition import locate
from fargate_guard.taskdef.detection import is_template, refuse_other_languages
from fargate_guard.taskdef.document import JsonText, read_json
from fargate_guard.taskdef.errors import NotATaskDefinitionError

if TYPE_CHECKING:
    from fargate_guard.taskdef import Json
    from fargate_guard.taskdef.one_line import OneLine


class Syntax(StrEnum):
    """How a text is written."""

    JSON = "json"
    YAML = "yaml"


class Source(NamedTuple):
    """A text that holds container definitions, or a CloudFormation template."""

    text: str
    """As it was read; a byte order mark is part of it."""
    syntax: Syntax
    value: Json
    """Plain data; the short tags of CloudFormation's YAML (``!Ref``) are in their long form (``{"Ref": …}``)."""
    is_template: bool
    """Whether it is a CloudFormation (or SAM) template; else it is in one of the shapes of a task definition."""
    one_line: OneLine | None = None
    """See :class:`~fargate_guard.taskdef.document.JsonText`."""

    def write(self, value: Json) -> str:
        """The text with just the differences between :attr:`value` and ``value`` edited in.

        Comments, order, quoting and indentation stay; an unchanged value gives the very same text.
        """
        if self.syntax is Syntax.JSON:
            return JsonText(self.text, self.value, self.one_line).write(value)
        from fargate_guard.formats.yaml_source import edited_yaml  # ruamel.yaml takes its time to load

        return edited_yaml(self.text, self.value, value)


def read_source(text: str) -> Source:
    """Read a task definition (any shape), an array of container definitions, or a template; JSON or YAML.

    :raises NotATaskDefinitionError: neither JSON nor YAML (with line and column), or what the text is instead,
        with what to do about it.
    """
    syntax = syntax_of(text)
    _, value, one_line = read_json(text) if syntax is Syntax.JSON else JsonText(text, _read_yaml(text), None)
    template = is_template(value)
    if not template:
        locate(value, syntax.upper())  # refuses what holds no container definitions
    return Source(text, syntax, value, template, one_line)


def syntax_of(text: str) -> Syntax:
    """JSON when the first character that is not blank opens an object, an array or a comment, or there is none."""
    start = text.removeprefix("\ufeff").lstrip()[:2]
    return Syntax.JSON if start[:1] in ("", "{", "[") or start in ("//", "/*") else Syntax.YAML


def _read_yaml(text: str) -> Json:
    from fargate_guard.formats.yaml_source import read_yaml

    try:
        value = read_yaml(text)
    except NotATaskDefinitionError:
        refuse_other_languages(text)
        raise
    if not isinstance(value, (dict, list)):  # almost every text is one YAML string
        refuse_other_languages(text)
    return value
