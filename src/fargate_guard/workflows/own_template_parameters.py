"""The values of a template's parameters: given, kept from the stack that is there, or left to their defaults."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from fargate_guard.workflows.own_template_files import Template

Json = Any
AS_GIVEN_ELSEWHERE = "a secret is read from --parameter-env NAME=VARIABLE or --parameters-file, never from a flag"


@dataclass(frozen=True, slots=True)
class Given:
    """What the user gives for a template's parameters."""

    values: Mapping[str, str] = field(default_factory=dict)
    """By name; secrets are among them."""
    kept: frozenset[str] = frozenset()
    """``UsePreviousValue``: only for a stack that is there."""
    flagged: frozenset[str] = frozenset()
    """Those of ``--parameter``, which can be seen in the process list."""


def gather(flags: Sequence[str], variables: Sequence[str], file: Path | None, environ: Mapping[str, str]) -> Given:
    """Put flags, variables and file together; a flag goes before a variable, and that before the file.

    :param flags: ``NAME=VALUE``.
    :param variables: ``NAME=VARIABLE`` of the environment.
    :raises UsageError: when one of them cannot be read.
    """
    by_flag = _pairs("--parameter", flags, "Stage=prod")
    by_variable = {}
    for name, variable in _pairs("--parameter-env", variables, "DbPassword=DB_PASSWORD").items():
        if variable not in environ:
            raise UsageError(f"--parameter-env names the variable {variable}, which is not set")
        by_variable[name] = environ[variable]
    in_file, kept = _file(file) if file else ({}, frozenset[str]())
    values = {**in_file, **by_variable, **by_flag}
    return Given(values, kept - values.keys(), frozenset(by_flag))


def _pairs(flag: str, given: Sequence[str], example: str) -> dict[str, str]:
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError(f"{flag} has no = in it", fix=f"give NAME=VALUE, for example {flag} {example}")
        found[name] = value
    return found


def _file(path: Path) -> tuple[dict[str, str], frozenset[str]]:
    """Read what ``--parameters file://…`` and ``--parameter-overrides file://…`` of the AWS CLI take.

    https://docs.aws.amazon.com/cli/latest/reference/cloudformation/deploy/index.html
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError("the parameters file cannot be read", where=str(path), why=str(error)) from None
    if isinstance(found, dict):
        found = found.get("Parameters", found)
    values: dict[str, str] = {}
    kept = set()
    if isinstance(found, dict):
        values = {name: _text(value) for name, value in found.items()}
    elif isinstance(found, list) and all(isinstance(one, str) for one in found):
        values = _pairs(str(path), found, "Stage=prod")
    elif isinstance(found, list) and all(isinstance(one, dict) and "ParameterKey" in one for one in found):
        kept = {str(one["ParameterKey"]) for one in found if one.get("UsePreviousValue")}
        values = {
            str(one["ParameterKey"]): _text(one.get("ParameterValue", ""))
            for one in found
            if not one.get("UsePreviousValue")
        }
    else:
        raise UsageError(
            "the parameters file is in none of the AWS CLI's forms",
            where=str(path),
            fix='write [{"ParameterKey": "Stage", "ParameterValue": "prod"}] or ["Stage=prod"]',
        )
    return values, frozenset(kept)


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)


def declared(template: Json) -> dict[str, dict[str, Json]]:
    """Return a template's parameters by name."""
    found = template.get("Parameters")
    if not isinstance(found, dict):
        return {}
    return {name: one for name, one in found.items() if isinstance(one, dict)}


def _is_secret(parameter: Mapping[str, Json]) -> bool:
    return str(parameter.get("NoEcho", "")).lower() == "true"


