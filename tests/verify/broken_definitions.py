"""Ways to break a deployment through its task definitions, each with the checks that must complain."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.verify.breakage import breaks
from tests.verify.stack_changes import redeploy_orchestrator, redeploy_web, restore_services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.verify.expected import Expected
    from tests.verify.deployed_stack import Stack

Json = dict[str, Any]


# Task definitions and instrumentation


@breaks("task-definition.active")
def revision_deregistered(stack: Stack) -> Iterator[Expected]:
    expected = redeploy_web(stack, stack.web_json)
    stack.ecs.deregister_task_definition(taskDefinition=expected.workloads[0].task_definition_arn)
    yield expected
    restore_services(stack)


@dataclass(frozen=True)
class Parts:
    """A task definition to change, its workload container and its sidecar."""

    task: Json

    web: Json
    side: Json


def changed(stack: Stack, change: Callable[[Parts], Any]) -> Iterator[Expected]:
    """Deploy the workload with a changed task definition."""
    definition = copy.deepcopy(stack.web_json)
    change(Parts(definition, *definition["containerDefinitions"]))
    yield redeploy_web(stack, definition)
    restore_services(stack)


def put(container: Json, name: str, value: str) -> None:
    """Set a plain variable."""
    kept = [entry for entry in container.get("environment", []) if entry["name"] != name]
    container["environment"] = [*kept, {"name": name, "value": value}]


def drop(container: Json, name: str) -> None:
    """Remove a plain variable."""
    container["environment"] = [entry for entry in container["environment"] if entry["name"] != name]


CHANGES: dict[str, tuple[tuple[str, ...], Callable[[Parts], Any]]] = {
    "arm": (
        ("task-definition.platform",),
        lambda it: it.task.update(runtimePlatform={"cpuArchitecture": "ARM64"}),
    ),
    "too_large": (("task-definition.size",), lambda it: it.web.update(memory=2048)),
    "same_variable_twice": (
        ("task-definition.variables-unique",),
        lambda it: it.web["environment"].extend(it.web["environment"][:1]),
    ),
    "another_capability": (
        ("task-definition.capabilities",),
        lambda it: it.web["linuxParameters"]["capabilities"]["add"].append("SYS_ADMIN"),
    ),
    "not_wrapped": (
        ("instrumentation.entry-point",),
        lambda it: it.web.update(entryPoint=["/docker-entrypoint.sh"]),
    ),
    "wrapped_twice": (
        ("instrumentation.entry-point",),
        lambda it: it.web.update(entryPoint=[it.web["entryPoint"][0], *it.web["entryPoint"]]),
    ),
    "nothing_to_run": (
        ("instrumentation.something-to-run",),
        lambda it: it.web.update(entryPoint=it.web["entryPoint"][:1], command=[]),
    ),
    "without_sys_ptrace": (("instrumentation.sys-ptrace",), lambda it: it.web.pop("linuxParameters")),
    "sys_ptrace_twice": (
        ("instrumentation.sys-ptrace",),
        lambda it: it.web["linuxParameters"]["capabilities"]["add"].append("SYS_PTRACE"),
    ),
    "without_volume": (("instrumentation.volumes-from",), lambda it: it.web.pop("volumesFrom")),
    "writable_volume": (
        ("instrumentation.volumes-from",),
        lambda it: it.web["volumesFrom"][0].update(readOnly=False),
    ),
    "sidecar_twice": (
        ("instrumentation.sidecar",),
        lambda it: it.task["containerDefinitions"].append({**it.side, "name": "sysdigInstrumentation"}),
    ),
    "sidecar_instrumented": (
        ("instrumentation.sidecar-bare",),
        lambda it: it.side.update(linuxParameters={"capabilities": {"add": ["SYS_PTRACE"]}}),
    ),
    "pid_mode_not_shared": (("instrumentation.pid-mode",), lambda it: it.task.pop("pidMode")),
    "log_port_taken": (
        ("instrumentation.log-port",),
        lambda it: it.web["portMappings"].append({"containerPort": 32000}),
    ),
    "moving_image": (
        ("agent.image",),
        lambda it: it.side.update(image="quay.io/sysdig/workload-agent:latest"),
    ),
    "agent_too_new_for_an_orchestrator": (
        ("agent.image", "agent.version-matrix"),
        lambda it: it.side.update(image="quay.io/sysdig/workload-agent:6.2.1"),
    ),
    "no_orchestrator_port": (
        ("agent.environment", "agent.orchestrator-address"),
        lambda it: drop(it.side, "SYSDIG_ORCHESTRATOR_PORT"),
    ),
    "collector_beside_orchestrator": (
        ("agent.environment",),
        lambda it: put(it.side, "SYSDIG_COLLECTOR", "collector.sysdigcloud.com"),
    ),
    "unknown_priority": (("agent.priority",), lambda it: put(it.side, "SYSDIG_PRIORITY", "speed")),
    "orchestrator_of_another_vpc": (
        ("agent.orchestrator-address",),
        lambda it: put(it.side, "SYSDIG_ORCHESTRATOR", "old-nlb.elb.us-east-1.amazonaws.com"),
    ),
    "access_key_in_plain_text": (
        ("access-key.no-plain-text",),
        lambda it: put(it.web, "ACCESS_KEY", "the-access-key"),
    ),
    "logs_elsewhere": (
        ("logs.destination", "logs.sidecar"),
        lambda it: it.side.pop("logConfiguration"),
    ),
}

for _name, (_checks, _change) in CHANGES.items():

    def _changed(stack: Stack, change: Any = _change) -> Iterator[Expected]:
        yield from changed(stack, change)

    _changed.__name__ = f"task_definition_{_name}"
    breaks(*_checks)(_changed)


@breaks("agent.collector-address")
def orchestrator_sends_to_another_region(stack: Stack) -> Iterator[Expected]:
    definition = stack.orchestrator_json()
    put(definition["containerDefinitions"][0], "COLLECTOR", "ingest-eu1.app.sysdig.com")
    yield redeploy_orchestrator(stack, definition)
    restore_services(stack)


@breaks("access-key.referenced")
def orchestrator_without_access_key(stack: Stack) -> Iterator[Expected]:
    definition = stack.orchestrator_json()
    definition["containerDefinitions"][0]["secrets"] = []
    yield redeploy_orchestrator(stack, definition)
    restore_services(stack)
