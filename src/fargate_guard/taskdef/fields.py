"""JSON objects whose field names are matched without regard to case, and kept as they were written.

``register-task-definition`` wants ``entryPoint``, CloudFormation writes ``EntryPoint``, and Terraform's
``aws_ecs_task_definition`` takes either, so files with both spellings exist. What is read here is found in any
case; what is added follows the case of its surroundings; nothing is renamed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fargate_guard.taskdef.errors import TaskDefinitionError

if TYPE_CHECKING:
    from collections.abc import Collection

Json = Any
"""A JSON value: dict, list, str, int, float, bool or None."""

MAX_DEPTH = 100
"""ECS nests about eight levels; a hundred leaves room for what AWS may add and keeps every recursion safe."""

_COLLECTIONS = (dict, list)
_FREE_FORM = frozenset({"options", "dockerlabels"})
"""Fields whose keys are the user's data, not field names."""


class _Keys(dict[str, "str | None"]):
    """How the keys of an object are written: field name → key; filled as fields are asked for."""

    __slots__ = ("by_lower", "pascal")

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__()
        self.by_lower = {str(key).lower(): key for key in keys}
        self.pascal = sum([str(key)[:1].isupper() for key in keys]) * 2 > len(keys)

    def __missing__(self, field: str) -> str | None:
        key = self[field] = self.by_lower.get(field.lower())
        return key


_keys_of = lru_cache(maxsize=1024)(_Keys)
"""Containers, variables and mappings are written alike all over a template."""


class Fields:
    """One JSON object: get, set and drop its fields whatever their case."""

    __slots__ = ("_entries", "_keys", "_pascal", "object", "path")

    def __init__(self, value: Json, path: str, *, pascal: bool = False) -> None:
        """Look at ``value``, which stands at ``path``; ``pascal`` is the case of additions to an empty object.

        :raises TaskDefinitionError: not an object, or two keys differ only in case.
        """
        if not isinstance(value, dict):
            raise TaskDefinitionError(
                f"expected a JSON object, found {kind(value)}",
                where=path,
                fix="write an object here, or remove the field",
            )
        self.object: dict[str, Json] = value
        self.path = path
        self._pascal = pascal
        self._entries: dict[str, tuple[list[Json] | None, list[Fields]]] | None = None
        self._keys = _keys_of(tuple(value))
        if len(self._keys.by_lower) != len(value):
            raise _two_cases(value, path)

    @property
    def pascal(self) -> bool:
        """Whether most of the keys are written in PascalCase."""
        return self._keys.pascal if self.object else self._pascal

    def __contains__(self, field: str) -> bool:
        return self._keys[field] is not None

    def key(self, field: str) -> str:
        """The key as written, or as it would be written if it were added."""
        return self._keys[field] or cased(field, pascal=self.pascal)

    def at(self, field: str) -> str:
        """The JSON path of a field."""
        return f"{self.path}.{self.key(field)}"

    def get(self, field: str) -> Json:
        """The value, or None when the field is absent (ECS reads null as absent)."""
        key = self._keys[field]
        return None if key is None else self.object[key]

    def set(self, field: str, value: Json, *, after: tuple[str, ...] = ()) -> None:
        """Set a field in place; a new one goes behind the last of ``after`` that is there, else to the end."""
        key = self._keys[field]
        if key is not None:
            self.object[key] = value
            return
        key = cased(field, pascal=self.pascal)
        before = next((self._keys[name] for name in reversed(after) if name in self), None) if after else None
        if before is None:
            self.object[key] = value
        else:
            items = list(self.object.items())
            self.object.clear()
            for old, kept in items:
                self.object[old] = kept
                if old == before:
                    self.object[key] = value
        self._keys = _keys_of(tuple(self.object))

    def drop(self, field: str) -> None:
        """Remove a field if it is there."""
        key = self._keys[field]
        if key is not None:
            del self.object[key]
            self._keys = _keys_of(tuple(self.object))

    def child(self, field: str) -> Fields:
        """The object in a field; its additions follow the case of the field's own key."""
        key = self.key(field)
        return Fields(self.object.get(key), f"{self.path}.{key}", pascal=key[:1].isupper())

    def entries(self, field: str) -> list[Fields]:
        """The objects of an array field; an absent field or null is no entries.

        :raises TaskDefinitionError: not an array, or an element that is not an object.
        """
        value = self.get(field)
        if not value and (value is None or isinstance(value, list)):
            return []
        if self._entries is None:
            self._entries = {}
        items, found = self._entries.get(field, (None, []))
        if items == value:  # several checks look at the same entries
            return found
        path = self.at(field)
        if not isinstance(value, list):
            raise wrong_type(path, "an array", value)
        found = [Fields(item, f"{path}[{index}]") for index, item in enumerate(value)]
        self._entries[field] = (value.copy(), found)
        return found

    def text(self, field: str) -> str | None:
        """A field that must be a string; None when absent, null or empty.

        :raises TaskDefinitionError: another type.
        """
        value = self.get(field)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise wrong_type(self.at(field), "a string", value)
        return value

    def texts(self, field: str) -> list[str]:
        """A field that must be an array of strings; empty when absent, null or empty (unset, for ECS).

        :raises TaskDefinitionError: another type.
        """
        value = self.get(field)
        if value is None:
            return []
        if not isinstance(value, list):
            raise wrong_type(self.at(field), "an array of strings", value)
        for item in value:
            if not isinstance(item, str):
                index = next(index for index, other in enumerate(value) if other is item)
                raise wrong_type(f"{self.at(field)}[{index}]", "a string", item)
        return value


