"""Instrument a task definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef.definition import Definition, locate
from fargate_guard.taskdef.existing import Existing, existing, is_wrapped, name_of
from fargate_guard.taskdef.fields import Fields, Json, copied
from fargate_guard.taskdef.image_config import ImageNeed, Images
from fargate_guard.taskdef.preflight import (
    check_argv,
    check_container,
    check_dependencies,
    check_left_out,
    check_limits,
    check_names,
    check_ports,
    check_sidecar,
    check_task,
    warn_about_plain_key,
)
from fargate_guard.taskdef.recipes import EXTRA_CONF
from fargate_guard.taskdef.record import ABSENT, EMPTY, NULL, Additions, Record
from fargate_guard.taskdef.restoring import remove_instrumentation, restore_pid_mode
from fargate_guard.taskdef.result import ContainerOutcome, Instrumented, Notice
from fargate_guard.taskdef.sidecar import new_sidecar, update_sidecar
from fargate_guard.taskdef.sizes import check_sizes
from fargate_guard.taskdef.tags import IGNORE, IGNORE_CONTAINERS, ignored_by_tags
from fargate_guard.taskdef.workload import unwrap, wrap

if TYPE_CHECKING:
    from fargate_guard.taskdef.settings import Settings


_NO_IMAGES = Images()


def image_needs(definition: Json, settings: Settings) -> tuple[ImageNeed, ...]:
    """The containers that will be instrumented and whose images must be known for that.

    :raises TaskDefinitionError: not a task definition.
    """
    locate(definition)
    return ()


def instrument(definition: Json, settings: Settings, images: Images = _NO_IMAGES) -> Instrumented:
    """Instrument every container that the settings do not leave out.

    :param definition: RegisterTaskDefinition's input, DescribeTaskDefinition's output or an array of container
        definitions, as parsed JSON; it is not changed. Field names in lowerCamelCase, PascalCase or mixed.
    :param settings: which agent, and how.
    :return: the instrumented definition in the same shape, every container's outcome and the warnings.
    :raises TaskDefinitionError: it cannot be instrumented correctly, with the JSON path and the reason.

    Shape: https://docs.sysdig.com/en/docs/installation/sysdig-secure/install-agent-components/ecs-on-fargate/
    """
    target = locate(copied(definition))
    found = existing(target)
    tags = ignored_by_tags(target)
    if tags.everything:
        return _leave_out_everything(target, found, definition)
    check_names(target)
    check_sidecar(target, found)
    check_left_out(target, settings, tags)
    workloads = [container for container in target.parsed if container is not found.sidecar]
    left_out = {
        **dict.fromkeys(tags.containers, f"ignored by tag {IGNORE_CONTAINERS}"),
        **dict.fromkeys(settings.ignore_containers, "left out as asked"),
    }
    chosen = [container for container in workloads if name_of(container) not in left_out]
    notices = _check(target, found, settings, chosen)
    others = [container for container in found.wrapped if found.additions(container) is None]
    if not chosen and not others:
        remove_instrumentation(target, found)
        outcomes = tuple(_left_out(container, left_out[name_of(container)]) for container in workloads)
        return Instrumented(target.root, outcomes, target.root != definition, tuple(notices))
    record = _wrap_all(workloads, chosen, found, settings)
    _set_pid_mode(target, record, settings)
    if found.sidecar is None:
        target.append(new_sidecar(settings, record.label(), pascal=target.pascal))
    else:
        ours = {EXTRA_CONF} if found.record is not None and found.record.extra_conf else set()
        update_sidecar(found.sidecar, settings, record.label(), foreign=record.adopted, ours=ours)
    check_limits(target)
    check_sizes(target, found.sidecar_name)
    outcomes = tuple(
        _left_out(container, left_out[name_of(container)])
        if name_of(container) in left_out
        else _outcome(container, found)
        for container in workloads
    )
    return Instrumented(target.root, outcomes, target.root != definition, tuple(notices))


def _check(target: Definition, found: Existing, settings: Settings, chosen: list[Fields]) -> list[Notice]:
    notices = list(check_task(target, settings))
    check_argv(chosen)
    for container in chosen:
        notices += check_container(container, settings, found)
    if chosen:
        check_ports(target, found)
        check_dependencies(target, found)
    for container in target.parsed:
        if container not in chosen and container is not found.sidecar:
            notices += warn_about_plain_key(container)
    if found.wrapped and found.sidecar is None:
        notices.append(
            Notice(
                found.wrapped[0].path, "the container is instrumented, but its sidecar was missing; added again"
            )
        )
    return notices


def _wrap_all(workloads: list[Fields], chosen: list[Fields], found: Existing, settings: Settings) -> Record:
    pid_mode = found.record.pid_mode if found.record else None
    record = Record(
        pid_mode=pid_mode,
        extra_conf=EXTRA_CONF in settings.variables(settings.recipe.sidecar_variables),
        adopted=found.sidecar is not None and found.foreign,
    )
    for container in workloads:
        added = found.additions(container)
        if container not in chosen:
            if added is not None:
                unwrap(container, found.sidecar_name, added)
            continue
        if added is None and is_wrapped(container):
            wrap(container, settings, found.sidecar_name, None)
            continue
        record.containers[name_of(container)] = wrap(container, settings, found.sidecar_name, added or Additions())
    return record


def _set_pid_mode(target: Definition, record: Record, settings: Settings) -> None:
    task, wanted = target.task, settings.recipe.pid_mode
    if task is None:
        return
    if wanted is None:
        restore_pid_mode(task, record)
        record.pid_mode = None
    elif task.get("pidMode") != wanted:
        before = task.get("pidMode")
        record.pid_mode = ABSENT if "pidMode" not in task else NULL if before is None else EMPTY
        task.set("pidMode", wanted)


def _outcome(container: Fields, found: Existing) -> ContainerOutcome:
    if container not in found.wrapped:
        reason = "instrumented"
    elif found.additions(container) is None:
        reason = "instrumented by another tool before; brought up to date"
    else:
        reason = "was instrumented before"
    return ContainerOutcome(name_of(container), container.path, True, reason)


def _left_out(container: Fields, reason: str) -> ContainerOutcome:
    wrapped = is_wrapped(container)
    if wrapped:
        reason = f"{reason}; another tool instrumented it"
    return ContainerOutcome(name_of(container), container.path, wrapped, reason)


def _leave_out_everything(target: Definition, found: Existing, definition: Json) -> Instrumented:
    """Take back what fguard itself added before the tag was set; anything else stays as it is."""
    if found.record is not None and not found.foreign:
        remove_instrumentation(target, found)
    outcomes = tuple(
        _left_out(container, f"ignored by tag {IGNORE}")
        for container in target.parsed
        if container is not found.sidecar
    )
    return Instrumented(target.root, outcomes, target.root != definition, ())