def check(template: Template, given: Given, existing: Iterable[str]) -> None:
    """Refuse what does not fit the template.

    :param existing: the parameters that the stack has already.
    :raises UsageError: an unknown parameter, one without a value (to keep), or a secret in a flag.
    """
    names, there, where = declared(template.value), set(existing), str(template.path)
    for name in (*given.values, *given.kept):
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            why = f"it has {', '.join(names)}" if names else "it has none"
            fix = f"did you mean {near[0]}?" if near else "leave it out"
            raise UsageError(f"the template has no parameter {name}", where=where, why=why, fix=fix)
        if name in given.flagged and _is_secret(names[name]):
            raise UsageError(f"{name} is a secret (NoEcho) and was given as a flag", fix=AS_GIVEN_ELSEWHERE)
    lost = [name for name in given.kept if name not in there]
    if lost:
        raise UsageError(
            f"the stack has no value to keep for {', '.join(sorted(lost))}",
            where=where,
            why="UsePreviousValue is for a stack that has the parameter already",
            fix="give a value in the parameters file",
        )
    missing = [
        name
        for name, one in names.items()
        if "Default" not in one and name not in given.values and name not in there
    ]
    if missing:
        secret = any(_is_secret(names[name]) for name in missing)
        raise UsageError(
            f"these parameters have neither a value nor a default: {', '.join(missing)}",
            where=where,
            fix=AS_GIVEN_ELSEWHERE if secret else f"--parameter {missing[0]}=VALUE, or --parameters-file FILE",
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """A parameter that keeps the stack's value although the template's default is another one."""

    name: str
    value: str
    default: str


def kept_values(template: Json, given: Given, existing: Mapping[str, str | None]) -> tuple[Kept, ...]:
    """Return the parameters whose default is not what is used: nobody gave a value, and the stack has one.

    So does ``aws cloudformation deploy``: a parameter that is not given keeps the stack's value.
    https://docs.aws.amazon.com/cli/latest/reference/cloudformation/deploy/index.html (parameter-overrides)

    :param existing: what the stack has; None for secrets, which are neither compared nor told.
    """
    readable = {name: one for name, one in declared(template).items() if not _is_secret(one)}
    defaults = {name: _text(one["Default"]) for name, one in readable.items() if "Default" in one}
    return tuple(
        Kept(name, value, defaults[name])
        for name, value in existing.items()
        if value is not None and value != defaults.get(name, value) and name not in (*given.values, *given.kept)
    )


def nested_values(
    template: Json, passed: Json, values: Mapping[str, str | None], pseudo: Mapping[str, str]
) -> dict[str, str | None]:
    """Return what the parameters of a nested template are; None where only the deployment tells.

    :param template: the nested one.
    :param passed: ``Parameters`` of the nested stack's resource.
    :param values: of the parent's parameters.
    """
    if not isinstance(passed, dict) or (len(passed) == 1 and next(iter(passed)).startswith("Fn::")):
        return dict.fromkeys(declared(template))
    return {name: _passed(value, values, pseudo) for name, value in passed.items() if name in declared(template)}


def _passed(value: Json, values: Mapping[str, str | None], pseudo: Mapping[str, str]) -> str | None:
    if isinstance(value, dict):
        name = value.get("Ref") if len(value) == 1 else None
        return values.get(str(name)) or pseudo.get(str(name))
    return _text(value)


def known(template: Json, values: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the values of a template's parameters, defaults included; None for what is not known or a secret."""
    result: dict[str, str | None] = {}
    for name, one in declared(template).items():
        readable = not _is_secret(one) and "AWS::SSM::" not in str(one.get("Type"))
        default = _text(one["Default"]) if "Default" in one else None
        result[name] = values.get(name, default) if readable else None
    return result


def without_stale_defaults(template: Json, values: Mapping[str, str | None]) -> Json:
    """Return the template without the defaults of parameters that have another value, which is not known."""
    stale = {name for name, value in values.items() if value is None} & declared(template).keys()
    if not stale:
        return template
    parameters = {
        name: {key: value for key, value in one.items() if key != "Default"} if name in stale else one
        for name, one in template["Parameters"].items()
    }
    return {**template, "Parameters": parameters}
