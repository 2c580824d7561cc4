"""Carries out what :mod:`lifecycle` and :mod:`rollout` decide, up to a given moment.

Nothing runs in the background: whoever looks at the account first brings it up to date, and every step is
dated with the moment at which it was due.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fargate_guard.sandbox.scheduler import rollout, wording
from fargate_guard.sandbox.scheduler.launch import launch_service_task
from fargate_guard.sandbox.scheduler.lifecycle import Change, Step, Stop, next_step
from fargate_guard.sandbox.scheduler.model import RUNNING, STOPPED
from fargate_guard.sandbox.scheduler.progress import complete, record_failure, start_rollback, trip
from fargate_guard.sandbox.scheduler.transition import apply_step, stop_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fargate_guard.sandbox.scheduler.model import Service, Task
    from fargate_guard.sandbox.scheduler.pace import Pace
    from fargate_guard.sandbox.scheduler.world import World

STOPPED_TASKS_KEPT = 3600.0
"""ECS shows stopped tasks for at least an hour
(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html)."""

NEVER = math.inf


class Scheduler:
    """Advances services and tasks of one region in one account."""

    def __init__(self, world: World, pace: Pace, new_id: Callable[[], str]) -> None:
        """Schedule in a world.

        :param new_id: returns a new 32-digit hexadecimal ID, as tasks have.
        """
        self._world = world
        self._pace = pace
        self._new_id = new_id

    def advance_service(self, service: Service, now: float) -> None:
        """Do everything that is due for a service and its tasks up to ``now``."""
        if now < service.next_due:
            return
        while True:
            self._settle(service)
            due, tasks = self._due_tasks(service.tasks.values())
            primary = service.primary
            if primary is not None and service.clock < primary.retry_at < due:
                due, tasks = primary.retry_at, []
            due = max(due, service.clock)
            if due > now:
                break
            service.clock = due
            for task in tasks:
                self._take_step(service, task)
        service.next_due = due
        service.clock = max(service.clock, now)
        _forget_old_tasks(service, now)

    def advance_task(self, task: Task, now: float) -> None:
        """Do everything that is due for a task outside services up to ``now``."""
        while True:
            step = next_step(task, self._world.obstacles(task), self._pace)
            if step is None or step.due > now:
                return
            apply_step(task, step, step.due, self._world)

    def stop(self, service: Service | None, task: Task, stop: Stop, at: float) -> None:
        """Tell a task to stop; its service, if any, replaces it."""
        stop_task(task, stop, at)
        if service is not None:
            service.next_due = 0.0

    def _due_tasks(self, tasks: Iterable[Task]) -> tuple[float, list[Task]]:
        """Return the next moment at which something happens and the tasks to which it does."""
        due = NEVER
        found: list[Task] = []
        for task in tasks:
            step = self._next_step(task)
            if step is None or step.due > due:
                continue
            if step.due < due:
                due, found = step.due, []
            found.append(task)
        return due, found

    def _next_step(self, task: Task) -> Step | None:
        if task.last_status == STOPPED:
            return None
        return next_step(task, self._world.obstacles(task), self._pace)

    def _take_step(self, service: Service, task: Task) -> None:
        """Let a task's step happen, unless another task's step at this moment has changed what it would be."""
        step = self._next_step(task)
        if step is not None and step.due <= service.clock:
            self._apply(service, task, step)

    def _settle(self, service: Service) -> None:
        """Let the service decide until it has nothing left to do at this moment."""
        while decisions := rollout.decide(service, service.clock):
            for decision in decisions:
                self._carry_out(service, decision)

    def _carry_out(self, service: Service, decision: rollout.Decision) -> None:
        match decision:
            case rollout.StartTasks(deployment_id, count):
                deployed = [*service.deployments, *service.task_sets]
                deployment = next(d for d in deployed if d.id == deployment_id)
                tasks = [
                    launch_service_task(service, deployment, self._new_id, service.clock) for _ in range(count)
                ]
                service.tasks.update({task.arn: task for task in tasks})
                deployment.steady = False
                record_event(service, wording.started(service.name, [task.id for task in tasks]))
            case rollout.StopTasks(arns):
                self._stop_for_service(service, [service.tasks[arn] for arn in arns])
            case rollout.RemoveDeployment(deployment_id):
                service.deployments = [d for d in service.deployments if d.id != deployment_id]
                service.task_sets = [d for d in service.task_sets if d.id != deployment_id]
            case rollout.CompleteDeployment():
                for event in complete(service):
                    record_event(service, event)
            case rollout.TripBreaker(deployment_id, rollback_to):
                record_event(service, wording.failed(service.name, deployment_id))
                trip(service, rollback_to is not None)
                if rollback_to is not None:
                    start_rollback(service, rollback_to, wording.FAILED_REASON)
                    record_event(service, wording.rolling_back(service.name, rollback_to))
            case rollout.Retire():
                service.status = "INACTIVE"
                service.deployments, service.task_sets = [], []

    def _stop_for_service(self, service: Service, tasks: list[Task]) -> None:
        primary = service.primary
        reason = wording.scaling_stop(primary.id if primary else "")
        for task in tasks:
            stop_task(task, Stop("ServiceSchedulerInitiated", reason), service.clock)
        record_event(service, wording.stopped(service.name, [task.id for task in tasks]))
        registered = [task for task in tasks if task.target_state is not None]
        if registered:
            record_event(service, wording.draining(service.name, len(registered)))

    def _apply(self, service: Service, task: Task, step: Step) -> None:
        """Let one step happen to a service's task, with the events ECS reports for it."""
        for event in apply_step(task, step, service.clock, self._world):
            record_event(service, event)
        deployment = next((d for d in service.deployments if d.id == task.deployment_id), None)
        if deployment is None:
            return
        if step.change is Change.STOP and step.stop is not None:
            for event in record_failure(service, deployment, step.stop, self._pace):
                record_event(service, event)
        elif step.change is Change.HEALTHY:
            deployment.failed_tasks = 0
            breaker = service.configuration["deploymentCircuitBreaker"]
            if breaker.get("resetOnHealthyTask", True):
                deployment.failure_count = 0
        elif step.status == STOPPED and deployment.rollout_state == "COMPLETED":
            deployment.steady = deployment.steady and task.desired_status == RUNNING


def record_event(service: Service, message: str) -> None:
    """Add a service event; ECS keeps the newest hundred and leaves out repetitions."""
    if service.events and service.events[0]["message"] == message:
        return
    number = len(service.events) + 1 if len(service.events) < MOST_EVENTS else service.events[0]["number"] + 1
    event = {
        "id": f"{service.created_at:.0f}-{number}",
        "createdAt": service.clock,
        "message": message,
        "number": number,
    }
    service.events = [event, *service.events[: MOST_EVENTS - 1]]


MOST_EVENTS = 100


def _forget_old_tasks(service: Service, now: float) -> None:
    old = [
        arn
        for arn, task in service.tasks.items()
        if task.stopped_at is not None and now - task.stopped_at > STOPPED_TASKS_KEPT
    ]
    for arn in old:
        del service.tasks[arn]
