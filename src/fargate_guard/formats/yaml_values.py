"""The plain data that YAML nodes stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.formats.yaml_nodes import Alias, Entry, Mapping, Node, Nodes, Scalar, Sequence
from fargate_guard.formats.yaml_scalars import Dialect, NotAJsonNumberError, value_of_plain
from fargate_guard.formats.yaml_tags import LONG_FORMS, long_form
from fargate_guard.taskdef import NotATaskDefinitionError

if TYPE_CHECKING:
    from fargate_guard.taskdef import Json

_STANDARD = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset(("!", f"{_STANDARD}str"))
_MOST_REPEATED = 200_000
"""Values that aliases may stand for in all: more is a bomb, not a template."""
_TEMPLATE_KEYS = frozenset(("AWSTemplateFormatVersion", "Resources", "Transform"))


def dialect_of(root: Node) -> Dialect:
    """YAML 1.1 for a CloudFormation template, else 1.2, as the AWS CLI reads its input."""
    keys = (entry.key for entry in root.entries) if isinstance(root, Mapping) else ()
    template = any(isinstance(key, Scalar) and key.text in _TEMPLATE_KEYS for key in keys)
    return Dialect.TEMPLATE if template else Dialect.TASK_DEFINITION


def is_merge(entry: Entry) -> bool:
    """Whether an entry is ``<<: …``."""
    key = entry.key
    return isinstance(key, Scalar) and key.text == "<<" and not key.style and not key.tag


class Values:
    """Turns nodes into plain data; every call gives data of its own."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._dialect = dialect_of(nodes.root)
        self._repeated = 0
        self._in_alias = 0

    def of(self, node: Node) -> Json:
        """What a node stands for, in its long form where it has a short tag.

        :raises NotATaskDefinitionError: an unknown tag, a key twice, a number that JSON lacks…; with its place.
        """
        if isinstance(node, Alias):
            return self._repeat(node)
        if self._in_alias:
            self._count(node)
        argument = self.behind_tag(node)
        return long_form(node.tag, argument) if node.tag in LONG_FORMS else argument

    def behind_tag(self, node: Node) -> Json:
        """The same without the long form of a short tag."""
        if isinstance(node, Scalar):
            return self._scalar(node)
        if node.tag and node.tag not in LONG_FORMS:
            self._check_collection_tag(node)
        if isinstance(node, Sequence):
            return [self.of(item) for item in node.items]
        return self._mapping(node) if isinstance(node, Mapping) else self.of(node)

    def key(self, node: Node) -> str:
        """A key as text, whatever it would be as a value (account numbers keep their zeros)."""
        target = node.target if isinstance(node, Alias) else node
        if not isinstance(target, Scalar):
            raise self._refusal("a key that is a list or an object", node, fix="use a text as key")
        if target.tag in LONG_FORMS:
            raise self._refusal(f"a key with the tag {target.tag}", node, fix="use a text as key")
        if not target.text and not target.style:
            raise self._refusal("a colon without a key before it", node, fix="write the key, or remove the line")
        return target.text

    def merged(self, entry: Entry) -> list[tuple[Node, dict[str, Json]]]:
        """The objects that ``<<`` brings in, each with the node that it comes from; earlier ones win."""
        value = entry.value
        several = value.items if isinstance(value, Sequence) else [value]
        found: list[tuple[Node, dict[str, Json]]] = []
        for node in several:
            brought = self.of(node)
            target = node.target if isinstance(node, Alias) else node
            if not isinstance(brought, dict) or not isinstance(target, Mapping):
                raise self._refusal("<< merges objects, and this is none", node)
            found.append((target, brought))
        return found

    def _mapping(self, node: Mapping) -> dict[str, Json]:
        own: dict[str, Json] = {}
        keys: dict[str, Node] = {}
        merges: list[dict[str, Json]] = []
        for entry in node.entries:
            if is_merge(entry):
                merges += [brought for _, brought in self.merged(entry)]
                continue
            key = self.key(entry.key)
            if key in keys:
                raise self._twice(key, keys[key], entry.key)
            keys[key] = entry.key
            own[key] = self.of(entry.value)
        for brought in merges:
            own = {**own, **{key: value for key, value in brought.items() if key not in own}}
        return own

    def _scalar(self, node: Scalar) -> Json:
        is_text = bool(node.style) or node.tag in _TEXT_TAGS
        if node.tag in _TEXT_TAGS or not node.tag or node.tag in LONG_FORMS:
            return node.text if is_text else self._plain(node)
        return self._tagged(node)

    def _plain(self, node: Scalar) -> Json:
        try:
            return value_of_plain(node.text, self._dialect)
        except NotAJsonNumberError:
            raise self._refusal(
                f"{node.text[:20]} is no number that AWS takes",
                node,
                fix="put it into quotation marks if it is text",
            ) from None

    def _tagged(self, node: Scalar) -> Json:
        """A scalar with one of YAML's own tags."""
        kinds: dict[str, tuple[type, ...]] = {
            "int": (int,), "float": (float, int), "bool": (bool,), "null": (type(None),),
        }  # fmt: skip
        wanted = kinds.get(node.tag.removeprefix(_STANDARD)) if node.tag.startswith(_STANDARD) else None
        if wanted is None:
            raise self._unknown_tag(node)
        value = self._plain(node)
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            raise self._refusal(f"{node.text[:20]!r} is no {_shown(node.tag)}", node, fix="remove the tag")
        return value

    def _check_collection_tag(self, node: Node) -> None:
        standard = "map" if isinstance(node, Mapping) else "seq"
        if node.tag not in ("!", f"{_STANDARD}{standard}"):
            raise self._unknown_tag(node)

    def _repeat(self, node: Alias) -> Json:
        self._in_alias += 1
        value = self.of(node.target)
        self._in_alias -= 1
        return value

    def _count(self, node: Node) -> None:
        self._repeated += 1
        if self._repeated > _MOST_REPEATED:
            raise self._refusal("aliases stand for too much", node, why="no task definition repeats that often")

    def _unknown_tag(self, node: Node) -> NotATaskDefinitionError:
        return self._refusal(
            f"the tag {_shown(node.tag)} is not known",
            node,
            why="CloudFormation has no such function, and what it would stand for is not certain",
            fix="use one of CloudFormation's functions, or write the value itself",
        )

    def _twice(self, key: str, first: Node, second: Node) -> NotATaskDefinitionError:
        return self._refusal(
            f"the key {key} stands twice in one object, first on {self._nodes.place(first.start)}",
            second,
            why="only one of the two values can count, and which depends on the tool that reads the file",
            fix="remove one of them",
        )

    def _refusal(
        self, message: str, node: Node, *, why: str | None = None, fix: str | None = None
    ) -> NotATaskDefinitionError:
        return NotATaskDefinitionError(message, where=self._nodes.place(node.start), why=why, fix=fix)


def _shown(tag: str) -> str:
    return f"!!{tag.removeprefix(_STANDARD)}" if tag.startswith(_STANDARD) else tag
