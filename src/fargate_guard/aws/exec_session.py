"""ECS Exec: a session of Session Manager into a container of a running task, which a client has to speak to.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ExecuteCommand.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.aws.session import Aws

Json = dict[str, Any]
AGENT = "ExecuteCommandAgent"
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ManagedAgent.html"""


@dataclass(frozen=True, slots=True)
class ExecSession:
    """What a client connects with; the token lets whoever has it act in the container, and is never shown."""

    id: str
    target: str
    """The container as Session Manager names it: ``ecs:CLUSTER_TASK_RUNTIME``."""
    stream_url: str = field(repr=False)
    token: str = field(repr=False)

    def response(self) -> str:
        """Return StartSession's answer, which is what Session Manager's own client reads."""
        return json.dumps({"SessionId": self.id, "StreamUrl": self.stream_url, "TokenValue": self.token})


def open_session(aws: Aws, cluster: str, task: Mapping[str, Any], container: Json, command: str) -> ExecSession:
    """Open a session; the command begins when a client connects.

    :param task: as DescribeTasks has it.
    :param container: of that task, likewise.
    :raises AwsError: with AWS's code, such as ``TargetNotConnectedException``.
    """
    opened = aws.call(
        "ecs",
        "execute_command",
        about=str(task["taskArn"]),
        cluster=cluster,
        task=task["taskArn"],
        container=container["name"],
        command=command,
        interactive=True,  # ECS knows no other
    )["session"]
    # As AWS's own command line names it: awscli/customizations/ecs/executecommand.py of github.com/aws/aws-cli.
    names = (cluster.rpartition("/")[2], task["taskArn"].rpartition("/")[2], container.get("runtimeId") or "")
    return ExecSession(opened["sessionId"], f"ecs:{'_'.join(names)}", opened["streamUrl"], opened["tokenValue"])


def agent_status(container: Mapping[str, Any]) -> tuple[str, str]:
    """Return the state of a container's agent of ECS Exec and its reason, empty where ECS gives none.

    :param container: of DescribeTasks.
    :returns: ``RUNNING``, ``PENDING`` or ``STOPPED``; ``none`` where the container has no such agent.
    """
    for agent in container.get("managedAgents") or ():
        if agent.get("name") == AGENT:
            return str(agent.get("lastStatus") or "PENDING"), str(agent.get("reason") or "")
    return "none", ""
