"""Log groups, and signs of life from the agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.verify.registry import PUT_BACK, Registry, judged, skipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.registry import Observation

CHECKS = Registry()

_GROUPS = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html"
_AWSLOGS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html"


@CHECKS.check("logs.groups", title="The log groups exist", docs=_GROUPS, needs=("log_groups",))
def groups(facts: Facts) -> Iterator[Observation]:
    """A container whose log group is missing does not start."""
    for component in facts.expected.components:
        for name in component.log_group_names:
            yield judged(
                name,
                name in facts.log_groups,
                expected="exists",
                found="exists" if name in facts.log_groups else "there is no such log group",
                fix=PUT_BACK,
            )


@CHECKS.check(
    "logs.retention",
    title="The agents' log groups keep logs as long as asked for",
    docs=_GROUPS,
    needs=("log_groups",),
)
def retention(facts: Facts) -> Iterator[Observation]:
    """Logs that are kept for ever are paid for ever."""
    wanted = facts.expected.retention_days or None
    for name in dict.fromkeys(component.agent_log_group_name for component in facts.expected.components):
        group = facts.log_groups.get(name)
        if group is None:
            yield skipped(name, "there is no such log group")
            continue
        yield judged(
            name,
            group.retention_days == wanted,
            expected=f"{wanted} days" if wanted else "for ever",
            found=f"{group.retention_days} days" if group.retention_days else "for ever",
            fix=PUT_BACK,
        )


@CHECKS.check(
    "logs.destination",
    title="The agents log to the deployment's log groups",
    docs=_AWSLOGS,
    needs=("task_definitions",),
)
def destination(facts: Facts) -> Iterator[Observation]:
    """Elsewhere nobody looks for them."""
    for component in facts.expected.components:
        agent = facts.agent_container(component)
        if agent is None:
            yield skipped(component.task_definition_arn, "there is no agent container")
            continue
        yield judged(
            f"{component.task_definition_arn} {agent.name}",
            agent.log_group == component.agent_log_group_name,
            expected=component.agent_log_group_name,
            found=agent.log_group or "no awslogs group",
            fix=PUT_BACK,
        )


@CHECKS.check(
    "logs.orchestrator",
    title="Every running orchestrator has written to its log",
    docs=_AWSLOGS,
    needs=("tasks", "log_lines"),
    topology="orchestrator",
    settles=True,
)
def orchestrator(facts: Facts) -> Iterator[Observation]:
    """An agent that says nothing has not started."""
    yield from _lines(facts, of_orchestrator=True)


@CHECKS.check(
    "logs.sidecar",
    title="The sidecar of every running workload task has written to its log",
    docs=_AWSLOGS,
    needs=("tasks", "log_lines"),
    settles=True,
)
def sidecar(facts: Facts) -> Iterator[Observation]:
    """An agent that says nothing has not started."""
    yield from _lines(facts, of_orchestrator=False)


def _lines(facts: Facts, *, of_orchestrator: bool) -> Iterator[Observation]:
    for component in facts.expected.services:
        if component.is_orchestrator is not of_orchestrator:
            continue
        why_not = facts.why_not_watched(component)
        if why_not is not None:
            yield skipped(component.task_definition_arn, f"left out on purpose: {why_not}")
            continue
        for task in facts.tasks_of(component):
            lines = facts.log_lines.get(task.arn, ())
            yield judged(
                task.arn,
                bool(lines),
                expected=f"log lines in {component.agent_log_group_name}",
                found=f"last: {lines[-1]}" if lines else "none",
                fix="agent.log_level: silent writes none; else look at the checks of the execution role",
            )
