"""What an intrinsic gives, as far as the template and the given parameter values tell it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, overload

from fargate_guard.cloudformation.intrinsics import chosen_branch, is_intrinsic, is_no_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.taskdef import Json

_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")
_SUB_ARGUMENTS = 2
_MAX_DEPTH = 30
_COMMA_LISTS = ("CommaDelimitedList", "List<")


class Text(NamedTuple):
    """A string of which some parts may be unknown."""

    parts: tuple[str | None, ...]
    """None for an unknown part."""
    defaults: frozenset[str] = frozenset()
    """Parameters whose default was used."""

    @property
    def known(self) -> str | None:
        """The whole string, or None when a part is unknown."""
        parts = [part for part in self.parts if part is not None]
        return "".join(parts) if len(parts) == len(self.parts) else None

    def could_be(self, text: str) -> bool:
        """Whether some value of the unknown parts gives this text."""
        pattern = "".join(".*" if part is None else re.escape(part) for part in self.parts)
        return re.fullmatch(pattern, text, re.DOTALL) is not None


_UNKNOWN = Text((None,))
END_OF_ELEMENT: Final = "\0"
"""Between elements that are looked at as one text; no argument of a program holds it."""


@dataclass(slots=True, eq=False, repr=False)
class Resolver:
    """Resolves intrinsics of one template."""

    template: Mapping[str, Json]
    given: Mapping[str, str]
    """Values of parameters and pseudo parameters (``AWS::Region``) that the user gave."""
    use_defaults: bool = True
    impossible: frozenset[str] = frozenset()
    """Parameters whose value counts as unknown, because the conditions say that it is another one."""
    conditions: Mapping[str, bool] = field(default_factory=dict)
    """How conditions came out, for ``Fn::If``."""

    def text(self, value: Json, depth: int = 0) -> Text:
        """What a scalar value gives."""
        if isinstance(value, bool):
            return Text(("true" if value else "false",))
        if isinstance(value, (str, int, float)):
            return Text((str(value),))
        if depth > _MAX_DEPTH or not is_intrinsic(value):
            return _UNKNOWN
        ((function, argument),) = value.items()
        return self._function(function, argument, value, depth + 1)

    def texts(self, value: Json, depth: int = 0) -> list[Text] | None:
        """What a list gives, element by element; None when even their number is unknown."""
        if isinstance(value, list) and depth <= _MAX_DEPTH:
            return [self.text(item, depth + 1) for item in value if not is_no_value(item)]
        if depth > _MAX_DEPTH or not is_intrinsic(value):
            return None
        ((function, argument),) = value.items()
        if function == "Ref":
            return self._comma_list(argument)
        if function == "Fn::Split":
            return self._split(argument, depth + 1)
        found, defaults = self._looked_up(function, argument, value, depth + 1)
        texts = None if found is None else self.texts(found, depth + 1)
        return texts and [Text(text.parts, text.defaults | defaults) for text in texts]

    def _function(self, function: str, argument: Json, value: Json, depth: int) -> Text:
        if function == "Ref":
            return self._ref(argument)
        if function == "Fn::Sub":
            return self._sub(argument, depth)
        if function in ("Fn::Join", "Fn::Select"):
            return self._joined(function, argument, depth)
        found, defaults = self._looked_up(function, argument, value, depth)
        text = self.text(found, depth)
        return Text(text.parts, text.defaults | defaults)

    def _looked_up(self, function: str, argument: Json, value: Json, depth: int) -> tuple[Json, frozenset[str]]:
        """What ``Fn::If`` or ``Fn::FindInMap`` picks; None, which nothing resolves, for anything else."""
        if function == "Fn::FindInMap":
            return self._in_map(argument, depth)
        chosen = chosen_branch(value, self.conditions)
        return (None if chosen is value else chosen), frozenset()

    def _ref(self, name: Json) -> Text:
        if not isinstance(name, str):
            return _UNKNOWN
        if name.startswith("AWS::"):
            value = self._pseudo(name)
            return _UNKNOWN if value is None else Text((value,))
        parameter = self._parameter(name)
        if parameter is None or name in self.impossible:
            return _UNKNOWN
        if name in self.given:
            return Text((self.given[name],))
        default = parameter.get("Default")
        if not self.use_defaults or isinstance(default, (dict, list)) or default is None:
            return _UNKNOWN
        return Text(self.text(default).parts, frozenset((name,)))

    def _parameter(self, name: str) -> Mapping[str, Json] | None:
        """A parameter whose value is its text; those of SSM are elsewhere, and NoEcho is not to be read."""
        parameters = self.template.get("Parameters")
        parameter = parameters.get(name) if isinstance(parameters, dict) else None
        if not isinstance(parameter, dict) or str(parameter.get("NoEcho", "")).lower() == "true":
            return None
        return None if str(parameter.get("Type", "")).startswith("AWS::SSM::Parameter::Value") else parameter

    def _pseudo(self, name: str) -> str | None:
        if name in self.given:
            return self.given[name]
        region = self.given.get("AWS::Region")
        if name == "AWS::Partition" and region is not None:
            return next((p for p in ("aws-cn", "aws-us-gov") if region.startswith(f"{p[4:]}-")), "aws")
        if name == "AWS::URLSuffix":
            partition = self._pseudo("AWS::Partition")
            if partition in ("aws", "aws-us-gov"):
                return "amazonaws.com"
            return "amazonaws.com.cn" if partition == "aws-cn" else None
        return None

    def _sub(self, argument: Json, depth: int) -> Text:
        pattern, variables = argument, {}
        if isinstance(argument, list) and len(argument) == _SUB_ARGUMENTS and isinstance(argument[1], dict):
            pattern, variables = argument
        if not isinstance(pattern, str):
            return _UNKNOWN
        parts: list[str | None] = []
        defaults, end = frozenset[str](), 0
        for match in _PLACEHOLDER.finditer(pattern):
            parts.append(pattern[end : match.start()])
            literal, name = match.groups()
            text = Text((f"${{{name}}}",)) if literal else self._placeholder(name.strip(), variables, depth)
            parts += text.parts
            defaults |= text.defaults
            end = match.end()
        parts.append(pattern[end:])
        return Text(tuple(parts), defaults)

    def _placeholder(self, name: str, variables: dict[str, Json], depth: int) -> Text:
        if name in variables:
            return self.text(variables[name], depth + 1)
        return _UNKNOWN if "." in name else self._ref(name)

    def _joined(self, function: str, argument: Json, depth: int) -> Text:
        if not isinstance(argument, list) or len(argument) != _SUB_ARGUMENTS:
            return _UNKNOWN
        first, texts = argument[0], self.texts(argument[1], depth)
        if texts is None:
            return _UNKNOWN
        if function == "Fn::Join":
            return joined(first, texts) if isinstance(first, str) else _UNKNOWN
        index = self.text(first, depth).known
        if index is None or not index.isdecimal() or int(index) >= len(texts):
            return _UNKNOWN
        return texts[int(index)]

    def _split(self, argument: Json, depth: int) -> list[Text] | None:
        if not isinstance(argument, list) or len(argument) != _SUB_ARGUMENTS:
            return None
        delimiter, text = argument[0], self.text(argument[1], depth)
        if text.known is None or not isinstance(delimiter, str) or not delimiter:
            return None
        return [Text((part,), text.defaults) for part in text.known.split(delimiter)]

    def _comma_list(self, name: Json) -> list[Text] | None:
        parameter = self._parameter(name) if isinstance(name, str) else None
        if parameter is None or not str(parameter.get("Type", "")).startswith(_COMMA_LISTS):
            return None
        text = self._ref(name)
        if text.known is None:
            return None
        return [Text((part.strip(),), text.defaults) for part in text.known.split(",")]

    def _in_map(self, argument: Json, depth: int) -> tuple[Json, frozenset[str]]:
        """The entry of ``Mappings``; None, which nothing resolves, when it cannot be told."""
        entry: Json = self.template.get("Mappings")
        defaults: frozenset[str] = frozenset()
        if not isinstance(argument, list) or len(argument) <= _SUB_ARGUMENTS:
            return None, defaults
        for key in argument[:3]:
            text = self.text(key, depth + 1)
            if text.known is None or not isinstance(entry, dict):
                return None, defaults
            entry, defaults = entry.get(text.known), defaults | text.defaults
        return entry, defaults


@overload
def joined(delimiter: str, texts: list[Text]) -> Text: ...
@overload
def joined(delimiter: str, texts: list[Text] | None) -> Text | None: ...
def joined(delimiter: str, texts: list[Text] | None) -> Text | None:
    """The elements of a list as one text; None where even their number is unknown."""
    if texts is None:
        return None
    parts: list[str | None] = []
    for index, text in enumerate(texts):
        if index and delimiter:
            parts.append(delimiter)
        parts += text.parts
    return Text(tuple(parts), frozenset().union(*(text.defaults for text in texts)))
