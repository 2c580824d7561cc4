"""Why tasks of a revision stopped: ECS's reasons and the last lines of their logs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fargate_guard.aws import ecs, logs
from fargate_guard.aws.errors import AwsError
from fargate_guard.aws.parallel import each
from fargate_guard.verify.facts.ecs import Task
from fargate_guard.verify.facts.task_definition import TaskDefinition
from fargate_guard.verify.log_text import shown
from fargate_guard.verify.rollout_verdict import FailedTask

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws
    from fargate_guard.verify.facts.ecs import Container

MOST = 3
"""Tasks that are told: they nearly always fail alike."""
LINES = 10
"""Per container."""


def failed_tasks(aws: Aws, cluster: str, service_name: str, task_definition_arn: str) -> tuple[FailedTask, ...]:
    """Return the latest tasks of the revision that failed, newest first; ECS shows stopped tasks for an hour."""
    stopped = (Task.of(task) for task in ecs.tasks(aws, cluster, service=service_name, desired_status="STOPPED"))
    failed = [task for task in stopped if task.failed and task.task_definition_arn == task_definition_arn]
    failed.sort(key=lambda task: task.stopped_at.timestamp() if task.stopped_at else 0.0, reverse=True)
    if not failed:
        return ()
    described = ecs.task_definition(aws, task_definition_arn)
    definition = TaskDefinition.of(described) if described else None
    return tuple(each(partial(_tell, aws, definition), failed[:MOST]))


def _tell(aws: Aws, definition: TaskDefinition | None, task: Task) -> FailedTask:
    lines = [line for container in task.containers for line in _last_lines(aws, definition, task, container)]
    return FailedTask(
        arn=task.arn,
        reason=task.stopped_reason or task.stop_code or "no reason given",
        containers=tuple(_ended(container) for container in task.containers),
        log_lines=tuple(lines),
    )


def _ended(container: Container) -> str:
    code = "no exit code" if container.exit_code is None else f"exit code {container.exit_code}"
    return f"{container.name}: {code}" + (f", {container.reason}" if container.reason else "")


def _last_lines(aws: Aws, definition: TaskDefinition | None, task: Task, container: Container) -> list[str]:
    defined = definition.container(container.name) if definition else None
    group, stream = (defined.log_group, defined.log_stream(task.task_id)) if defined else (None, None)
    if not group or not stream:
        return []
    try:
        lines = logs.last_lines(aws, group, stream, LINES)
    except AwsError as error:  # the reasons are worth telling without the logs
        return [f"[{container.name}] (logs not readable: {error.why})"]
    return [f"[{container.name}] {shown(line)}" for line in lines]
