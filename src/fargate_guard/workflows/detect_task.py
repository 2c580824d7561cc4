"""The one-off task of ``fguard detect``: started, waited for, and always taken away again.

A run that was killed leaves its task and its task definition behind; both carry a tag that says whose they are and
until when, and the next run takes them away.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from fargate_guard.aws import lone_tasks
from fargate_guard.aws.errors import AwsError
from fargate_guard.deployment import DEPLOYMENT_TAG, MANAGED_BY, MANAGED_BY_TAG
from fargate_guard.errors import FguardError
from fargate_guard.workflows.detect_leftovers import DETECT_TAG, family_of, mark_of, tags_of
from fargate_guard.workflows.detect_triggers import AFTER_THE_END

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.aws.session import Aws
    from fargate_guard.deployment import DeploymentOutputs
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.detect_place import Place

Json = dict[str, Any]
START_SECONDS = 300.0
"""How long a task may take to run: images are pulled first."""
FIRST_PAUSE = 0.1
STARTING = ("PROVISIONING", "PENDING", "ACTIVATING")
REASON = "fguard detect is done"
STARTED_BY = "fguard-detect"
"""``startedBy``: letters, digits, hyphens, slashes and underscores only."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Time, passed in."""

    clock: Callable[[], float] = time.time
    """Seconds since 1970."""
    sleep: Callable[[float], None] = time.sleep
    pause: float = 2.0
    """Between two looks at the task, after the first few."""


@dataclass(slots=True)
class TriggerTask:
    """What a run made."""

    definition: Json
    """As it was, or was to be, registered."""
    revision: str | None = None
    arn: str | None = None
    described: Json | None = None
    """As ECS described the task last."""
    removed: list[str] = field(default_factory=list)
    """ARNs of what is taken away again."""
    kept: list[str] = field(default_factory=list)
    """ARNs of what could not be."""

    @property
    def runs(self) -> bool:
        """Whether it got as far as running, even if it ended since."""
        return bool(
            self.described and (self.described["lastStatus"] == "RUNNING" or self.described.get("startedAt"))
        )

    @property
    def has_ended(self) -> bool:
        """Whether it is stopping, or has stopped."""
        return bool(self.described and self.described.get("desiredStatus") == "STOPPED")


@contextmanager
def trigger_task(
    context: Context, place: Place, definition: Json, *, seconds: float, waiting: Waiting
) -> Iterator[TriggerTask]:
    """Register, start and wait until it runs; afterwards, whatever happens, stop and delete.

    :param seconds: how long the event will be waited for.
    :raises FguardError: when ECS refuses the task outright; a task that does not start is told by ``runs``.
    """
    aws = context.aws.in_region(place.outputs.region)
    tags = {
        **context.config.tags,
        DEPLOYMENT_TAG: context.config.name,
        MANAGED_BY_TAG: MANAGED_BY,
        DETECT_TAG: mark_of(waiting.clock() + START_SECONDS + seconds + AFTER_THE_END),
    }
    made = TriggerTask(definition)
    try:
        made.revision = lone_tasks.register(aws, definition, tags)
        made.arn = lone_tasks.run_task(aws, place.cluster, made.revision, place.network(), tags, STARTED_BY)
        _await_running(context, aws, place.cluster, made, waiting)
        yield made
    finally:
        _remove(context, aws, place.cluster, made, tags[DETECT_TAG])


def look(context: Context, place: Place, made: TriggerTask) -> None:
    """Describe the task again; one that ECS forgot, or does not tell of just now, stays as it was."""
    made.described = seen_again(context, place.outputs, made.arn or "") or made.described


def seen_again(context: Context, outputs: DeploymentOutputs, arn: str) -> Json | None:
    """Describe a task of the cluster; None where ECS has forgotten it, or refuses just now, which is told."""
    try:
        return lone_tasks.task(context.aws.in_region(outputs.region), outputs.cluster.arn, arn)
    except AwsError as error:
        context.observer.note(f"whether the task still runs is not known: {error.message}")
        return None


def _await_running(context: Context, aws: Aws, cluster: str, made: TriggerTask, waiting: Waiting) -> None:
    deadline = waiting.clock() + START_SECONDS
    told, pause = "", FIRST_PAUSE
    while True:
        made.described = lone_tasks.task(aws, cluster, made.arn or "") or made.described
        status = str((made.described or {}).get("lastStatus") or "PROVISIONING")
        if status != told:
            context.observer.rollout(f"{(made.arn or '').rpartition('/')[2]}: {status}")
            told = status
        if made.runs or made.has_ended or status not in STARTING or waiting.clock() >= deadline:
            return
        waiting.sleep(pause)
        pause = min(2 * pause, waiting.pause)


def _remove(context: Context, aws: Aws, cluster: str, made: TriggerTask, mark: str) -> None:
    """Stop the task (also one whose ARN never arrived) and delete the revision; the first failure is told last."""
    failures: list[FguardError] = []

    def attempt(work: Callable[[], None], arn: str) -> None:
        try:
            work()
            made.removed.append(arn)
        except FguardError as error:
            made.kept.append(arn)
            failures.append(error)

    if made.arn:
        attempt(partial(lone_tasks.stop_task, aws, cluster, made.arn, REASON), made.arn)
    if made.revision:
        attempt(partial(lone_tasks.delete_revision, aws, made.revision), made.revision)
    if made.revision and not made.arn:  # after the revision, so that a call still on its way starts nothing
        for arn in _started_by(context, aws, cluster, mark):
            attempt(partial(lone_tasks.stop_task, aws, cluster, arn, REASON), arn)
    for failure in failures:
        context.observer.warning(f"not taken away: {failure.message}; the next `fguard detect` tries again")


def _started_by(context: Context, aws: Aws, cluster: str, mark: str) -> list[str]:
    """Return the run's own tasks; an error that led here must not be hidden by one of this question."""
    try:
        tasks = lone_tasks.tasks_of_family(aws, cluster, family_of(context.config.name))
    except FguardError as error:
        context.observer.warning(f"whether the task was started is not known: {error.message}; it ends by itself")
        return []
    return [str(task["taskArn"]) for task in tasks if tags_of(task).get(DETECT_TAG) == mark]
