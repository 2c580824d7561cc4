"""What the macro says when it refuses: in the words of a template's author, not of a command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fargate_guard.cloudformation import TemplateRefusedError
from fargate_guard.macro.parameters import PARAMETERS

if TYPE_CHECKING:
    from fargate_guard.macro.scope import Scope
    from fargate_guard.taskdef import Json, TaskDefinitionError

_STEP = re.compile(r"\.((?:Fn::)?[^.\[\]']+)|\[(\d+)\]|\['([^']*)'\]")
_ANSWER = re.compile(r"""--(?:entrypoint|command) (\S+?)='\[[^\]]*\]'""")
_IMAGES = """Images: '{{"{container}": {{"EntryPoint": […], "Command": […]}}}}'"""
_FLAGS = tuple(sorted(((one.flag, one.name) for one in PARAMETERS), key=lambda pair: -len(pair[0])))
_ELSEWHERE = {
    "--parameter": "the template's parameter",
    "--format terraform-external": "the command",
    "--offline": "without ImageLookup",
}
LOOK_UP = "or let the macro ask the registry: ImageLookup: true"


def refusals_of(error: TaskDefinitionError) -> tuple[TaskDefinitionError, ...]:
    """The single refusals of an error."""
    return error.refusals if isinstance(error, TemplateRefusedError) else (error,)


def in_words(error: TaskDefinitionError, scope: Scope | None) -> str:
    """Resource, container, path, what is wrong, why, and what to do, in one sentence after the other."""
    where = error.where or ""
    place = _place(where, scope)
    path = scope.path(where) if scope else where
    parts = [f"{place}: " if place else "", advice(error.message)]
    parts += [f" at {path}" if path else "", f"; {advice(error.why)}" if error.why else ""]
    return "".join(parts) + (f". To fix it: {advice(error.fix)}" if error.fix else "")


def advice(text: str) -> str:
    """The core's words with the transform's parameters in place of ``fguard instrument``'s options."""
    told = _ANSWER.sub(lambda found: _IMAGES.format(container=found[1]), text)
    told = re.sub(r"(Images: '.*?')(,? and \1)+", r"\1", told)
    for flag, name in (*_ELSEWHERE.items(), *_FLAGS):
        told = re.sub(rf"{re.escape(flag)}(?![a-z-])", name, told)
    return re.sub(r" ?\(FGUARD_\w+\)", "", told)


def _place(where: str, scope: Scope | None) -> str:
    """``Web, container app``, as far as a JSON path leads there."""
    if scope is None or not where.startswith("$"):
        return ""
    value: Json = scope.template
    resource, container, steps = "", "", [next(filter(None, found), "") for found in _STEP.findall(where)]
    for index, step in enumerate(steps):
        if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            break
        if index == 1 and steps[0] == "Resources" and scope.kind in ("template", "resources"):
            resource = step
        if isinstance(value, dict) and isinstance(value.get("Name"), str) and "Image" in value:
            container = f"container {value['Name']}"
    return ", ".join(filter(None, (resource, container)))
