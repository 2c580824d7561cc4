"""Instrument a task definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef.definition import Definition, locate
from fargate_guard.taskdef.existing import Existing, existing, is_wrapped, name_of
from fargate_guard.taskdef.fields import Fields, Json, copied
from fargate_guard.taskdef.preflight import (
    check_argv,
    check_container,
    check_dependencies,
    check_limits,
    check_names,
    check_ports,
    check_sidecar,
    check_task,
    warn_about_plain_key,
)
from fargate_guard.taskdef.record import ABSENT, EMPTY, NULL, Additions, Record
from fargate_guard.taskdef.restoring import remove_instrumentation, restore_pid_mode
from fargate_guard.taskdef.result import ContainerOutcome, Instrumented, Notice
from fargate_guard.taskdef.sidecar import new_sidecar, update_sidecar
from fargate_guard.taskdef.sizes import check_sizes
from fargate_guard.taskdef.workload import unwrap, wrap

if TYPE_CHECKING:
    from fargate_guard.taskdef.settings import Settings


def instrument(definition: Json, settings: Settings) -> Instrumented:
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
    check_names(target)
    check_sidecar(target, found)
    workloads = [container for container in target.parsed if container is not found.sidecar]
    chosen = [container for container in workloads if container.get("name") not in settings.ignore_containers]
    notices = _check(target, found, settings, chosen)
    others = [container for container in found.wrapped if found.additions(container) is None]
    if not chosen and not others:
        remove_instrumentation(target, found)
        outcomes = tuple(_left_out(container) for container in workloads)
        return Instrumented(target.root, outcomes, target.root != definition, tuple(notices))
    record = _wrap_all(workloads, chosen, found, settings)
    _set_pid_mode(target, record, settings)
    if found.sidecar is None:
        target.append(new_sidecar(settings, record.label(), pascal=target.pascal))
    else:
        update_sidecar(found.sidecar, settings, record.label(), foreign=record.adopted)
    check_limits(target)
    check_sizes(target, found.sidecar_name)
    outcomes = tuple(
        _outcome(container, found) if container in chosen else _left_out(container) for container in workloads
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
    names = {container.get("name") for container in target.parsed}
    notices += [
        Notice(target.path, f"there is no container {name} to leave out")
        for name in settings.ignore_containers
        if name not in names
    ]
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
    record = Record(pid_mode=pid_mode, adopted=found.sidecar is not None and found.foreign)
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


def _left_out(container: Fields) -> ContainerOutcome:
    wrapped = is_wrapped(container)
    reason = "left out as asked; another tool instrumented it" if wrapped else "left out as asked"
    return ContainerOutcome(name_of(container), container.path, wrapped, reason)
