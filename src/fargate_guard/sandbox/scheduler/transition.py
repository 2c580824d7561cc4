"""What a step does to a task and to the account around it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from fargate_guard.sandbox.scheduler import wording
from fargate_guard.sandbox.scheduler.lifecycle import Change, Step, Stop
from fargate_guard.sandbox.scheduler.model import RUNNING, STOPPED

if TYPE_CHECKING:
    from fargate_guard.sandbox.scheduler.model import Container, Task
    from fargate_guard.sandbox.scheduler.world import World

TERMINATED = 143
"""Exit code of a process that ended on SIGTERM (128 + 15)."""


def stop_task(task: Task, stop: Stop, at: float) -> None:
    """Tell a task to stop, with the reason that ECS will show."""
    if task.desired_status == STOPPED:
        return
    task.desired_status = STOPPED
    task.stop_code = stop.code
    task.stopped_reason = stop.reason
    task.stopping_at = at
    task.status_since = at
    task.healthy = False
    task.version += 1
    for container in task.containers:
        if stop.container in (None, container.name):
            container.reason = stop.container_reason
        if stop.exit_code is not None and container.name == stop.container:
            container.exit_code = stop.exit_code
            container.last_status = STOPPED


def apply_step(task: Task, step: Step, at: float, world: World) -> list[str]:
    """Let a step happen; return the service events that go with it."""
    task.version += 1
    match step.change:
        case Change.STOP:
            assert step.stop is not None  # noqa: S101 - a stop step always carries its reason
            return _stop(task, step.stop, at, world)
        case Change.CONTAINER_HEALTH:
            for container in task.containers:
                if container.checks_health:
                    container.health_status = step.status
        case Change.TARGET_HEALTH:
            task.target_state = step.status
            world.show_target_state(task)
        case Change.HEALTHY:
            task.healthy = True
        case Change.STATUS:
            return _reach(task, step.status, at, world)
    return []


def _stop(task: Task, stop: Stop, at: float, world: World) -> list[str]:
    """A task ends for a reason of its own; say so in the log and, for a service, in its events."""
    events = []
    name = task.service_name or ""
    if stop.reason == wording.CONTAINER_HEALTH_FAILED:
        events.append(wording.unhealthy_container(name, task.id))
    elif task.target_state == "unhealthy" and task.targets:
        events.append(wording.unhealthy_target(name, task.targets[0].port, task.targets[0].target_group_arn))
    if stop.exit_code is not None:
        for container in task.containers:
            if container.name == stop.container:
                message = f"container {container.name} exited with code {stop.exit_code}"
                world.write_log(task, container, simulated(message), at)
    stop_task(task, stop, at)
    return events


def _reach(task: Task, status: str, at: float, world: World) -> list[str]:
    events = _leave(task, status, world)
    task.last_status = status
    task.status_since = at
    match status:
        case "PENDING":
            world.attach_network(task)
            task.pull_started_at = at
        case "ACTIVATING":
            task.pull_stopped_at = at
        case "RUNNING":
            task.pull_stopped_at = task.pull_stopped_at or at
            events += _run(task, at, world)
        case "DEACTIVATING" if task.target_state is not None:
            task.target_state = "draining"
            world.show_target_state(task)
        case "DEPROVISIONING":
            _end_containers(task, at, world)
        case "STOPPED":
            world.detach_network(task)
            task.stopped_at = at
            for container in task.containers:
                container.last_status = STOPPED
    return events


def _run(task: Task, at: float, world: World) -> list[str]:
    task.started_at = at
    for container in task.containers:
        container.runtime_id = f"{task.id}-{int(hashlib.sha256(container.name.encode()).hexdigest()[:8], 16)}"
        world.write_log(task, container, simulated(f"container {container.name} started"), at)
        if container.finishes:
            container.last_status, container.exit_code = STOPPED, 0
            world.write_log(task, container, simulated(f"container {container.name} exited with code 0"), at)
        else:
            container.last_status = RUNNING
    if not task.targets:
        return []
    task.target_state = "initial"
    world.register_targets(task)
    arns = dict.fromkeys(target.target_group_arn for target in task.targets)
    return [wording.registered(task.service_name or "", 1, arn) for arn in arns]


def _leave(task: Task, status: str, world: World) -> list[str]:
    """Targets that have drained are taken out when the task goes on."""
    if task.target_state != "draining" or status == "DEACTIVATING":
        return []
    task.target_state = None
    world.deregister_targets(task)
    arns = dict.fromkeys(target.target_group_arn for target in task.targets)
    return [wording.deregistered(task.service_name or "", 1, arn) for arn in arns]


def _end_containers(task: Task, at: float, world: World) -> None:
    for container in task.containers:
        if container.last_status == RUNNING:
            container.exit_code = TERMINATED
            world.write_log(task, container, simulated(f"container {container.name} stopped"), at)
        container.last_status = STOPPED


def simulated(what: str) -> str:
    """Label a log line so that nobody takes it for a container's output."""
    return f"[fguard sandbox] {what} (simulated: no container runs here)"


def log_stream(task: Task, container: Container) -> str | None:
    """Name of the awslogs stream: ``prefix/container/task``.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
    """
    options = awslogs(container)
    if options is None:
        return None
    prefix = options.get("awslogs-stream-prefix")
    return f"{prefix}/{container.name}/{task.id}" if prefix else task.id


def awslogs(container: Container) -> dict[str, str] | None:
    """Options of the awslogs driver, or None when the container logs elsewhere."""
    configuration = container.definition.get("logConfiguration") or {}
    if configuration.get("logDriver") != "awslogs":
        return None
    return dict(configuration.get("options") or {})
