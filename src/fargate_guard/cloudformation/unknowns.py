"""What decides about a task definition and is only known when it is deployed: refused, or warned about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.cloudformation.intrinsics import Opaque, shown
from fargate_guard.cloudformation.resources import CONTAINERS
from fargate_guard.taskdef import Notice, TaskDefinitionError
from fargate_guard.taskdef.recipes import AGENT_VARIABLES
from fargate_guard.taskdef.selection import is_pattern
from fargate_guard.taskdef.tags import IGNORE, IGNORE_CONTAINERS, INCLUDE, INCLUDE_CONTAINERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fargate_guard.taskdef import Json, Settings

TAGS = (IGNORE, IGNORE_CONTAINERS, INCLUDE, INCLUDE_CONTAINERS)
"""That decide which containers are instrumented."""


def unknown(value: Json) -> bool:
    """Whether a function stands here of which nobody knows what it gives."""
    return isinstance(value, Opaque) and not value.known


def could_be(value: Json, texts: Iterable[str]) -> str | None:
    """The first of the texts that an unknown value may turn out to be."""
    if not isinstance(value, Opaque) or value.known:
        return None
    return next((text for text in texts if value.source is None or value.source.could_be(text)), None)


def refuse(where: str, what: str, value: Json, why: str, fix: str = "") -> TaskDefinitionError:
    """The refusal for an unknown value; ``where`` as the core writes paths."""
    or_else = f", or {fix}" if fix else ""
    return TaskDefinitionError(
        f"{what} is only known when this is deployed: {value}",
        where=where,
        why=why,
        fix=f"give the values it depends on, --parameter NAME=VALUE, or write the value itself{or_else}",
    )


def check_task(definition: dict[str, Json], settings: Settings) -> None:
    """Nothing unknown decides whether and how the task is instrumented.

    :raises TaskDefinitionError: something does.
    """
    _check_tags(definition.get("Tags"))
    pid_mode = definition.get("PidMode")
    if settings.recipe.pid_mode and isinstance(pid_mode, Opaque) and unknown(pid_mode):
        raise refuse("$.PidMode", "PidMode", pid_mode, "the agent needs `task`, and Fargate allows nothing else")
    if settings.recipe.pid_mode and isinstance(pid_mode, Opaque) and not pid_mode:
        raise TaskDefinitionError(
            f"PidMode is given by a function that gives nothing: {shown(pid_mode.intrinsic)}",
            where="$.PidMode",
            why="the agent needs `task`, and writing that here would lose the function",
            fix="write PidMode: task, or give the value that is deployed: --parameter NAME=task",
        )
    platform = definition.get("RuntimePlatform")
    family = platform.get("OperatingSystemFamily") if isinstance(platform, dict) else None
    if could_be(family, ("WINDOWS_SERVER_2022_CORE",)):
        why = "the serverless agent runs on Linux only"
        raise refuse("$.RuntimePlatform.OperatingSystemFamily", "the operating system", family, why)


def check_compatibilities(definition: dict[str, Json]) -> None:
    """Whether the task is for Fargate is known.

    :raises TaskDefinitionError: it is not.
    """
    required = definition.get("RequiresCompatibilities")
    if not isinstance(required, list) or "FARGATE" in required:
        return
    for index, item in enumerate(required):
        if could_be(item, ("FARGATE",)):
            where = f"$.RequiresCompatibilities[{index}]"
            raise refuse(where, "what the task is for", item, "only a task for Fargate is instrumented")


def _check_tags(tags: Json) -> None:
    for index, tag in enumerate(tags if isinstance(tags, list) else ()):
        if not isinstance(tag, dict):
            continue
        key, value = tag.get("Key"), tag.get("Value")
        if could_be(key, TAGS):
            raise refuse(f"$.Tags[{index}].Key", "a tag's key", key, f"it could be {could_be(key, TAGS)}")
        if key in (IGNORE_CONTAINERS, INCLUDE_CONTAINERS) and unknown(value):
            raise refuse(f"$.Tags[{index}].Value", "the tag's value", value, "it names containers to leave out")


def check_names(definition: dict[str, Json], settings: Settings) -> None:
    """No unknown name of a container can be one that is to be left out.

    :raises TaskDefinitionError: one can.
    """
    containers = definition.get(CONTAINERS)
    names = (
        [one.get("Name") for one in containers if isinstance(one, dict)] if isinstance(containers, list) else []
    )
    known = [name for name in names if not unknown(name)]
    missing = [name for name in settings.ignore_containers if is_pattern(name) or name not in known]
    for index, name in enumerate(names):
        if not missing or not unknown(name) or known_by_its_function(name, settings):
            continue
        pattern = next(filter(is_pattern, missing), None)
        found = could_be(name, (one for one in missing if not is_pattern(one))) or pattern
        if found:
            why = f"it could be {found}, which is to be left out (--ignore-container)"
            raise refuse(f"$.{CONTAINERS}[{index}].Name", "the container's name", name, why)


def check_variables(definition: dict[str, Json], containers: Iterable[int], reserved: frozenset[str]) -> None:
    """No unknown name of a variable can be one that the instrumentation sets or the agent reads.

    :param containers: those in which there are functions, by their place.
    :raises TaskDefinitionError: one can.
    """
    for index in containers:
        container = definition[CONTAINERS][index]
        for field in ("Environment", "Secrets") if isinstance(container, dict) else ():
            _check_variables(container.get(field), f"$.{CONTAINERS}[{index}].{field}", reserved)


def known_by_its_function(name: Json, settings: Settings) -> bool:
    """Whether the user named a container by the function of its name, as fguard shows it."""
    return str(name) in settings.ignore_containers


def reserved_variables(settings: Settings) -> frozenset[str]:
    """The names of variables that the instrumentation sets or the agent reads."""
    return frozenset((*AGENT_VARIABLES, *settings.workload_environment))


def _check_variables(entries: Json, path: str, reserved: frozenset[str]) -> None:
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        name = entry.get("Name") if isinstance(entry, dict) else None
        found = could_be(name, reserved)
        if found and isinstance(name, Opaque):
            fix = "leave the container out: --ignore-container"
            why = f"it could be {found}, which the agent reads"
            raise refuse(f"{path}[{index}].Name", "the variable's name", name, why, fix)


def default_notices(values: Iterable[tuple[str, str, Json]]) -> Iterator[Notice]:
    """A warning for each value that a parameter's default decided: path, what it is, and the value."""
    for where, what, value in values:
        source = value.source if isinstance(value, Opaque) else None
        for parameter in sorted(source.defaults) if source is not None else ():
            yield Notice(
                where,
                f"{what} is taken to be {value}, from the default of parameter {parameter}; "
                f"if another value is deployed, give it: --parameter {parameter}=VALUE",
            )
