"""Read ECS task definitions and CloudFormation templates in YAML."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from fargate_guard.formats.yaml_edit import edited_nodes
from fargate_guard.formats.yaml_nodes import Nodes, compose
from fargate_guard.formats.yaml_values import Values

if TYPE_CHECKING:
    from fargate_guard.taskdef import Json

_BYTE_ORDER_MARK = "\ufeff"


def read_yaml(text: str) -> Json:
    """The plain data of a YAML text; short tags (``!Ref``) are in their long form (``{"Ref": …}``).

    :raises NotATaskDefinitionError: not YAML, or more than plain data (an unknown tag, a key twice, several
        documents…); with line and column.
    """
    nodes = _nodes(text.removeprefix(_BYTE_ORDER_MARK))
    return Values(nodes).of(nodes.root)


def edited_yaml(text: str, old: Json, new: Json) -> str:
    """The text with just the differences between ``old``, which was read from it, and ``new`` edited in.

    Comments, blank lines, order, quoting and indentation stay. Adding something and removing it again gives the
    very same text.

    :raises TaskDefinitionError: the edit would change another place too (an anchor that is shared).
    """
    body = text.removeprefix(_BYTE_ORDER_MARK)
    return text[: len(text) - len(body)] + edited_nodes(_nodes(body), old, new)


@lru_cache(maxsize=1)
def _nodes(text: str) -> Nodes:
    """A text is edited right after it was read."""
    return compose(text)
