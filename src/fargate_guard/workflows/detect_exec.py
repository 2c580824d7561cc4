"""Where in a running service a trigger can be started through ECS Exec, and with which command.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
"""

from __future__ import annotations

import secrets
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.aws import ecs
from fargate_guard.aws.exec_session import agent_status
from fargate_guard.errors import PreflightError, UsageError
from fargate_guard.verify.facts.task_definition import TaskDefinition
from fargate_guard.workflows.detect_chain import Running
from fargate_guard.workflows.detect_triggers import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.aws.session import Aws
    from fargate_guard.deployment import DeploymentOutputs
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.detect_triggers import Trigger

Json = dict[str, Any]
RUNNING = "RUNNING"
UNSEEN = (
    "What runs through ECS Exec is started by AWS's own agent, beside the instrumented process: Sysdig's agent"
    " may not see it. A missing event proves nothing; `fguard detect` without --exec does."
)
ONE_CONTAINER = (
    "in a task whose containers share their processes (pidMode: task, which agents from 5.0 on need) ECS runs it"
    " in one container only, and does not let choose which"
)
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html#ecs-exec-considerations and
https://github.com/aws/containers-roadmap/issues/2268"""


@dataclass(frozen=True, slots=True)
class Spot:
    """An instrumented container of a running task, in which a command can be started."""

    outputs: DeploymentOutputs
    task: Json
    """As ECS describes it."""
    definition: TaskDefinition
    container: Json
    """Of the task, likewise."""
    mark: str
    """What tells the trigger's event from others of the same task."""
    command: str
    """What runs there."""

    @property
    def task_arn(self) -> str:
        """The task."""
        return str(self.task["taskArn"])

    @property
    def running(self) -> Running:
        """The task, for the links behind it."""
        return Running(self.task_arn, self.definition)

    def to_type(self, profile: str | None) -> str:
        """Return the same for a shell: ``aws ecs execute-command …``."""
        words = ["aws", "ecs", "execute-command", "--region", self.outputs.region]
        words += ["--cluster", self.outputs.cluster.name, *(("--profile", profile) if profile else ())]
        words += ["--task", self.task_arn, "--container", str(self.container["name"])]
        return shlex.join([*words, "--interactive", "--command", self.command])


def find_spot(context: Context, outputs: DeploymentOutputs, service: str, trigger: Trigger) -> Spot:
    """Return an instrumented container of a running task that ECS Exec can reach.

    :param service: of the deployment's cluster: an ECS service's name, or a workload's.
    :raises UsageError: when there is no such service, or the trigger is a program of its own image.
    :raises PreflightError: when ECS Exec is not allowed there, or reaches nothing instrumented.
    """
    if trigger.is_endless:
        raise UsageError(
            f"the trigger {trigger.name} is a program of its own image; no other container has it",
            fix="use --trigger write-below-binary-dir or read-sensitive-file with --exec",
        )
    aws, cluster = context.aws.in_region(outputs.region), outputs.cluster.arn
    workload = outputs.workloads.get(service)
    name = (workload.service_name if workload else None) or service
    found = _allowing(aws, cluster, name, service)
    mark, reasons = f"{MARK}{secrets.token_hex(4)}", list[str]()
    for task, definition in _running_tasks(aws, cluster, name):
        for container in _instrumented(task, definition):
            status, reason = agent_status(container)
            if status == RUNNING and container.get("lastStatus") == RUNNING:
                return Spot(outputs, task, definition, container, mark, trigger.typed(mark))
            told = f"its ExecuteCommandAgent is {status}{f' ({reason})' if reason else ''}"
            reasons.append(f"container {container['name']} of {task['taskArn']}: {told}")
    if reasons:
        raise PreflightError(
            f"ECS Exec reaches no instrumented container of {name}: AWS's agent does not run there",
            where=str(found["serviceArn"]),
            why="\n".join([*reasons, ONE_CONTAINER]),
            fix="try again in a minute; a read-only root file system keeps it from starting; else restart the"
            " service's tasks, or prove the chain without it: fguard detect",
        )
    raise PreflightError(
        f"no instrumented task of {name} runs that allows ECS Exec",
        where=str(found["serviceArn"]),
        why="tasks that were started before it was allowed do not allow it",
        fix="fguard status; then restart the service's tasks: fguard deploy",
    )


def _allowing(aws: Aws, cluster: str, name: str, asked: str) -> Json:
    """Return the service, which allows ECS Exec."""
    found = next(iter(ecs.services(aws, cluster, [name])), None)
    if found is None and not any(one["status"] == "ACTIVE" for one in ecs.clusters(aws, [cluster])):
        raise PreflightError("the deployment's cluster is gone", where=cluster, fix="fguard status")
    if found is None or found["status"] == "INACTIVE":
        raise UsageError(f"there is no service {asked} in the cluster", where=cluster, fix="fguard status")
    if not found.get("enableExecuteCommand"):
        raise PreflightError(
            f"the service {name} does not allow ECS Exec",
            where=str(found["serviceArn"]),
            why="enableExecuteCommand is off",
            fix="set service.enable_execute_command: true in fguard.yaml, then: fguard deploy",
        )
    return found


def _running_tasks(aws: Aws, cluster: str, service: str) -> Iterator[tuple[Json, TaskDefinition]]:
    """Yield the tasks that were started with ECS Exec allowed, with their task definitions."""
    known: dict[str, TaskDefinition | None] = {}
    for task in ecs.tasks(aws, cluster, service=service):
        if task["lastStatus"] != RUNNING or not task.get("enableExecuteCommand"):
            continue
        arn = task["taskDefinitionArn"]
        if arn not in known:
            described = ecs.task_definition(aws, arn)
            known[arn] = TaskDefinition.of(described) if described else None
        definition = known[arn]
        if definition is not None:
            yield task, definition


def _instrumented(task: Json, definition: TaskDefinition) -> Iterator[Json]:
    """Yield the workload's own containers that run under the agent's wrapper, never the sidecar."""
    names = {one.name for one in definition.workloads if one.is_instrumented}
    yield from (one for one in task.get("containers") or () if one["name"] in names)
