"""What a YAML scalar means, and how a value is written so that every reader takes it for that very value.

CloudFormation reads YAML 1.1 without timestamps
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html); the AWS CLI's
``--cli-input-yaml`` reads YAML 1.2. So ``yes`` is true in a template and text in a task definition.
"""

from __future__ import annotations

import re
from enum import Enum
from math import isfinite
from typing import TYPE_CHECKING

from fargate_guard.taskdef.layout import Number

if TYPE_CHECKING:
    from fargate_guard.taskdef import Json


class Dialect(Enum):
    """The version of YAML whose plain scalars count."""

    TEMPLATE = "1.1"
    """CloudFormation, SAM."""
    TASK_DEFINITION = "1.2"
    """Input of the AWS CLI."""


_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_CONSTANTS_1_1: dict[str, bool | None] = {
    **_CONSTANTS,
    **dict.fromkeys(("yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("no", "No", "NO", "off", "Off", "OFF"), False),
}

_INT_1_1 = re.compile(r"[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])+)")
_FLOAT_1_1 = re.compile(
    r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*"
)
_INT_1_2 = re.compile(r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)")
_FLOAT_1_2 = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+"
    r"|\.[0-9_]+(?:[eE][-+]?[0-9]+)?)"
)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

_MOST_DIGITS = 300
"""What a double can still hold; Python itself converts up to 4,300 digits."""

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_PLAIN = re.compile(r"(?:\.{0,2}[A-Za-z0-9_/$(])[A-Za-z0-9_./$()+=@%;^~-]*|AWS(?:::[A-Za-z][A-Za-z0-9]*)+")
_PLAIN_IN_BLOCK = re.compile(
    r"\.{0,2}[A-Za-z0-9_/$(](?:[A-Za-z0-9_./$(){}+=@%;^~,*&!?<>|'\"\[\]-]|:(?! |$)| (?! |#|$))*"
)
_LOOKS_LIKE_A_NUMBER_OR_DATE = re.compile(r"[-+.]?[0-9][0-9_.,:+eETtZz-]*(?: [0-9:.+Zz -]*)?")
_WORDS_OF_YAML_1_1 = frozenset(("y", "Y", "n", "N", "=", "<<"))
_ESCAPES = {
    "\\": "\\\\",
    '"': '\\"',
    "\0": "\\0",
    "\a": "\\a",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
    "\x1b": "\\e",
}
_TO_ESCAPE = re.compile(
    '[\\\\"\0-\x1f\x7f-\xa0\xad\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufffe\uffff]'
)


class NotAJsonNumberError(ValueError):
    """``.inf``, ``.nan``, or a number that no double holds."""


def value_of_plain(text: str, dialect: Dialect) -> Json:
    """What a plain (unquoted) scalar is; dates are text.

    :raises NotAJsonNumberError: a number that JSON cannot hold.
    """
    old = dialect is Dialect.TEMPLATE
    constants = _CONSTANTS_1_1 if old else _CONSTANTS
    if text in constants:
        return constants[text]
    if text[0] not in "+-.0123456789":
        return text
    if _NOT_FINITE.fullmatch(text):
        raise NotAJsonNumberError(text)
    if (_INT_1_1 if old else _INT_1_2).fullmatch(text):
        return _integer(text, octal=old)
    if (_FLOAT_1_1 if old else _FLOAT_1_2).fullmatch(text):
        return _number(text)
    return text


def _integer(text: str, *, octal: bool) -> int | Number:
    digits = text.replace("_", "").lower()
    sign = -1 if digits[0] == "-" else 1
    digits = digits.lstrip("+-")
    if len(digits) > _MOST_DIGITS or not digits:
        raise NotAJsonNumberError(text)
    if digits == "0":
        return Number("-0") if sign < 0 else 0
    base = {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2])
    if base:
        return sign * _in_base(digits[2:], base, text)
    if ":" in digits:
        return sign * int(_in_base_60(digits))
    return sign * (_in_base(digits, 8, text) if octal and digits[0] == "0" else int(digits))


def _in_base(digits: str, base: int, text: str) -> int:
    if not digits:
        raise NotAJsonNumberError(text)
    return int(digits, base)


def _in_base_60(digits: str) -> float:
    value: float = 0
    for part in digits.split(":"):
        value = value * 60 + (float(part) if "." in part else int(part))
    return value


def _number(text: str) -> Number:
    if _JSON_NUMBER.fullmatch(text):
        number = Number(text)
    else:
        plain = text.replace("_", "")
        sign = -1 if plain[0] == "-" else 1
        try:
            value = sign * _in_base_60(plain.lstrip("+-")) if ":" in plain else float(plain)
        except ValueError:
            raise NotAJsonNumberError(text) from None
        number = Number(repr(value))
    if not isfinite(number):
        raise NotAJsonNumberError(text)
    return number


def written(value: Json, *, flow: bool, quote: str = "") -> str:
    """A scalar's text, which every version of YAML reads as that very value.

    :param flow: inside ``[…]`` or ``{…}``.
    :param quote: ``"`` or ``'`` to quote text although it could stand plain.
    """
    if isinstance(value, str):
        return _text(value, flow=flow, quote=quote)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    return str(value)


def _text(value: str, *, flow: bool, quote: str) -> str:
    if not quote and stands_plain(value, flow=flow):
        return value
    if not quote and ('"' in value or "\\" in value):
        quote = "'"  # no need to escape
    if quote == "'" and value.isascii() and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return '"' + _TO_ESCAPE.sub(_escaped, value) + '"'


def _float(value: float) -> str:
    text = value.text if isinstance(value, Number) else repr(value)
    mantissa, e, exponent = text.partition("e") if "e" in text else text.partition("E")
    if not e:
        return text if "." in text else f"{text}.0"
    point = "" if "." in mantissa else ".0"
    return f"{mantissa}{point}e{exponent if exponent[0] in '+-' else '+' + exponent}"


def stands_plain(value: str, *, flow: bool) -> bool:
    """Whether YAML 1.1 and 1.2 both read the unquoted text as that very text, and so does a human."""
    if not (_PLAIN if flow else _PLAIN_IN_BLOCK).fullmatch(value):
        return False
    if value in _CONSTANTS_1_1 or value in _WORDS_OF_YAML_1_1:
        return False
    if _LOOKS_LIKE_A_NUMBER_OR_DATE.fullmatch(value) or _NOT_FINITE.fullmatch(value):
        return False
    return not any(_is_number(value, dialect) for dialect in Dialect)


def _is_number(value: str, dialect: Dialect) -> bool:
    try:
        return not isinstance(value_of_plain(value, dialect), str)
    except NotAJsonNumberError:
        return True


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character in _ESCAPES:
        return _ESCAPES[character]
    return f"\\u{ord(character):04x}"
