"""What ECS knows about the tasks that events happened in: service, revision, why they stopped."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import FguardError, Interrupted, PreflightError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fargate_guard.aws.session import Aws

FORGOTTEN = "ECS does not know the task any more: it forgets tasks about an hour after they stopped"
NOT_ASKED = "ECS was not asked (--no-aws)"
NO_TASK = "Sysdig sent no task with the event"
FRESH_SECONDS = 20.0
"""How long an answer counts while the task runs; a stopped one does not change."""
AGAIN_SECONDS = 60.0
"""After which AWS is tried again that could not be asked at all: a network, or a log-in, comes back."""
ARN_PARTS = 6
"""``arn:partition:ecs:region:account:task/cluster/id``."""


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """One task as ECS describes it, or why that is unknown."""

    unknown: str | None = None
    """Why nothing is known; None where the rest is."""
    service: str | None = None
    """None for a task that no service started."""
    revision: str | None = None
    """``family:revision``."""
    status: str | None = None
    stopped_reason: str | None = None
    stop_code: str | None = None

    @classmethod
    def of(cls, task: dict[str, Any]) -> TaskFacts:
        """Read DescribeTasks: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html."""
        group = str(task.get("group") or "")
        return cls(
            service=group.removeprefix("service:") if group.startswith("service:") else None,
            revision=str(task["taskDefinitionArn"]).rpartition("/")[2],
            status=task.get("lastStatus"),
            stopped_reason=task.get("stoppedReason") or None,
            stop_code=task.get("stopCode") or None,
        )

    def document(self) -> dict[str, Any]:
        """Return the members of ``task`` in JSON."""
        return asdict(self)


class KnownTasks:
    """Asks ECS about tasks, a hundred at a time, and remembers."""

    def __init__(
        self,
        connect: Callable[[], Aws] | None,
        *,
        problem: Callable[[FguardError], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask nothing yet.

        :param connect: called when needed, at most once for each region and minute; None: ECS is not asked.
        :param problem: hears, once each, why ECS cannot be asked.
        """
        self._connect = connect
        self._problem = problem
        self._clock = clock
        self._regions: dict[str, Aws] = {}
        self._known: dict[str, tuple[float, TaskFacts]] = {}
        self._told: set[str] = set()
        self._off: str | None = None if connect else NOT_ASKED
        self._again = float("inf")
        """When to try once more."""

    def facts(self, task_arns: Iterable[str | None]) -> dict[str | None, TaskFacts]:
        """Return what is known of each task."""
        wanted = list(dict.fromkeys(task_arns))
        if self._clock() >= self._again:
            self._off, self._again = None, float("inf")
        if self._off is None:
            self._ask([arn for arn in wanted if arn and self._is_stale(arn)])
        missing = TaskFacts(unknown=self._off or FORGOTTEN)
        return {
            arn: self._known.get(arn, (0.0, missing))[1] if arn else TaskFacts(unknown=NO_TASK) for arn in wanted
        }

    def _is_stale(self, arn: str) -> bool:
        if arn not in self._known:
            return True
        at, facts = self._known[arn]
        return facts.status != "STOPPED" and self._clock() - at > FRESH_SECONDS

    def _ask(self, arns: list[str]) -> None:
        by_cluster: dict[str, list[str]] = {}
        for arn in arns:
            cluster = _cluster_of(arn)
            if cluster is None:
                self._remember(arn, TaskFacts(unknown="this is not a task's ARN"))
            else:
                by_cluster.setdefault(cluster, []).append(arn)
        for cluster, tasks in by_cluster.items():
            self._ask_cluster(cluster, tasks)

    def _ask_cluster(self, cluster: str, arns: list[str]) -> None:
        from fargate_guard.aws.described_tasks import described_tasks
        from fargate_guard.aws.errors import Unreachable

        if self._off is not None:
            return
        try:
            found = described_tasks(self._aws(cluster.split(":")[3]), cluster, arns)
        except Interrupted:
            raise
        except (PreflightError, Unreachable) as cannot:
            self._off = f"ECS could not be asked: {cannot.message}"
            self._again = self._clock() + AGAIN_SECONDS
            self._regions.clear()
            self._tell(cannot)
            return
        except FguardError as refused:
            self._tell(refused)
            for arn in arns:
                self._remember(arn, TaskFacts(unknown=f"ECS could not be asked: {refused.message}"))
            return
        for arn in arns:
            self._remember(arn, TaskFacts.of(found[arn]) if arn in found else self._gone(arn))

    def _gone(self, arn: str) -> TaskFacts:
        """Return what was known before ECS forgot the task, else that it did."""
        before = self._known.get(arn)
        return before[1] if before and before[1].unknown is None else TaskFacts(unknown=FORGOTTEN)

    def _remember(self, arn: str, facts: TaskFacts) -> None:
        self._known[arn] = (self._clock(), facts)

    def _tell(self, problem: FguardError) -> None:
        if problem.message not in self._told:
            self._told.add(problem.message)
            self._problem(problem)

    def _aws(self, region: str) -> Aws:
        if region not in self._regions:
            assert self._connect is not None  # noqa: S101 - else nothing is asked
            self._regions[region] = self._connect().briefly().in_region(region)
        return self._regions[region]


def _cluster_of(task_arn: str) -> str | None:
    """Return the ARN of a task's cluster, which is in its own since 2018."""
    parts = task_arn.split(":", ARN_PARTS - 1)
    path = parts[-1].split("/")
    if len(parts) != ARN_PARTS or path[0] != "task" or len(path) != 3:  # noqa: PLR2004 - task/cluster/id
        return None
    return ":".join([*parts[:-1], f"cluster/{path[1]}"])
