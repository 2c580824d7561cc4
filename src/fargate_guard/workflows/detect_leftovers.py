"""What killed runs of ``fguard detect`` left: told by a tag, and taken away by the next run.

``destroy``, and a ``deploy`` that deletes a security group, take it out of their way, too.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fargate_guard.aws import ecs, lone_tasks
from fargate_guard.aws.errors import AccessDenied
from fargate_guard.deployment import DEPLOYMENT_TAG
from fargate_guard.errors import FguardError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fargate_guard.aws.session import Aws
    from fargate_guard.deployment import DeploymentOutputs
    from fargate_guard.stacks.change_set import StackChange, StackPlan
    from fargate_guard.terraform.plan import Plan, ResourceChange
    from fargate_guard.workflows.context import Context

Json = dict[str, Any]
DETECT_TAG = "fguard:detect"
"""On the task and its task definition: machine, process, the second (since 1970) when the run is over, and when
the process began (Linux: clock ticks since the machine did)."""
STOP_SECONDS = 180.0
"""How long a task may take to stop: ECS kills it 30 s after it asked, or what its definition says, up to 120."""
LEFT = "left by an earlier fguard detect"
_DELETING = frozenset({"delete", "replace", "may replace"})
"""Actions of a plan after which what was there is gone."""
_PAUSE = 1.0
_BOOT, _PROCESSES = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
"""Linux: which start of which machine this is (random(4)), and whose process numbers (namespaces(7))."""
_STATE, _STARTED = 0, 19
"""Fields of ``/proc/PID/stat`` after the process's name (proc_pid_stat(5): 3 and 22)."""


def family_of(deployment: str) -> str:
    """Return the family of the deployment's triggers."""
    return f"fguard_{deployment}_detect"


def mark_of(until: float) -> str:
    """Return the tag's value for this process."""
    return f"{_machine()}:{os.getpid()}:{int(until)}:{_began(os.getpid()) or ''}"


def tags_of(tagged: Json) -> Mapping[str, str]:
    """Return the tags of what ECS described."""
    return {str(tag["key"]): str(tag.get("value") or "") for tag in tagged.get("tags") or ()}


def remove_leftovers(context: Context, outputs: DeploymentOutputs | None, *, now: float) -> list[str]:
    """Take away what runs left that were killed; return the ARNs. What a run under way has made stays.

    :param outputs: None: the deployment is not, or not wholly, there; its cluster may be.
    """
    aws = context.aws.in_region(outputs.region) if outputs else context.aws
    family, removed = family_of(context.config.name), []
    for task in _triggers_in(context, aws, [outputs.cluster.arn] if outputs else _clusters(context)):
        if is_left(task, now):
            lone_tasks.stop_task(aws, task["clusterArn"], task["taskArn"], LEFT)
            removed.append(str(task["taskArn"]))
    for arn, definition in ecs.task_definitions(aws, lone_tasks.revisions(aws, family)).items():
        if is_left(definition, now):
            lone_tasks.delete_revision(aws, arn, is_registered=definition.get("status") != "INACTIVE")
            removed.append(arn)
    return removed


def clean_up_where_nothing_starts(context: Context) -> None:
    """Take away what killed runs left also where a new one cannot start; hides no error that led here."""
    try:
        removed = remove_leftovers(context, None, now=time.time())
    except FguardError as error:
        context.observer.warning(f"whether an earlier fguard detect left something is not known: {error.message}")
        return
    if removed:
        context.observer.note(f"took away what an earlier run had left: {', '.join(removed)}")


def announce_triggers(context: Context) -> None:
    """Say before ``destroy`` asks which tasks of ``fguard detect`` it would stop under the hands of others."""
    for task in _triggers(context):
        if not is_left(task, time.time()):
            context.observer.warning(
                f"fguard detect is under way: its task {task['taskArn']} would be stopped, too"
            )


