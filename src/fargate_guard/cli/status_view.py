"""A deployment's status as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.stacks.states import Repair

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fargate_guard.fleet.coverage import ServiceCoverage, TaskCoverage
    from fargate_guard.stacks.states import Stack
    from fargate_guard.workflows.status import Deployment, Status


def status_text(status: Status) -> str:
    """Return the deployment, its services and tasks as tables, coverage and drift."""
    return "\n".join(
        [
            *_deployment(status),
            "",
            *table(
                ("SERVICE", "REVISION", "AGENT", "TASKS", "WATCHED", "ROLLOUT"),
                map(_service, status.coverage.services),
            ),
            "",
            *table(
                ("TASK", "SERVICE", "REVISION", "STATUS", "HEALTH", "ZONE", "WATCHED"),
                map(_task, status.coverage.tasks),
            ),
            "",
            _coverage(status),
            *_drift(status.deployment),
        ]
    )


def _coverage(status: Status) -> str:
    tasks, left_out = len(status.coverage.workload_tasks), status.coverage.left_out
    on_purpose = f", {left_out} left out on purpose" if left_out else ""
    return f"Coverage: {status.coverage.watched} of {tasks} workload tasks are watched{on_purpose}."


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return aligned lines."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    ]


def _deployment(status: Status) -> list[str]:
    deployment, outputs = status.deployment, status.deployment.outputs
    counts = ", ".join(f"{count} {kind}" for kind, count in status.resource_counts)
    lines = [
        f"{deployment.name} in {outputs.region}, account {outputs.account_id}",
        f"  agent         {deployment.agent_version}, {deployment.topology}",
        f"  cluster       {outputs.cluster.name} ({status.cluster_status})",
    ]
    if outputs.orchestrator:
        address = f"{outputs.orchestrator.host}:{outputs.orchestrator.port}"
        lines.append(f"  orchestrator  {deployment.orchestrator_version}, {address}")
    return [*lines, *_stack(deployment.stack), f"  resources     {len(deployment.resources)}: {counts}"]


def _stack(stack: Stack | None) -> list[str]:
    if stack is None:
        return []
    protection = "protected" if stack.protected else "NOT protected"
    lines = [f"  stack         {stack.name}: {stack.status}, {protection} from deletion"]
    if stack.stuck:
        lines.append(f"                stuck: {stack.stuck.meaning}")
        if stack.stuck.repair is Repair.RETAIN:
            lines.append("                go on with its removal: fguard destroy --repair; or make it again:")
        if stack.stuck.repair:
            lines.append("                fguard deploy --method cloudformation --repair")
    return lines


def _service(service: ServiceCoverage) -> tuple[str, ...]:
    return (
        service.service_name,
        service.task_definition,
        "orchestrator" if service.is_orchestrator else (service.agent_version or "none"),
        f"{service.running_count}/{service.desired_count}",
        "-" if service.is_orchestrator else str(service.watched_count),
        (service.rollout_state or "-").replace("_", " "),
    )


def _task(task: TaskCoverage) -> tuple[str, ...]:
    return (
        task.task_arn.rpartition("/")[2][:12],
        task.service_name or "-",
        task.task_definition + (" (outdated)" if task.outdated else ""),
        task.last_status,
        task.health_status,
        task.zone or "-",
        _watched(task),
    )


def _watched(task: TaskCoverage) -> str:
    if task.is_orchestrator:
        return "-"
    if task.left_out:
        return "left out"
    return "yes" if task.watched else "NO"


def _drift(deployment: Deployment) -> list[str]:
    drift, surplus, method = deployment.drift, deployment.surplus_rules, deployment.method.product
    if drift is None:
        return []
    lines = []
    if drift:
        lines += [f"Drift, made outside {method}; {_put_back(deployment)}:", *(f"  {one}" for one in drift)]
    if surplus:
        lines.append(f"Drift, ingress rules that {method} did not make; each goes with the command below it:")
    for rule in surplus:
        lines += [f"  {rule.group_id} admits {rule.admits} ({rule.rule_id})", f"    {rule.remove_with}"]
    return lines or [f"Drift: none; AWS is as {method} left it."]


def _put_back(deployment: Deployment) -> str:
    """CloudFormation changes what its template changes, and nothing else."""
    if deployment.stack is None:
        return "`fguard deploy` puts it back"
    return "CloudFormation leaves it so; put it back by hand"
