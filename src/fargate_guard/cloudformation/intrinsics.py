"""CloudFormation's intrinsic functions, in their long form, and how they travel through the core.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.cloudformation.resolving import Text
    from fargate_guard.taskdef import Json


class Absent(Enum):
    """A place that does not exist, in one case or in all."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
IF: Final = "Fn::If"
_IF_ARGUMENTS: Final = 3


def no_value() -> dict[str, str]:
    """What CloudFormation reads as a property or an element that is not there."""
    return {"Ref": "AWS::NoValue"}


class Opaque(str):
    """An intrinsic in the place of a string, for the core, which wants strings.

    Its text is what the intrinsic gives, where that is known, and else :func:`shown`.
    """

    intrinsic: Json
    """What stands in the template."""
    source: Text | None
    """What it gives, the elements of a list one behind the other; None where nobody asks, or knows how many."""
    is_list: bool
    """The intrinsic gives a list; this one element stands for all of its elements."""
    is_element: bool
    """The intrinsic gives an object or nothing, and stands for the object whose only value is this one."""

    def __new__(
        cls,
        text: str,
        intrinsic: Json,
        source: Text | None = None,
        *,
        is_list: bool = False,
        is_element: bool = False,
    ) -> Opaque:
        """Wrap an intrinsic."""
        self = super().__new__(cls, text)
        self.intrinsic, self.source, self.is_list, self.is_element = intrinsic, source, is_list, is_element
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[str, Json, Text | None], dict[str, bool]]:
        """What copying and pickling make another one of."""
        kinds = {"is_list": self.is_list, "is_element": self.is_element}
        return (str(self), self.intrinsic, self.source), kinds

    @property
    def known(self) -> bool:
        """Whether the text is what the intrinsic gives."""
        return self.source is not None and self.source.known is not None


def is_intrinsic(value: Json) -> bool:
    """Whether a value is a function call instead of data."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    key = next(iter(value))
    return key == "Ref" or (isinstance(key, str) and key.startswith("Fn::"))


def is_no_value(value: Json) -> bool:
    """Whether a value is ``{"Ref": "AWS::NoValue"}``."""
    return isinstance(value, dict) and len(value) == 1 and value.get("Ref") == "AWS::NoValue"


def if_arguments(value: Json) -> list[Json] | None:
    """Condition, value when true and value when false of an ``Fn::If``; None for anything else."""
    arguments = value.get(IF) if isinstance(value, dict) and len(value) == 1 else None
    well_formed = isinstance(arguments, list) and len(arguments) == _IF_ARGUMENTS and isinstance(arguments[0], str)
    return arguments if well_formed else None


def chosen_branch(value: Json, conditions: Mapping[str, bool]) -> Json:
    """What stands in a place when the conditions have come out; an ``Fn::If`` on any other stays."""
    while (arguments := if_arguments(value)) is not None and arguments[0] in conditions:
        value = arguments[1 if conditions[arguments[0]] else 2]
    return value


def shown(value: Json) -> str:
    """An intrinsic in few words: ``${Name}``, ``${Role.Arn}``, the text of ``Fn::Sub``, else its JSON."""
    if is_intrinsic(value):
        ((function, argument),) = value.items()
        if function == "Ref" and isinstance(argument, str):
            return f"${{{argument}}}"
        if function == "Fn::GetAtt":
            name = ".".join(map(str, argument)) if isinstance(argument, list) else str(argument)
            return f"${{{name}}}"
        if function == "Fn::Sub" and isinstance(argument, str):
            return argument
    return json.dumps(value, separators=(",", ":"), default=str)


def references(value: Json) -> str:
    """What an intrinsic refers to, for a message: ``${Name}, ${Role.Arn}``.

    Nothing that is written out in it: a function may hold whole containers, with the secrets in their variables.
    """
    return ", ".join(dict.fromkeys(_references(value)))


def _references(value: Json) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("Ref", "Fn::GetAtt"):
                yield shown({key: item})
            else:
                yield from _references(item)
    elif isinstance(value, str):
        import re  # only a refusal should cost this

        yield from re.findall(r"\$\{[A-Za-z0-9.:]+\}", value)