def stop_triggers(
    context: Context, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> list[str]:
    """Stop all tasks of ``fguard detect`` in the deployment, whoever runs it, and wait until they have stopped.

    Cluster, subnets and security groups cannot be deleted before. The revisions go with the deployment's others.

    :returns: the tasks' ARNs.
    :raises FguardError: when one does not stop.
    """
    return [_stop(context, task, "fguard destroy", clock, sleep) for task in _triggers(context)]


def clear_the_way(context: Context, plan: Plan | StackPlan) -> None:
    """Stop what killed runs left before a deploy deletes a security group, which their tasks would hold.

    A task of a run under way is left alone, and named: AWS waits for it, or refuses.

    :raises FguardError: when one does not stop.
    """
    if not any(_deletes_a_security_group(change) for change in plan.changes):
        return
    for task in _triggers(context):
        if is_left(task, time.time()):
            _stop(context, task, "fguard deploy", time.monotonic, time.sleep)
        else:
            context.observer.warning(
                f"fguard detect is under way: its task {task['taskArn']} may use a security group that goes with"
                " this deploy, which then waits for it, or fails; a second deploy would do"
            )


def _deletes_a_security_group(change: ResourceChange | StackChange) -> bool:
    kind = change.resource_type.replace("_", "").lower()
    return kind.endswith("securitygroup") and change.action in _DELETING


def _stop(
    context: Context, task: Json, reason: str, clock: Callable[[], float], sleep: Callable[[float], None]
) -> str:
    """Stop a task, and wait until it has stopped; return its ARN."""
    aws, arn, cluster = context.aws, str(task["taskArn"]), str(task["clusterArn"])
    context.observer.note(f"stop the task of fguard detect: {arn}")
    lone_tasks.stop_task(aws, cluster, arn, reason)
    deadline = clock() + STOP_SECONDS
    while True:
        found = lone_tasks.task(aws, cluster, arn)
        if found is None or found["lastStatus"] == "STOPPED":
            return arn
        if clock() >= deadline:
            raise FguardError(
                "the task of fguard detect does not stop",
                where=arn,
                why=f"it is {found['lastStatus']} still, after {STOP_SECONDS:g} s",
                fix=f"aws ecs stop-task --cluster {cluster} --task {arn}; then run {reason} again",
            )
        sleep(_PAUSE)


def _triggers(context: Context) -> list[Json]:
    """Return the deployment's tasks of ``fguard detect`` that are to run; none where one may not ask."""
    try:
        return _triggers_in(context, context.aws, _clusters(context))
    except AccessDenied as denied:
        context.observer.warning(f"whether fguard detect left a task is not known: {denied.message}")
        return []


def _triggers_in(context: Context, aws: Aws, clusters: Iterable[str]) -> list[Json]:
    name = context.config.name
    found = [task for cluster in clusters for task in lone_tasks.tasks_of_family(aws, cluster, family_of(name))]
    tagged = ((task, tags_of(task)) for task in found)
    return [task for task, tags in tagged if DETECT_TAG in tags and tags.get(DEPLOYMENT_TAG) == name]


def _clusters(context: Context) -> Iterable[str]:
    """The names of the deployment's cluster, whichever it is by now."""
    return dict.fromkeys(filter(None, (context.config.cluster.name, f"fguard-{context.config.name}")))


@functools.cache
def _machine() -> str:
    """Return what tells apart where a process number means something: two containers may have one name."""
    parts = [platform.node()]
    with suppress(OSError):
        parts += [_BOOT.read_text(encoding="ascii"), str(_PROCESSES.readlink())]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


def is_left(tagged: Json, now: float) -> bool:
    """Whether the run that made it is over: its time is up, or its process, on this machine, is gone."""
    machine, process, until, began = (tags_of(tagged).get(DETECT_TAG, "") + ":::").split(":")[:4]
    if not (process.isdigit() and until.isdigit()):
        return False
    if int(until) < now:
        return True
    return machine == _machine() and int(process) != os.getpid() and not _is_alive(int(process), began)


def _is_alive(process: int, began: str) -> bool:
    """Whether a process runs, and is the one that began then; one that nobody has reaped yet does not run."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    fields = _fields(process)
    if fields is None:
        return True
    return fields[_STATE] not in ("Z", "X") and began in ("", fields[_STARTED])


def _began(process: int) -> str | None:
    fields = _fields(process)
    return fields[_STARTED] if fields else None


def _fields(process: int) -> list[str] | None:
    """Return what Linux says of a process, from its state on; None elsewhere."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()