def _two_cases(value: dict[str, Json], path: str) -> TaskDefinitionError:
    seen: dict[str, str] = {}
    pairs = ((seen.setdefault(str(key).lower(), key), key) for key in value)
    first, second = next(pair for pair in pairs if pair[0] is not pair[1])
    return TaskDefinitionError(
        f"two keys that differ only in case: {first!r} and {second!r}",
        where=path,
        why="which of them counts depends on the tool that reads the file",
        fix="remove one of them",
    )


def wrong_type(path: str, expected: str, value: Json) -> TaskDefinitionError:
    """The refusal for a value of a type that ECS does not take."""
    return TaskDefinitionError(
        f"expected {expected}, found {kind(value)}", where=path, why="ECS refuses any other type here"
    )


def kind(value: Json) -> str:
    """The JSON name of a value's type, with its article."""
    if value is None:
        return "null"
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else type(value).__name__)


def cased(field: str, *, pascal: bool) -> str:
    """A lowerCamel field name in the wanted case."""
    return _in_pascal(field) if pascal else field


@lru_cache(maxsize=1024)
def _in_pascal(field: str) -> str:
    return field[:1].upper() + field[1:]


def recased(value: Json, *, pascal: bool) -> Json:
    """A structure written in lowerCamel, with its field names in the wanted case (free-form keys stay)."""
    if not pascal:
        return value
    if isinstance(value, list):
        return [recased(item, pascal=True) if isinstance(item, _COLLECTIONS) else item for item in value]
    if not isinstance(value, dict):
        return value
    return {
        _in_pascal(key): recased(item, pascal=True)
        if isinstance(item, _COLLECTIONS) and key.lower() not in _FREE_FORM
        else item
        for key, item in value.items()
    }


def copied(value: Json, depth: int = 0, but: Collection[int] = ()) -> Json:
    """A deep copy of a JSON value.

    :param but: identities of objects that stay what they are.
    :raises TaskDefinitionError: nested deeper than :data:`MAX_DEPTH`.
    """
    if depth > MAX_DEPTH:
        raise TaskDefinitionError(f"nested more than {MAX_DEPTH} levels deep", why="no task definition is")
    if isinstance(value, dict) and id(value) not in but:
        return {
            key: copied(item, depth + 1, but) if isinstance(item, _COLLECTIONS) else item
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [copied(item, depth + 1, but) if isinstance(item, _COLLECTIONS) else item for item in value]
    return value
