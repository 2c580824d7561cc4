"""The parameters that a template may give to the transform, and how they are read.

A name is CloudFormation's way of writing. The value may be a ``Ref`` or ``Fn::Sub`` of the template's parameters,
which CloudFormation may leave to the macro. CloudFormation takes texts, numbers, booleans and lists of these only
("must resolve to a string, number, boolean or a list of any of these"), so objects are read from JSON text, too.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from fargate_guard.cloudformation.intrinsics import is_intrinsic
from fargate_guard.taskdef.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.cloudformation.resolving import Resolver
    from fargate_guard.taskdef import Json

Kind = Literal["text", "number", "switch", "list", "variables", "object", "answers"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the transform."""

    name: str
    field: str
    """Of :class:`~fargate_guard.taskdef.Settings`, or of the macro's own options."""
    kind: Kind
    flag: str
    """What ``fguard instrument`` calls it, for the core's advice."""
    meaning: str


_TABLE: Final[Mapping[str, tuple[Kind, str]]] = {
    "Topology": ("text", "`orchestrator`, or `direct`"),
    "AgentVersion": ("text", "which agent"),
    "AgentImage": ("text", "the sidecar's image"),
    "AllowUnpinnedImage": ("switch", "accept a tag that moves"),
    "OrchestratorHost": ("text", "the load balancer's name"),
    "OrchestratorPort": ("number", "its port"),
    "CollectorHost": ("text", "Sysdig's collector (direct)"),
    "CollectorPort": ("number", "its port"),
    "AccessKeyArn": ("text", "secret or parameter with the access key"),
    "Priority": ("text", "`availability`, or `security`"),
    "LogLevel": ("text", "the agent's, `silent` to `trace`"),
    "AgentLogGroup": ("text", "log group for the sidecar's lines"),
    "SidecarLogConfiguration": ("object", "instead, any `logConfiguration` as ECS takes it, JSON text"),
    "ExtraConf": ("text", "further agent configuration (YAML)"),
    "SidecarMode": ("text", "`auto`, or `force` (`SYSDIG_SIDECAR`)"),
    "SidecarCpu": ("number", "CPU units"),
    "SidecarMemory": ("number", "hard limit, MiB"),
    "SidecarMemoryReservation": ("number", "soft limit, MiB"),
    "SidecarEssential": ("switch", "stop the task with the sidecar"),
    "SidecarEnvironment": ("variables", "list of `NAME=VALUE`"),
    "WorkloadEnvironment": ("variables", "list of `NAME=VALUE`"),
    "ImagePullSecretArn": ("text", "credentials for the sidecar's image"),
    "CaCertificate": ("text", "path in the sidecar"),
    "IgnoreContainers": ("list", "names and patterns to leave out"),
    "IgnoreLabels": ("list", "Docker labels to leave out"),
    "OptIn": ("switch", "only containers that ask for it"),
    "PinDigests": ("switch", "write images by digest; needs ImageLookup"),
    "ExecutionRoleSupplied": ("switch", "another transform adds the execution role"),
    "ImageLookup": ("switch", "ask registries what images run"),
    "Images": (
        "answers",
        'what images run, JSON text: `{"web": {"EntryPoint": ["/run"], "Command": []}}`, also `Resource/web`',
    ),
    "Strict": ("switch", "fail on warnings, and when nothing is instrumented"),
}
_FIELDS: Final = {
    "LogLevel": "logging",
    "SidecarLogConfiguration": "log_configuration",
    "ImagePullSecretArn": "repository_credentials_arn",
    "CaCertificate": "ca_certificate_path",
    "Images": "answers",
}
"""Of those that are not called as their field is."""
_FLAGS: Final = {
    "CollectorHost": "--collector HOST:PORT",
    "CollectorPort": "--collector",
    "SidecarEnvironment": "--sidecar-env",
    "WorkloadEnvironment": "--workload-env",
    "IgnoreContainers": "--ignore-container",
    "IgnoreLabels": "--ignore-label",
    "Images": "--entrypoint",
}
"""Of those that are not called as their flag is."""


def _parameter(name: str, kind: Kind, meaning: str) -> Parameter:
    words = re.findall("[A-Z][a-z]*", name)
    field = _FIELDS.get(name) or "_".join(words).lower()
    return Parameter(name, field, kind, _FLAGS.get(name) or f"--{'-'.join(words).lower()}", meaning)


PARAMETERS: Final = tuple(_parameter(name, *about) for name, about in _TABLE.items())
_BY_NAME = {one.name: one for one in PARAMETERS}


