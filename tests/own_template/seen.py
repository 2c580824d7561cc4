"""What AWS says, made by hand: services, tasks and task definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.taskdef.selection import BY_ITSELF
from fargate_guard.verify.facts.ecs import Service, Task
from fargate_guard.verify.facts.task_definition import TaskDefinition
from fargate_guard.workflows.own_template_running import running
from fargate_guard.workflows.own_template_seen import Made, MadeService, Seen

if TYPE_CHECKING:
    from fargate_guard.verify.registry import Finding

Json = dict[str, Any]
ARN = "arn:aws:ecs:us-east-1:123456789012"
AGENT = "SysdigInstrumentation"


def arn_of(revision: str) -> str:
    """``family:revision`` as an ARN."""
    return f"{ARN}:task-definition/{revision}"


def definition(
    revision: str, *, agent: bool = True, kinds: tuple[str, ...] = ("FARGATE",), network: str = "awsvpc"
) -> TaskDefinition:
    """A registered revision; with ``kinds`` empty, ECS tells none."""
    web: Json = {"name": "web", "image": "nginx", "entryPoint": ["/web"]}
    containers = [web]
    if agent:
        web["entryPoint"] = ["/opt/draios/bin/instrument", "/web"]
        containers.append({"name": AGENT, "image": "quay.io/sysdig/workload-agent:5.0.1"})
    return TaskDefinition.of(
        {
            "taskDefinitionArn": arn_of(revision),
            **({"requiresCompatibilities": list(kinds)} if kinds else {}),
            "networkMode": network,
            "containerDefinitions": containers,
        }
    )


def service(runs: str = "", controller: str = "ECS", wanted: int = 1, **more: Any) -> Service:
    """A service."""
    return Service.of(
        {
            "serviceArn": f"{ARN}:service/prod/web",
            "serviceName": "web",
            "clusterArn": f"{ARN}:cluster/prod",
            "status": "ACTIVE",
            "taskDefinition": arn_of(runs) if runs else None,
            "desiredCount": wanted,
            "runningCount": wanted,
            "pendingCount": 0,
            "deploymentController": {"type": controller},
            **more,
        }
    )


def part(id_: str, runs: str, status: str = "PRIMARY", count: int = 1) -> Json:
    """A deployment, or a task set."""
    return {
        "id": id_,
        "status": status,
        "taskDefinition": arn_of(runs),
        "computedDesiredCount": count,
        "runningCount": count,
    }


def running_task(id_: str, runs: str, *, agent: str = "RUNNING", status: str = "RUNNING", **more: Any) -> Task:
    """A task, with the state of the agent in it."""
    return Task.of(
        {
            "taskArn": f"{ARN}:task/prod/{id_}",
            "taskDefinitionArn": arn_of(runs),
            "lastStatus": status,
            "launchType": "FARGATE",
            "containers": [{"name": "web", "lastStatus": status}, {"name": AGENT, "lastStatus": agent}],
            **more,
        }
    )


def looked_at(
    one: Service | None, tasks: tuple[Task, ...] = (), *, instrumented: bool = True, **more: Any
) -> list[Finding]:
    """What is said of a stack that made ``web:2``; the rest is others'."""
    known = [
        definition("web:2"),
        definition("web:1", agent=False),
        definition("web:3"),
        definition("bare:1", agent=False),
        definition("other:1"),
        definition("vm:1", agent=False, kinds=("EC2",)),
        definition("bridge:1", agent=False, kinds=(), network="bridge"),
        definition("either:1", agent=False, kinds=()),
    ]
    made = definition("web:2")
    seen = Seen(
        templates=more.pop("templates", {}),
        made=(Made("Web", made.arn, made),),
        services=(MadeService("Service", f"{ARN}:service/prod/web", one, tasks),),
        definitions={each.arn: each for each in known},
        clusters=more.pop("clusters", ("prod",)),
        **more,
    )
    return list(running(seen, BY_ITSELF, instrumented=instrumented))


def told(found: list[Finding]) -> list[tuple[str, str]]:
    """Outcome and check of each finding, without the own-stack in front."""
    return [(one.outcome.value, one.check.removeprefix("own-stack.")) for one in found]
