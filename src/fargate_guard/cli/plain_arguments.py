"""Parses command lines that are plain, without Typer, whose import takes longer than instrumenting a file.

What is not plain is Typer's: help, completion, mistakes, and whatever is not certain to mean the same to both.
"""

from __future__ import annotations

from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, NamedTuple, get_args, get_origin

from fargate_guard.cli.declared import REQUIRED, Argument, Option, declared

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fargate_guard.cli.declared import Parameter

_TEXTS = (str, Path)
"""Types of which a variable's whole text is a value."""


class _NotPlainError(Exception):
    """Typer is to decide."""


class _Wanted(NamedTuple):
    """One option or argument."""

    name: str
    type: type[Any]
    many: bool
    value: bool | None = None
    """What a flag says; None for an option with a value."""


def plain_values(
    parameters: Iterable[Parameter], arguments: Sequence[str], environ: Mapping[str, str]
) -> dict[str, Any] | None:
    """The value of every parameter of a command; None where the command line is not plain.

    :param arguments: what stands behind the command's name.
    :param environ: where the options have their variables.
    """
    every = list(parameters)
    try:
        given = _given(dict(_wanted(every)), arguments)
        return {one.name: given[one.name] if one.name in given else _by_default(one, environ) for one in every}
    except _NotPlainError:
        return None


def _wanted(parameters: list[Parameter]) -> Iterator[tuple[str, _Wanted]]:
    """What each flag is for; the argument's is empty."""
    for parameter in parameters:
        option = _option(parameter)
        kind, many = _type(parameter.annotation.__origin__)
        if isinstance(option, Argument):
            if not many:
                raise _NotPlainError
            yield "", _Wanted(parameter.name, kind, many)
            continue
        for flag in option.flags or (f"--{parameter.name.replace('_', '-')}",):
            if kind is not bool:
                yield flag, _Wanted(parameter.name, kind, many)
                continue
            on, _, off = flag.partition("/")
            yield on, _Wanted(parameter.name, kind, many, value=True)
            if off:
                yield off, _Wanted(parameter.name, kind, many, value=False)


def _option(parameter: Parameter) -> Option:
    option = declared(parameter.annotation)
    if option is None:
        raise _NotPlainError
    return option


def _type(annotation: Any) -> tuple[type[Any], bool]:
    """The type of a value, and whether there may be several."""
    if isinstance(annotation, UnionType):
        annotation = next(one for one in get_args(annotation) if one is not type(None))
    return (get_args(annotation)[0], True) if get_origin(annotation) is list else (annotation, False)


def _given(wanted: Mapping[str, _Wanted], arguments: Sequence[str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    rest = iter(arguments)
    for argument in rest:
        flag, equals, text = argument.partition("=") if argument.startswith("--") else (argument, "", "")
        if not argument.startswith("-") or argument == "-":
            flag, equals, text = "", "=", argument
        one = wanted.get(flag)
        if one is None or (one.value is not None and equals):
            raise _NotPlainError
        value = one.value if one.value is not None else _value(one, text if equals else _next(rest))
        if one.many:
            given.setdefault(one.name, []).append(value)
        elif one.name in given:
            raise _NotPlainError
        else:
            given[one.name] = value
    if "" in wanted and wanted[""].name not in given:
        raise _NotPlainError
    return given


def _next(rest: Iterator[str]) -> str:
    text = next(rest, "")
    if text.startswith("-"):
        raise _NotPlainError
    return text


def _value(one: _Wanted, text: str) -> Any:
    if not text:
        raise _NotPlainError
    if one.type is int and text.isascii() and text.isdecimal():
        return int(text)
    if one.type in _TEXTS:
        return one.type(text)
    raise _NotPlainError


def _by_default(parameter: Parameter, environ: Mapping[str, str]) -> Any:
    variable = _option(parameter).given.get("envvar")
    if variable is None or variable not in environ:
        if parameter.default is REQUIRED:
            raise _NotPlainError
        return parameter.default
    kind, many = _type(parameter.annotation.__origin__)
    if many or kind not in _TEXTS or not environ[variable]:
        raise _NotPlainError
    return kind(environ[variable])
