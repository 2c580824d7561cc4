"""Files that were found in a folder or by a pattern and hold no task definition: which are something else.

A repository has many JSON and YAML files, and they are passed over. A task definition that cannot be read must not
be among them: a check would be green while its containers run without the agent.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.taskdef import NotATaskDefinitionError
from fargate_guard.taskdef.errors import NoContainersError, NotForFargateError, SomethingElseError
from fargate_guard.workflows.definition_inputs import LARGEST, Kind

if TYPE_CHECKING:
    from fargate_guard.formats import Source
    from fargate_guard.taskdef import Json, TaskDefinitionError
    from fargate_guard.workflows.definition_inputs import Input

_MARKS = re.compile(
    r"container_?definition|AWS::ECS::TaskDefinition|requires_?compatibilities|execution_?role_?arn|task_?role_?arn",
    re.IGNORECASE,
)
"""Words of task definitions and of little else."""

_IMAGE = re.compile(r"""(?:^|[\s{,"'-])image["']?[ \t]*:""", re.IGNORECASE | re.MULTILINE)
_OTHER_LANGUAGE = re.compile(
    r"^(?:services|stages|jobs|apiVersion|include|steps|pipelines)[ \t]*:"
    r"|^[ \t]+(?:script|stage|uses|run)[ \t]*:",
    re.MULTILINE,
)
"""Compose, CI and Kubernetes name images, too, and have tags and documents that no task definition has."""

_TASK_FIELDS = ("family", "requirescompatibilities", "networkmode", "executionrolearn", "taskrolearn", "pidmode")
_ENOUGH_FIELDS = 2
_SECTIONS = ("containerdefinitions", "taskdefinition", "resources")


class PassedOver(NamedTuple):
    """Why a file that was found is left out."""

    reason: str
    is_broken: bool = False
    """Nobody knows what it was to be; nothing in it looks like a task definition."""


def passed_over(one: Input, source: Source | None, error: TaskDefinitionError) -> PassedOver | None:
    """Return why a file is left out; None where it is, or was to be, a task definition, and its error counts.

    :param source: None where it could not be read.
    """
    if one.asked or one.kind is not Kind.FILE:
        return None
    reason = f"{error.message} ({error.where})" if error.where else error.message
    if isinstance(error, (SomethingElseError, NotForFargateError)):
        return PassedOver(reason)
    if source is not None:
        none_in_template = source.is_template and isinstance(error, NotATaskDefinitionError)
        return PassedOver(reason) if none_in_template or _is_other_array(source.value) else None
    if _is_meant(_text_of(one), error):
        return None
    return PassedOver(reason, is_broken=str(error.where).startswith("line "))


def _text_of(one: Input) -> str:
    """What can be read of a file, whatever its encoding: the words that are looked for are ASCII."""
    with one.path.open("rb") as file:
        return file.read(LARGEST).replace(b"\0", b"").decode("latin-1")


def _is_meant(text: str, error: TaskDefinitionError) -> bool:
    """Whether a text that cannot be read, or holds no container definitions, was to be a task definition."""
    has_marks = _MARKS.search(text) is not None
    if isinstance(error, NoContainersError):
        return has_marks and _has_typing_error_on_top(text)
    return has_marks or (_IMAGE.search(text) is not None and not _OTHER_LANGUAGE.search(text))


def _has_typing_error_on_top(text: str) -> bool:
    from fargate_guard.formats.source import Syntax, syntax_of
    from fargate_guard.formats.yaml_source import read_yaml
    from fargate_guard.taskdef.json_text import parse

    value = parse(text) if syntax_of(text) is Syntax.JSON else read_yaml(text)
    inner = value.get("taskDefinition") if isinstance(value, dict) else None
    return _has_typing_error(value) or _has_typing_error(inner)


def _has_typing_error(value: Json) -> bool:
    keys = [str(key).replace("_", "").lower() for key in value] if isinstance(value, dict) else []
    near = any(difflib.get_close_matches(key, _SECTIONS, cutoff=0.8) and key not in _SECTIONS[1:] for key in keys)
    return near or sum(key in _TASK_FIELDS for key in keys) >= _ENOUGH_FIELDS


def _is_other_array(value: Json) -> bool:
    """An array without any image is not one of container definitions."""
    return isinstance(value, list) and not any(
        isinstance(item, dict) and any(str(key).lower() == "image" for key in item) for item in value
    )
