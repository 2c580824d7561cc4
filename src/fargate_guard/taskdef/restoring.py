"""Undo instrumentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef.definition import Definition, locate
from fargate_guard.taskdef.existing import Existing, existing, name_of
from fargate_guard.taskdef.fields import Fields, Json, copied
from fargate_guard.taskdef.record import ABSENT, NULL, Record, has_label
from fargate_guard.taskdef.result import ContainerOutcome, Notice, Restored
from fargate_guard.taskdef.workload import take_back_extra, unwrap

if TYPE_CHECKING:
    from collections.abc import Iterator


def uninstrument(definition: Json) -> Json:
    """The exact original of an instrumented definition; see :func:`restore` for what else there is to tell."""
    return restore(definition).definition


def restore(definition: Json) -> Restored:
    """Undo instrumentation, and tell what was not certain.

    What fguard instrumented comes back exactly, in any shape, also after other parts were edited. What another
    tool instrumented comes back as far as it can be derived: the argv is certain, its division is not.

    :raises TaskDefinitionError: not a task definition, or two sidecars.
    """
    target = locate(copied(definition))
    found = existing(target)
    workloads = [container for container in target.parsed if container is not found.sidecar]
    instrumented = [
        one
        for one in workloads
        if one in found.wrapped or found.additions(one) is not None or found.mounts_foreign(one)
    ]
    notices = remove_instrumentation(target, found)
    outcomes = tuple(
        ContainerOutcome(
            name_of(container),
            container.path,
            False,
            "restored" if container in instrumented else "was not instrumented",
        )
        for container in workloads
    )
    return Restored(target.root, outcomes, target.root != definition, tuple(notices))


def is_instrumented(definition: Json) -> bool:
    """Whether a definition is instrumented, by fguard or by Sysdig's own tools.

    :raises TaskDefinitionError: not a task definition.
    """
    return existing(locate(definition)).any


def remove_instrumentation(target: Definition, found: Existing) -> list[Notice]:
    """Take everything back in place, and return what is uncertain."""
    if not found.any:
        return []
    record = found.record or Record()
    notices: list[Notice] = []
    for container in target.parsed:
        if container is not found.sidecar:
            notices += _take_back(container, found)
    if found.sidecar is not None:
        notices += _dependents(target, found.sidecar_name)
        target.remove(found.sidecar)
    if target.task is None:
        notices.append(
            Notice(
                "$",
                "if pidMode was set for the agent, remove it where the task is made: it is not part of this array",
            )
        )
    elif record.pid_mode is not None:
        restore_pid_mode(target.task, record)
    elif found.foreign and target.task.get("pidMode") == "task":
        notices.append(
            Notice(target.task.at("pidMode"), "left as it is: whether the instrumentation set it is not recorded")
        )
    return notices


def _take_back(container: Fields, found: Existing) -> Iterator[Notice]:
    added = found.additions(container)
    if added is not None:
        unwrap(container, found.sidecar_name, added)
    elif container in found.wrapped:
        if (more := found.recorded(container)) is not None:
            take_back_extra(container, more)
        certain = unwrap(container, found.sidecar_name, None)
        yield _uncertain(container, found, certain=certain)
    if found.mounts_foreign(container):
        unwrap(container, found.sidecar_name, None)
        yield Notice(
            container.path,
            f"another tool gave container {name_of(container)} the volumes of {found.sidecar_name}, but did not "
            "wrap it; the mount is gone with the sidecar; agent variables or SYS_PTRACE of your own are gone, too",
        )


def restore_pid_mode(task: Fields, record: Record) -> None:
    """Bring ``pidMode`` back to what it was, if fguard set it and nobody changed it since."""
    if record.pid_mode is None or task.get("pidMode") != "task":
        return
    if record.pid_mode == ABSENT:
        task.drop("pidMode")
    else:
        task.set("pidMode", None if record.pid_mode == NULL else "")


def _dependents(target: Definition, sidecar_name: str) -> list[Notice]:
    """Containers that someone made wait for the sidecar; ECS refuses to register them without it."""
    return [
        Notice(dependency.path, f"depends on {sidecar_name}, which is removed; remove this entry, too")
        for container in target.parsed
        for dependency in container.entries("dependsOn")
        if dependency.get("containerName") == sidecar_name
    ]


def _uncertain(container: Fields, found: Existing, *, certain: bool) -> Notice:
    where = container.at("entryPoint")
    unknown = "not in the record: another tool instrumented this container, or it was renamed since"
    if found.record is None and found.sidecar is not None and has_label(found.sidecar):
        unknown = "fguard's record is damaged"
    if certain:
        return Notice(where, f"{unknown}; agent variables or SYS_PTRACE of your own are gone as well")
    return Notice(
        where,
        f"{unknown}, and there is no division between entryPoint and command; all of it is in entryPoint now: "
        "it runs the same, but an override of command would be appended to it",
    )
