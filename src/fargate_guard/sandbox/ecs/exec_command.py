"""ECS Exec: which sessions ECS opens. Here they lead nowhere, since no container runs.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ExecuteCommand.html
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from moto.ecs.exceptions import ECSException, InvalidParameterException

from fargate_guard.sandbox.scheduler.model import RUNNING

if TYPE_CHECKING:
    from fargate_guard.sandbox.faults import Faults
    from fargate_guard.sandbox.scheduler.model import Container, Task

Json = dict[str, Any]

NOT_ENABLED = (
    "The execute command failed because execute command was not enabled when the task was run or the execute"
    " command agent isn't running. Wait and try again or run a new task with execute command enabled and try"
    " again."
)
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html#ecs-exec-troubleshooting; its words as
quoted in https://github.com/keidarcy/e1s/issues/206."""
NOT_CONNECTED = "The execute command failed due to an internal error. Try again later."
"""Its words as quoted in https://github.com/aws/aws-cli/issues/9070."""
NO_TASK = "The referenced task was not found."
NO_CONTAINER = "The container name must be specified, and be one of the task's."
"""An assumption: no page quotes ECS's words."""
ONLY_INTERACTIVE = "Interactive is the only mode supported currently."
"""An assumption, likewise; that ECS takes no other mode is on the page of the action."""
NOWHERE = "wss://sandbox.invalid/v1/data-channel"


def open_session(task: Task | None, request: Json, faults: Faults) -> Json:
    """Return what ExecuteCommand answers.

    :raises ECSException: where ECS refuses.
    """
    if not request.get("interactive"):
        raise InvalidParameterException(ONLY_INTERACTIVE)
    if task is None:
        raise InvalidParameterException(NO_TASK)
    container = _container(task, request.get("container"))
    if not task.enable_execute_command or container.last_status != RUNNING:
        raise InvalidParameterException(NOT_ENABLED)
    if not agent_runs(task, container, faults):
        code = "TargetNotConnectedException"
        raise ECSException(code, NOT_CONNECTED)
    session = f"ecs-execute-command-{secrets.token_hex(9)[:17]}"
    return {
        "clusterArn": task.cluster_arn,
        "containerArn": container.arn,
        "containerName": container.name,
        "interactive": True,
        "taskArn": task.arn,
        "session": {
            "sessionId": session,
            "streamUrl": f"{NOWHERE}/{session}?role=publish_subscribe",
            "tokenValue": f"simulated-{secrets.token_hex(32)}",
        },
    }


def managed_agents(task: Task, container: Container, faults: Faults) -> list[Json] | None:
    """Return ``managedAgents`` of DescribeTasks.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ManagedAgent.html
    """
    if not task.enable_execute_command or container.last_status != RUNNING:
        return None
    if agent_runs(task, container, faults):
        return [{"name": "ExecuteCommandAgent", "lastStatus": RUNNING}]
    return [{"name": "ExecuteCommandAgent", "lastStatus": "STOPPED"}]  # often without a reason, as ECS does


def agent_runs(task: Task, container: Container, faults: Faults) -> bool:
    """Whether the container's agent of ECS Exec runs: no fault has stopped it, and no other has it for all.

    In containers that share their processes it runs in one only, and nobody can choose which; here: the first one
    whose agent no fault has stopped. The others' is ``STOPPED``, without a reason.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html#ecs-exec-considerations
    https://github.com/aws/containers-roadmap/issues/2268 https://github.com/aws/aws-cli/issues/6903
    """
    stopped = faults.exec_agent_stopped(task)
    able = [one.name for one in task.containers if stopped is None or one.name != stopped.name]
    shared = task.task_definition.get("pidMode") == "task"
    return container.name in (able[:1] if shared else able)


def _container(task: Task, name: str | None) -> Container:
    named = [container for container in task.containers if name in (None, container.name)]
    if len(named) != 1:
        raise InvalidParameterException(NO_CONTAINER)
    return named[0]
