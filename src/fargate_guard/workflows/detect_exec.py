"""A trigger in a running service through ECS Exec: checked here, typed by whoever has the Session Manager plugin.

ECS only ever opens an interactive session (``ExecuteCommand`` takes ``interactive: true`` alone); the command
begins when a client of Session Manager speaks to it. That client is a plugin of the AWS CLI, so fguard says what
to type and waits for the event. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.aws import ecs
from fargate_guard.errors import PreflightError, UsageError
from fargate_guard.sysdig.errors import SysdigError
from fargate_guard.verify.facts.task_definition import TaskDefinition
from fargate_guard.workflows.detect import DETECTED, MISSED, Detection, ask_once, wait_for_event
from fargate_guard.workflows.detect_chain import unanswered_link

if TYPE_CHECKING:
    from fargate_guard.deployment import DeploymentOutputs
    from fargate_guard.sysdig.client import SecureClient
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.detect import Wish
    from fargate_guard.workflows.detect_triggers import Trigger

UNSEEN = (
    "What is typed through ECS Exec is started by AWS's own agent, beside the instrumented process: Sysdig's agent"
    " may not see it. A missing event proves nothing; `fguard detect` without --exec does."
)


@dataclass(frozen=True, slots=True)
class Session:
    """Where the command is to be typed."""

    task_arn: str
    command: str
    """For a shell: ``aws ecs execute-command …``."""


def find_session(
    context: Context, outputs: DeploymentOutputs, service: str, trigger: Trigger, profile: str | None
) -> Session:
    """Return an instrumented running task of a service that allows ECS Exec, and what to type.

    :param service: of the deployment's cluster: an ECS service's name, or a workload's.
    :raises PreflightError: when ECS Exec is not allowed there, or nothing instrumented runs.
    """
    if trigger.is_endless:
        raise UsageError(
            f"the trigger {trigger.name} is a program of its own image; it cannot be typed",
            fix="use --trigger write-below-binary-dir or read-sensitive-file with --exec",
        )
    aws, cluster = context.aws.in_region(outputs.region), outputs.cluster.arn
    workload = outputs.workloads.get(service)
    name = (workload.service_name if workload else None) or service
    found = next(iter(ecs.services(aws, cluster, [name])), None)
    if found is None or found["status"] == "INACTIVE":
        raise UsageError(f"there is no service {service} in the cluster", where=cluster, fix="fguard status")
    if not found.get("enableExecuteCommand"):
        raise PreflightError(
            f"the service {name} does not allow ECS Exec",
            where=str(found["serviceArn"]),
            why="enableExecuteCommand is off",
            fix="set service.enable_execute_command: true in fguard.yaml, then: fguard deploy",
        )
    for task in ecs.tasks(aws, cluster, service=name):
        if task["lastStatus"] != "RUNNING" or not task.get("enableExecuteCommand"):
            continue
        described = ecs.task_definition(aws, task["taskDefinitionArn"])
        definition = TaskDefinition.of(described) if described else None
        container = (
            next((one.name for one in definition.workloads if one.is_instrumented), None) if definition else None
        )
        if container:
            return Session(task["taskArn"], _command(outputs, task["taskArn"], container, trigger, profile))
    raise PreflightError(
        f"no instrumented task of {name} runs that allows ECS Exec",
        where=str(found["serviceArn"]),
        why="tasks that were started before it was allowed do not allow it",
        fix="fguard status; then restart the service's tasks: fguard deploy",
    )


def detect_by_hand(client: SecureClient | None, session: Session, wish: Wish, begin: int) -> Detection:
    """Wait for the event of what somebody types."""
    result = Detection(wish.trigger.name, wish.trigger.rules, wanted=wish.wait or wish.why_not is not None)
    result.task_arn, result.by_hand = session.task_arn, True
    if client is None or not wish.wait:
        result.why_not_waited = wish.why_not or "--no-wait"
        return result
    supported = ask_once(client, session.task_arn)
    try:
        result.event, result.arrived_at = wait_for_event(client, session.task_arn, wish, begin, supported)
    except SysdigError as outage:
        result.links = [unanswered_link(outage)]
    result.outcome = DETECTED if result.event else MISSED
    if result.event:
        result.triggered_at, result.triggered_by = (
            result.event.timestamp,
            "the event: when it was typed is not known",
        )
    return result


def _command(
    outputs: DeploymentOutputs, task_arn: str, container: str, trigger: Trigger, profile: str | None
) -> str:
    inner = f"/bin/sh -c {shlex.quote('n=1; ' + trigger.script)}"
    words = ["aws", "ecs", "execute-command", "--region", outputs.region, "--cluster", outputs.cluster.name]
    words += ["--profile", profile] if profile else []
    words += ["--task", task_arn, "--container", container, "--interactive", "--command", inner]
    return shlex.join(words)