def read_parameters(params: Mapping[str, Json], resolver: Resolver) -> dict[str, Json]:
    """Return the values by field.

    :param resolver: of the template, for functions in the values.
    :raises SettingsError: an unknown name, another type, or a value that cannot be known here. No value is shown:
        it may be a secret in the wrong place.
    """
    return {_known(name).field: _value(_known(name), params[name], resolver) for name in params}


def _known(name: str) -> Parameter:
    if name in _BY_NAME:
        return _BY_NAME[name]
    import difflib  # only a refusal should cost these 5 ms

    near = difflib.get_close_matches(name.lower(), [known.lower() for known in _BY_NAME], n=1, cutoff=0.5)
    meant = next((known for known in _BY_NAME if near and known.lower() == near[0]), None)
    raise SettingsError(
        f"the transform has no parameter {name}",
        where=f"Parameters.{name} of the transform",
        why=f"it has {', '.join(_BY_NAME)}",
        fix=f"did you mean {meant}?" if meant else "remove it, or use one of those",
    )


def _value(parameter: Parameter, value: Json, resolver: Resolver) -> Json:
    resolved = _resolved(value, resolver, parameter)
    read = _READERS[parameter.kind](resolved)
    if read is None:
        raise SettingsError(
            f"the transform's parameter {parameter.name} is not {_IN_WORDS[parameter.kind]}",
            where=f"Parameters.{parameter.name} of the transform",
            fix=f"{parameter.name}: {parameter.meaning}",
        )
    return read


def _resolved(value: Json, resolver: Resolver, parameter: Parameter) -> Json:
    if is_intrinsic(value):
        known = resolver.text(value).known
        if known is None:
            raise SettingsError(
                f"the value of the transform's parameter {parameter.name} is not known before the stack exists",
                where=f"Parameters.{parameter.name} of the transform",
                why="CloudFormation does not evaluate a transform's parameters; the macro resolves references to "
                "the template's own parameters (without NoEcho), and nothing else",
                fix=f"write the value, or a Ref to a parameter of the template that holds it: {parameter.name}",
            )
        return known
    if isinstance(value, dict):
        return {key: _resolved(item, resolver, parameter) for key, item in value.items()}
    return [_resolved(item, resolver, parameter) for item in value] if isinstance(value, list) else value


def _text(value: Json) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return str(value)


def _number(value: Json) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal():
        return int(value)
    return value if isinstance(value, int) else None


def _switch(value: Json) -> bool | None:
    words = {"true": True, "false": False}
    return value if isinstance(value, bool) else words.get(value.lower()) if isinstance(value, str) else None


def _list(value: Json) -> tuple[str, ...] | None:
    items = [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        return None
    return tuple(items)


def _variables(value: Json) -> dict[str, str] | None:
    if isinstance(value, list):
        pairs = [item.partition("=") if isinstance(item, str) else ("", "", "") for item in value]
        names = [name for name, equals, _ in pairs if name and equals]
        return {name: text for name, _, text in pairs} if len(set(names)) == len(value) else None
    value = _object(value)
    if value is None:
        return None
    texts = {name: str(item).lower() if isinstance(item, bool) else _text(item) for name, item in value.items()}
    return None if None in texts.values() else {name: str(text) for name, text in texts.items()}


def _object(value: Json) -> dict[str, Json] | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def _answers(value: Json) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]] | None:
    """Entry point and command by container; both must be said, since both come from the image."""
    given = _object(value)
    if given is None:
        return None
    found = {}
    for container, answer in given.items():
        if not isinstance(answer, dict) or answer.keys() != {"EntryPoint", "Command"}:
            return None
        entry_point, command = (_argv(answer[key]) for key in ("EntryPoint", "Command"))
        if entry_point is None or command is None:
            return None
        found[container] = (entry_point, command)
    return found


def _argv(value: Json) -> tuple[str, ...] | None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return tuple(value)


_READERS: Final = {
    "text": _text,
    "number": _number,
    "switch": _switch,
    "list": _list,
    "variables": _variables,
    "object": _object,
    "answers": _answers,
}
_IN_WORDS: Final = {
    "text": "text",
    "number": "a whole number",
    "switch": "true or false",
    "list": "a list of texts, or one text with commas",
    "variables": "a list of NAME=VALUE, each name once",
    "object": "the JSON text of an object",
    "answers": 'JSON text such as {"web": {"EntryPoint": ["/run"], "Command": []}}, always with both',
}
