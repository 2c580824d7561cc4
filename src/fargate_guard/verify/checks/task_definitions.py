"""What every revision must be, with or without the agent, to run on Fargate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef.recipes import recipe_for
from fargate_guard.verify.registry import Registry, judged, skipped
from fargate_guard.verify.version import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.verify.expected import Component
    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.facts.task_definition import TaskDefinition
    from fargate_guard.verify.registry import Observation

CHECKS = Registry()

_DOCS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html"
_INSTRUMENT = "mend the task definition's file and run `fguard deploy`"


def of_each(
    facts: Facts, look: Callable[[Component, TaskDefinition], Observation], *, workloads_only: bool = False
) -> Iterator[Observation]:
    """Look at each deployed revision."""
    for component in facts.expected.components:
        if workloads_only and component.is_orchestrator:
            continue
        definition = facts.definition(component)
        why_not = facts.why_not_watched(component) if workloads_only else None
        if definition is None:
            yield skipped(component.task_definition_arn, "there is no such revision")
        elif why_not is not None:
            yield skipped(component.task_definition_arn, f"left out on purpose: {why_not}")
        else:
            yield look(component, definition)


@CHECKS.check(
    "task-definition.active",
    title="The deployed revision is ACTIVE",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deregister-task-definition-v2.html",
    needs=("task_definitions",),
)
def active(facts: Facts) -> Iterator[Observation]:
    """A deregistered revision cannot be started again, so the next task that stops is not replaced."""
    for component in facts.expected.components:
        definition = facts.definition(component)
        yield judged(
            component.task_definition_arn,
            definition is not None and definition.status == "ACTIVE",
            expected="ACTIVE",
            found=definition.status if definition else "there is no such revision",
            fix="run `fguard deploy`: it registers a new revision",
        )


@CHECKS.check(
    "task-definition.fargate",
    title="The revision is for Fargate, with network mode awsvpc",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html",
    needs=("task_definitions",),
)
def fargate(facts: Facts) -> Iterator[Observation]:
    """The agent's sidecar is for Fargate."""
    yield from of_each(
        facts,
        lambda _, definition: judged(
            definition.arn,
            "FARGATE" in definition.compatibilities and definition.json.get("networkMode") == "awsvpc",
            expected="requiresCompatibilities FARGATE, networkMode awsvpc",
            found=f"requiresCompatibilities {', '.join(definition.compatibilities) or 'none'},"
            f" networkMode {definition.json.get('networkMode')}",
            fix=_INSTRUMENT,
        ),
    )


@CHECKS.check(
    "task-definition.platform",
    title="The revision is for Linux, on a CPU architecture that the agent supports",
    docs=_DOCS + "#runtime-platform",
    needs=("task_definitions",),
)
def platform(facts: Facts) -> Iterator[Observation]:
    """Neither agent exists for Windows."""
    recipe = recipe_for(parse(facts.expected.agent_version)[:2], facts.expected.topology)

    def look(component: Component, definition: TaskDefinition) -> Observation:
        runtime = definition.json.get("runtimePlatform") or {}
        system = runtime.get("operatingSystemFamily") or "LINUX"
        architecture = runtime.get("cpuArchitecture") or "X86_64"
        supported = recipe.architectures if recipe and not component.is_orchestrator else ("X86_64", "ARM64")
        if component.cpu_architecture:
            supported = (component.cpu_architecture,)
        return judged(
            definition.arn,
            system == "LINUX" and architecture in supported,
            expected=f"LINUX, {' or '.join(supported)}",
            found=f"{system}, {architecture}",
            fix=_INSTRUMENT,
        )

    yield from of_each(facts, look)


@CHECKS.check(
    "task-definition.size",
    title="The containers' CPU and memory fit into the task's",
    docs=_DOCS + "#task_size",
    needs=("task_definitions",),
)
def size(facts: Facts) -> Iterator[Observation]:
    """The sidecar shares the task with the workload."""

    def look(_: Component, definition: TaskDefinition) -> Observation:
        cpu = sum(int(container.json.get("cpu") or 0) for container in definition.containers)
        memory = sum(
            int(container.json.get("memoryReservation") or container.json.get("memory") or 0)
            for container in definition.containers
        )
        task_cpu, task_memory = _number(definition, "cpu"), _number(definition, "memory")
        return judged(
            definition.arn,
            cpu <= task_cpu and memory <= task_memory,
            expected=f"at most {task_cpu} CPU units and {task_memory} MiB",
            found=f"{cpu} CPU units and {memory} MiB",
            fix="raise the task definition's cpu or memory, or lower its containers', and run `fguard deploy`",
        )

    yield from of_each(facts, look)


def _number(definition: TaskDefinition, field: str) -> int:
    """Return CPU units or MiB; ECS normalises ``1 vCPU`` and ``2 GB`` to plain numbers when it registers them."""
    text = str(definition.json.get(field) or 0)
    return int(text) if text.isdigit() else 0


@CHECKS.check(
    "task-definition.variables-unique",
    title="No container gets the same variable twice",
    docs=_DOCS + "#container_definition_environment",
    needs=("task_definitions",),
)
def variables_unique(facts: Facts) -> Iterator[Observation]:
    """Which of the two counts is not documented."""

    def look(_: Component, definition: TaskDefinition) -> Observation:
        twice = [
            f"{container.name}: {name}"
            for container in definition.containers
            for name in dict.fromkeys(container.variable_names)
            if container.variable_names.count(name) > 1
        ]
        return judged(
            definition.arn,
            not twice,
            expected="each name once among environment and secrets",
            found=", ".join(twice) or "each name once",
            fix=_INSTRUMENT,
        )

    yield from of_each(facts, look)


@CHECKS.check(
    "task-definition.capabilities",
    title="No container adds a capability but SYS_PTRACE",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html",
    needs=("task_definitions",),
)
def capabilities(facts: Facts) -> Iterator[Observation]:
    """Fargate lets a task add this one only, and the orchestrator needs none."""

    def look(component: Component, definition: TaskDefinition) -> Observation:
        allowed = set() if component.is_orchestrator else {"SYS_PTRACE"}
        more = [
            f"{container.name}: {name}"
            for container in definition.containers
            for name in container.added_capabilities
            if name not in allowed
        ]
        return judged(
            definition.arn,
            not more,
            expected=", ".join(allowed) or "none",
            found=", ".join(more) or "nothing else",
            fix=_INSTRUMENT,
        )

    yield from of_each(facts, look)
