"""The short tags of CloudFormation's YAML, and their long form.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fargate_guard.taskdef import Json

_WITHOUT_PREFIX = ("Ref", "Condition")
_FUNCTIONS = (
    *("And", "Base64", "Cidr", "Contains", "EachMemberEquals", "EachMemberIn", "Equals", "FindInMap"),
    *("GetAtt", "GetAZs", "GetStackOutput", "If", "ImportValue", "Join", "Length", "Not", "Or", "RefAll"),
    *("Select", "Split", "Sub", "ToJsonString", "Transform", "ValueOf", "ValueOfAll"),
)

LONG_FORMS: dict[str, str] = {
    **{f"!{name}": name for name in _WITHOUT_PREFIX},
    **{f"!{name}": f"Fn::{name}" for name in _FUNCTIONS},
}
"""By short tag: the key of its long form."""

SHORT_TAGS: dict[str, str] = {key: tag for tag, key in LONG_FORMS.items()}

GET_ATT = "Fn::GetAtt"


def long_form(tag: str, argument: Json) -> Json:
    """``!GetAtt a.b`` as ``{"Fn::GetAtt": ["a", "b"]}``, and so on."""
    key = LONG_FORMS[tag]
    if key == GET_ATT and isinstance(argument, str):
        return {key: list(argument.split(".", 1))}
    return {key: argument}


def intrinsic(value: Json) -> tuple[str, Json] | None:
    """The key and the argument of a function in its long form; None for anything else."""
    if isinstance(value, dict) and len(value) == 1:
        ((key, argument),) = value.items()
        if key in SHORT_TAGS and (key != "Condition" or isinstance(argument, str)):
            return key, argument
    return None


def short_form(value: Json) -> tuple[str, Json] | None:
    """The short tag of a function, and what stands behind it; None where only the long form is right.

    Two tags cannot follow each other (``!Base64 !Sub …``): the outer function keeps its long form then.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-base64.html
    """
    found = intrinsic(value)
    if found is None:
        return None
    key, argument = found
    if intrinsic(argument) is not None or argument is None:
        return None
    if key == GET_ATT:
        argument = _dotted(argument)
    return SHORT_TAGS[key], argument


def _dotted(argument: Json) -> Json:
    match argument:
        case [str(resource), str(attribute)] if resource and attribute and "." not in resource:
            return f"{resource}.{attribute}"
    return argument
