"""The tasks that run at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.verify.registry import Registry, Severity, judged, skipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.verify.expected import Component
    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.facts.ecs import Container, Task
    from fargate_guard.verify.registry import Observation

CHECKS = Registry()

_LIFECYCLE = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html"
_STOPPED_BY_ECS = (137, 143)
"""Exit codes after SIGKILL and SIGTERM."""
_AWAIT = "see service.deployment for the reason, mend it, then run `fguard deploy`"
_STOPPED = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html"


def _running(facts: Facts) -> Iterator[tuple[Component, Task]]:
    for component in facts.expected.services:
        for task in facts.tasks_of(component):
            yield component, task


@CHECKS.check(
    "task.revision",
    title="Every running task is of the revision that was deployed",
    docs=_LIFECYCLE,
    needs=("tasks", "services"),
)
def revision(facts: Facts) -> Iterator[Observation]:
    """A task keeps the revision it was started with, whatever the service says now."""
    for component, task in _running(facts):
        yield judged(
            task.arn,
            task.task_definition_arn == component.task_definition_arn,
            expected=component.task_definition_arn,
            found=task.task_definition_arn,
            fix=_replace(facts, component, task),
        )


def _replace(facts: Facts, component: Component, task: Task) -> str:
    """Advise to stop a task only where the service starts one of our revision in its place.

    After a roll-back the service itself is on another revision: stopping its tasks would only cost capacity.
    """
    service = facts.service(component)
    if service is None or service.task_definition_arn != component.task_definition_arn:
        return _AWAIT
    outputs = facts.expected.outputs
    return (
        f"`aws ecs stop-task --cluster {outputs.cluster.arn} --task {task.task_id} --region {outputs.region}`:"
        " the service starts one of the deployed revision"
    )


@CHECKS.check(
    "task.containers-running",
    title="Every container of every task is RUNNING",
    docs=_LIFECYCLE,
    needs=("tasks",),
    settles=True,
)
def containers_running(facts: Facts) -> Iterator[Observation]:
    """A container that is not essential can end without its task; one may be meant to."""
    for component, task in _running(facts):
        definition = facts.task_definitions.get(task.task_definition_arn)
        may_end = definition.may_end if definition else frozenset()
        down = [
            f"{container.name} {container.last_status} {container.reason}".strip()
            for container in task.containers
            if container.last_status != "RUNNING"
            and not (container.name in may_end and container.exit_code == 0)
            and not _is_sidecar(facts, task, container.name)
        ]
        yield judged(
            task.arn,
            task.last_status == "RUNNING" and not down,
            expected="RUNNING, with all containers",
            found=f"{task.last_status}" + (f"; {', '.join(down)}" if down else ""),
            fix=f"read its log: `aws logs tail {_log_group(facts, component, task)} --since 1h`",
        )


@CHECKS.check(
    "task.sidecar-running",
    title="The agent's sidecar is RUNNING in every workload task",
    docs="https://docs.sysdig.com/en/docs/installation/sysdig-secure/install-agent-components/ecs-on-fargate/",
    needs=("tasks", "task_definitions"),
    settles=True,
)
def sidecar_running(facts: Facts) -> Iterator[Observation]:
    """The sidecar is not essential by default: it can be gone while the workload goes on, unwatched."""
    for component, task in _running(facts):
        if component.is_orchestrator:
            continue
        definition = facts.task_definitions.get(task.task_definition_arn)
        sidecar = definition.sidecar if definition else None
        container = task.container(sidecar.name) if sidecar else None
        if container is None:
            yield skipped(task.arn, "the task has no sidecar; see task.revision and task-definition.sidecar")
            continue
        code = "" if container.exit_code is None else f", exit code {container.exit_code}"
        yield judged(
            task.arn,
            container.last_status == "RUNNING",
            expected=f"{container.name} RUNNING",
            found=f"{container.name} {container.last_status}{code} {container.reason}".strip(),
            fix=f"read its log: `aws logs tail {component.agent_log_group_name} --since 1h`, then stop the task",
        )


@CHECKS.check(
    "task.healthy",
    title="No container's health check fails",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/healthcheck.html",
    needs=("tasks",),
    settles=True,
)
def healthy(facts: Facts) -> Iterator[Observation]:
    """Containers without a health check are UNKNOWN, which is fine."""
    for _, task in _running(facts):
        sick = [container.name for container in task.containers if container.health_status == "UNHEALTHY"]
        yield judged(
            task.arn,
            task.health_status != "UNHEALTHY" and not sick,
            expected="HEALTHY, or UNKNOWN without a health check",
            found=f"{task.health_status}" + (f": {', '.join(sick)}" if sick else ""),
            fix="run the health check's command in the image; with the agent a start takes some seconds longer",
        )


@CHECKS.check(
    "task.platform",
    title="Every task runs on platform version 1.4.0 or later",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/platform-linux-fargate.html",
    needs=("tasks",),
)
def platform(facts: Facts) -> Iterator[Observation]:
    """SYS_PTRACE and a shared PID namespace exist from 1.4.0."""
    for _, task in _running(facts):
        version = tuple(int(part) for part in (task.platform_version or "").split(".") if part.isdigit())
        yield judged(
            task.arn,
            version >= (1, 4, 0),
            expected="1.4.0 or later",
            found=task.platform_version or "none",
            fix="run `fguard deploy`: the service asks for 1.4.0",
        )


@CHECKS.check(
    "task.failures",
    title="No task of the service's current deployment failed within the last hour",
    docs=_STOPPED,
    needs=("stopped_tasks", "services", "task_definitions"),
    severity=Severity.WARNING,
)
def failures(facts: Facts) -> Iterator[Observation]:
    """Tasks that fail now and then are replaced, and easily overlooked."""
    for component in facts.expected.services:
        service = facts.service(component)
        if service is None:
            yield skipped(component.service_arn or component.name, "there is no such service")
            continue
        failed = [
            task
            for task in facts.stopped_tasks
            if task.failed and service.deployment_id and task.started_by == service.deployment_id
        ]
        reasons = "; ".join(dict.fromkeys(task.stopped_reason for task in failed))
        yield judged(
            service.arn,
            not failed,
            expected="none",
            found=f"{len(failed)} failed: {reasons}" if failed else "none",
            fix=_read_log(facts, failed[0]) if failed else "",
        )


def _read_log(facts: Facts, task: Task) -> str:
    """Name the log of the container that failed; one that never ran has none, and ECS knows why."""
    outputs = facts.expected.outputs
    definition = facts.task_definitions.get(task.task_definition_arn)
    failed = _culprit(task, definition.may_end if definition else frozenset())
    defined = definition.container(failed.name) if definition and failed else None
    if defined is None or not defined.log_group:
        return (
            f"`aws ecs describe-tasks --cluster {outputs.cluster.arn} --tasks {task.task_id}"
            f" --region {outputs.region}` tells what every container ended with"
        )
    stream = defined.log_stream(task.task_id)
    only = f" --log-stream-names {stream}" if stream else ""
    return (
        f"read what {defined.name} of {task.task_id} said: `aws logs tail {defined.log_group}{only} --since 1h"
        f" --region {defined.log_region or outputs.region}`"
    )


def _culprit(task: Task, may_end: frozenset[str]) -> Container | None:
    """Return the container that ended the task: an essential one, and not one that ECS stopped with the rest."""
    ended = [container for container in task.containers if container.exit_code is not None]
    order = sorted(ended, key=lambda c: (c.name in may_end, c.exit_code in _STOPPED_BY_ECS, c.exit_code == 0))
    return next(iter(order), None)


def _is_sidecar(facts: Facts, task: Task, name: str) -> bool:
    definition = facts.task_definitions.get(task.task_definition_arn)
    container = definition.container(name) if definition else None
    return container is not None and container.is_sidecar


def _log_group(facts: Facts, component: Component, task: Task) -> str:
    definition = facts.task_definitions.get(task.task_definition_arn)
    groups = (container.log_group for container in (definition.workloads if definition else ()))
    return next((group for group in groups if group), component.agent_log_group_name)
