"""ECS Exec in tasks whose containers share their processes, as agents from 5.0 on want it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from fargate_guard.sandbox import Fault, FaultKind

if TYPE_CHECKING:
    from tests.sandbox.sandbox_account import Account


def agents(account: Account, task: str) -> dict[str, str]:
    """The state of each container's agent of ECS Exec."""
    (found,) = account.ecs.describe_tasks(cluster=account.name, tasks=[task])["tasks"]
    return {one["name"]: one["managedAgents"][0]["lastStatus"] for one in found["containers"]}


@pytest.mark.parametrize("stopped", [None, "web"])
def test_containers_that_share_their_processes_have_one_agent_of_ecs_exec(
    stopped: str | None, account: Account
) -> None:
    containers = [{"name": name, "image": f"example.com/{name}:1"} for name in ("web", "sidecar")]
    task = account.ecs.run_task(
        cluster=account.name,
        taskDefinition=account.register(*containers, pidMode="task"),
        launchType="FARGATE",
        networkConfiguration=account.network(),
        enableExecuteCommand=True,
    )["tasks"][0]["taskArn"]
    account.clock.advance(10)
    if stopped:
        fault = Fault(FaultKind.EXEC_AGENT_STOPPED, family=account.name, container=stopped)
        account.sandbox.faults.add(fault)
    reached, other = ("sidecar", "web") if stopped else ("web", "sidecar")
    assert agents(account, task) == {reached: "RUNNING", other: "STOPPED"}
    asked = {"cluster": account.name, "task": task, "command": "ls", "interactive": True}
    assert account.ecs.execute_command(container=reached, **asked)["session"]["sessionId"]
    with pytest.raises(ClientError, match="TargetNotConnected"):
        account.ecs.execute_command(container=other, **asked)
