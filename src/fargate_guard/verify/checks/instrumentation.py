"""Whether each workload container really starts under the agent's wrapper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef.recipes import CAPABILITY, INSTRUMENT, LOG_FORWARD_PORT, SIDECAR_NAME, recipe_for
from fargate_guard.verify.checks.task_definitions import of_each
from fargate_guard.verify.registry import Observation, Registry, judged, skipped
from fargate_guard.verify.version import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.verify.expected import Component
    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.facts.task_definition import ContainerDefinition, TaskDefinition

CHECKS = Registry()

_DOCS = "https://docs.sysdig.com/en/docs/installation/sysdig-secure/install-agent-components/ecs-on-fargate/"
_NEEDS = ("task_definitions",)
_DEPLOY = "run `fguard deploy`: it registers a revision that is instrumented as it should be"


def _each_container(
    facts: Facts, look: Callable[[ContainerDefinition], Observation | None]
) -> Iterator[Observation]:
    """Look at every workload container that is to be instrumented."""
    for component in facts.expected.workloads:
        definition = facts.definition(component)
        if definition is None:
            yield skipped(component.task_definition_arn, "there is no such revision")
            continue
        left_out = definition.left_out(component.leaving_out)
        for container in definition.workloads:
            if container.name in left_out:
                reason = f"left out on purpose: {left_out[container.name]}"
                yield skipped(f"{definition.arn} {container.name}", reason)
                continue
            seen = look(container)
            if seen is not None:
                yield _in(definition, seen)


def _in(definition: TaskDefinition, seen: Observation) -> Observation:
    return Observation(f"{definition.arn} {seen.resource}", seen.outcome, seen.expected, seen.found, seen.fix)


@CHECKS.check(
    "instrumentation.entry-point",
    title="Every workload container starts with the agent's wrapper",
    docs=_DOCS,
    needs=_NEEDS,
)
def entry_point(facts: Facts) -> Iterator[Observation]:
    """The wrapper comes first in entryPoint, exactly once."""
    yield from _each_container(
        facts,
        lambda container: judged(
            container.name,
            (container.json.get("entryPoint") or [None])[0] == INSTRUMENT
            and container.argv.count(INSTRUMENT) == 1,
            expected=f"entryPoint begins with {INSTRUMENT}, once",
            found=f"entryPoint {container.json.get('entryPoint') or 'not set'}"
            + (
                f", wrapped {container.argv.count(INSTRUMENT)} times"
                if container.argv.count(INSTRUMENT) > 1
                else ""
            ),
            fix=_DEPLOY,
        ),
    )


@CHECKS.check(
    "instrumentation.something-to-run",
    title="After the wrapper there is something to run",
    docs=_DOCS,
    needs=_NEEDS,
)
def something_to_run(facts: Facts) -> Iterator[Observation]:
    """The wrapper ends with "no command or entry point specified" when nothing follows it."""

    def look(container: ContainerDefinition) -> Observation | None:
        if not container.argv or container.argv[0] != INSTRUMENT:
            return skipped(container.name, "not wrapped; see instrumentation.entry-point")
        rest = container.argv[1:]
        return judged(
            container.name,
            bool(rest),
            expected="entryPoint or command goes on after the wrapper",
            found=f"runs {rest[0]}"
            if rest
            else "nothing to run: ECS drops the image's CMD once entryPoint is set",
            fix="write entryPoint and command into the task definition's file and run `fguard deploy`",
        )

    yield from _each_container(facts, look)


@CHECKS.check(
    "instrumentation.sys-ptrace",
    title="Every workload container adds SYS_PTRACE, once",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html",
    needs=_NEEDS,
)
def sys_ptrace(facts: Facts) -> Iterator[Observation]:
    """Without it the wrapper sees no system call."""
    yield from _each_container(
        facts,
        lambda container: judged(
            container.name,
            container.added_capabilities.count(CAPABILITY) == 1,
            expected=f"linuxParameters.capabilities.add has {CAPABILITY} once",
            found=f"{container.added_capabilities.count(CAPABILITY)} times",
            fix=_DEPLOY,
        ),
    )


@CHECKS.check(
    "instrumentation.volumes-from",
    title="Every workload container mounts the sidecar's volume, once and read-only",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_VolumeFrom.html",
    needs=_NEEDS,
)
def volumes_from(facts: Facts) -> Iterator[Observation]:
    """The wrapper comes from there."""

    def look(container: ContainerDefinition) -> Observation:
        mounts = [
            v for v in container.volumes_from if str(v.get("sourceContainer", "")).lower() == SIDECAR_NAME.lower()
        ]
        writable = any(not mount.get("readOnly") for mount in mounts)
        return judged(
            container.name,
            len(mounts) == 1 and not writable,
            expected=f"volumesFrom {SIDECAR_NAME} once, readOnly",
            found=f"{len(mounts)} times{', writable' if writable else ''}",
            fix=_DEPLOY,
        )

    yield from _each_container(facts, look)


@CHECKS.check(
    "instrumentation.sidecar",
    title="There is exactly one sidecar",
    docs=_DOCS,
    needs=_NEEDS,
)
def sidecar(facts: Facts) -> Iterator[Observation]:
    """With two, which one a container uses is chance."""
    yield from of_each(
        facts,
        lambda _, definition: judged(
            definition.arn,
            len(definition.sidecars) == 1,
            expected=f"one container {SIDECAR_NAME}",
            found=f"{len(definition.sidecars)}",
            fix=_DEPLOY,
        ),
        workloads_only=True,
    )


@CHECKS.check(
    "instrumentation.sidecar-bare",
    title="The sidecar itself is not instrumented",
    docs=_DOCS,
    needs=_NEEDS,
)
def sidecar_bare(facts: Facts) -> Iterator[Observation]:
    """Tools that instrument twice wrap the agent into the agent."""

    def look(_: Component, definition: TaskDefinition) -> Observation:
        container = definition.sidecar
        if container is None:
            return skipped(definition.arn, "there is no sidecar; see instrumentation.sidecar")
        marks = [
            mark
            for mark, there in (
                (INSTRUMENT, INSTRUMENT in container.argv),
                (CAPABILITY, CAPABILITY in container.added_capabilities),
                ("volumesFrom", bool(container.volumes_from)),
            )
            if there
        ]
        return judged(
            definition.arn,
            not marks,
            expected="neither the wrapper nor SYS_PTRACE nor volumesFrom on the sidecar",
            found=", ".join(marks) or "none of them",
            fix=_DEPLOY,
        )

    yield from of_each(facts, look, workloads_only=True)


@CHECKS.check(
    "instrumentation.pid-mode",
    title="The containers of a task share their PID namespace (agent 5.0 and later)",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_definition_pidmode",
    needs=_NEEDS,
)
def pid_mode(facts: Facts) -> Iterator[Observation]:
    """From 5.0 the agent sits in the sidecar and must see the other containers' processes."""
    recipe = recipe_for(parse(facts.expected.agent_version)[:2], facts.expected.topology)
    wanted = recipe.pid_mode if recipe else "task"

    def look(_: Component, definition: TaskDefinition) -> Observation:
        if wanted is None:
            return skipped(definition.arn, f"agent {facts.expected.agent_version} does not need it")
        return judged(
            definition.arn,
            definition.json.get("pidMode") == wanted,
            expected=f"pidMode {wanted}",
            found=f"pidMode {definition.json.get('pidMode') or 'not set'}",
            fix=_DEPLOY,
        )

    yield from of_each(facts, look, workloads_only=True)


@CHECKS.check(
    "instrumentation.log-port",
    title=f"No workload container uses port {LOG_FORWARD_PORT}",
    docs=_DOCS,
    needs=_NEEDS,
)
def log_port(facts: Facts) -> Iterator[Observation]:
    """All containers of a task share one address, and the sidecar listens on this port for log lines."""

    def look(container: ContainerDefinition) -> Observation:
        ports = [int(mapping.get("containerPort") or 0) for mapping in container.json.get("portMappings") or ()]
        return judged(
            container.name,
            LOG_FORWARD_PORT not in ports,
            expected=f"{LOG_FORWARD_PORT} free",
            found=f"ports {', '.join(map(str, ports))}" if ports else "no port",
            fix=f"let the container listen elsewhere than on {LOG_FORWARD_PORT}, or set SYSDIG_LOG_LISTEN_PORT",
        )

    yield from _each_container(facts, look)
