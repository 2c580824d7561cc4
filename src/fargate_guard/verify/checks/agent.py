"""Versions, images and settings of the workload agent and the orchestrator agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef.recipes import ACCESS_KEY, EXTRA_CONF, recipe_for
from fargate_guard.verify.checks.task_definitions import of_each
from fargate_guard.verify.facts.task_definition import KEY_NAMES
from fargate_guard.verify.registry import Registry, judged, skipped
from fargate_guard.verify.version import is_pinned, parse, version_of_image, works_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.verify.expected import Component, Expected
    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.facts.task_definition import TaskDefinition
    from fargate_guard.verify.registry import Observation

CHECKS = Registry()

_DOCS = "https://docs.sysdig.com/en/docs/installation/sysdig-secure/install-agent-components/ecs-on-fargate/"
_NEEDS = ("task_definitions",)
_DEPLOY = "run `fguard deploy`: it registers a revision with the right settings"
PRIORITIES = ("availability", "security")
ORCHESTRATOR_KEY = "ACCESS_KEY"


@CHECKS.check(
    "agent.image", title="The agents' images are those that were asked for, pinned", docs=_DOCS, needs=_NEEDS
)
def image(facts: Facts) -> Iterator[Observation]:
    """``latest`` is another agent tomorrow."""

    def look(component: Component, definition: TaskDefinition) -> Observation:
        wanted = facts.expected.orchestrator_image if component.is_orchestrator else facts.expected.agent_image
        container = facts.agent_container(component)
        if container is None:
            return skipped(definition.arn, "there is no sidecar; see instrumentation.sidecar")
        return judged(
            f"{definition.arn} {container.name}",
            container.image == wanted and is_pinned(container.image),
            expected=wanted,
            found=container.image,
            fix="set agent.version (or agent.image) in fguard.yaml and run `fguard deploy`",
        )

    yield from of_each(facts, look)


@CHECKS.check(
    "agent.version-matrix",
    title="Workload agent and orchestrator agent work with each other",
    docs=_DOCS,
    needs=_NEEDS,
    topology="orchestrator",
)
def version_matrix(facts: Facts) -> Iterator[Observation]:
    """Some pairs of versions connect, and yet no policy reaches the agent."""
    orchestrator = _running_version(facts, "orchestrator") or facts.expected.orchestrator_version
    for component in facts.expected.workloads:
        agent = _running_version(facts, component.name) or facts.expected.agent_version
        why_not = works_with(agent, orchestrator)
        yield judged(
            component.task_definition_arn,
            why_not is None,
            expected="a pair of versions that Sysdig documents as compatible",
            found=f"agent {agent}, orchestrator {orchestrator}" + (f": {why_not}" if why_not else ""),
            fix="set agent.version and orchestrator.version in fguard.yaml and run `fguard deploy`",
        )


def _running_version(facts: Facts, name: str) -> str | None:
    component = next((one for one in facts.expected.components if one.name == name), None)
    container = facts.agent_container(component) if component else None
    return version_of_image(container.image) if container else None


@CHECKS.check(
    "agent.environment",
    title="The agent has the variables of its topology and version, and none of the other",
    docs=_DOCS,
    needs=_NEEDS,
)
def environment(facts: Facts) -> Iterator[Observation]:
    """With both an orchestrator and a collector, or with neither, an agent has no one place to connect to."""
    expected = facts.expected
    recipe = recipe_for(parse(expected.agent_version)[:2], expected.topology)

    def look(component: Component, definition: TaskDefinition) -> Observation:
        if recipe is None:
            return skipped(definition.arn, f"no recipe for agent {expected.agent_version}")
        wrong: list[str] = []
        left_out = definition.left_out(component.leaving_out)
        for container in definition.containers:
            if container.name in left_out:
                continue
            of_sidecar = container.is_sidecar
            needed = recipe.sidecar_variables if of_sidecar else recipe.workload_variables
            secrets = recipe.sidecar_secrets if of_sidecar else recipe.workload_secrets
            present = set(container.variable_names)
            optional = {"SYSDIG_LOGGING", EXTRA_CONF}
            wrong += [f"{container.name} lacks {n}" for n in (*needed, *secrets) if n not in present | optional]
            wrong += [f"{container.name} has {n}" for n in _of_other_topology(expected) if n in present]
        return judged(
            definition.arn,
            not wrong,
            expected=f"the variables of agent {expected.agent_version}, {expected.topology}",
            found=", ".join(wrong) or "these",
            fix=_DEPLOY,
        )

    yield from of_each(facts, look, workloads_only=True)


def _of_other_topology(expected: Expected) -> tuple[str, ...]:
    if expected.topology == "direct":
        return ("SYSDIG_ORCHESTRATOR", "SYSDIG_ORCHESTRATOR_PORT")
    return ("SYSDIG_COLLECTOR", "SYSDIG_COLLECTOR_PORT", ACCESS_KEY)


@CHECKS.check(
    "agent.priority",
    title="SYSDIG_PRIORITY is availability or security",
    docs=_DOCS,
    needs=_NEEDS,
)
def priority(facts: Facts) -> Iterator[Observation]:
    """Any other value is ignored by the agent."""

    def look(_: Component, definition: TaskDefinition) -> Observation:
        values = {
            f"{container.name}: {container.environment['SYSDIG_PRIORITY']}"
            for container in definition.containers
            if container.environment.get("SYSDIG_PRIORITY", PRIORITIES[0]) not in PRIORITIES
        }
        return judged(
            definition.arn,
            not values,
            expected=" or ".join(PRIORITIES),
            found=", ".join(sorted(values)) or "one of them, or not set",
            fix=_DEPLOY,
        )

    yield from of_each(facts, look, workloads_only=True)


@CHECKS.check(
    "agent.orchestrator-address",
    title="The agent sends to this deployment's load balancer",
    docs=_DOCS,
    needs=_NEEDS,
    topology="orchestrator",
)
def orchestrator_address(facts: Facts) -> Iterator[Observation]:
    """A name that is left from an earlier load balancer resolves to nothing."""
    built = facts.expected.outputs.orchestrator

    def look(_: Component, definition: TaskDefinition) -> Observation:
        addresses = {
            f"{container.environment.get('SYSDIG_ORCHESTRATOR')}:{container.environment.get('SYSDIG_ORCHESTRATOR_PORT')}"
            for container in definition.containers
            if "SYSDIG_ORCHESTRATOR" in container.environment
        }
        wanted = f"{built.host}:{built.port}" if built else ""
        return judged(
            definition.arn,
            not addresses or addresses == {wanted},
            expected=wanted,
            found=", ".join(sorted(addresses)) or "no address; see agent.environment",
            fix=_DEPLOY,
        )

    yield from of_each(facts, look, workloads_only=True)


@CHECKS.check(
    "agent.collector-address",
    title="What sends to Sysdig sends to the collector of the configuration",
    docs="https://docs.sysdig.com/en/docs/administration/saas-regions-and-ip-ranges/",
    needs=_NEEDS,
)
def collector_address(facts: Facts) -> Iterator[Observation]:
    """Another region's collector does not know the access key."""
    wanted = f"{facts.expected.collector_host}:{facts.expected.collector_port}"

    def look(component: Component, definition: TaskDefinition) -> Observation:
        prefix = "" if component.is_orchestrator else "SYSDIG_"
        addresses = {
            f"{container.environment[f'{prefix}COLLECTOR']}:{container.environment.get(f'{prefix}COLLECTOR_PORT')}"
            for container in definition.containers
            if f"{prefix}COLLECTOR" in container.environment
        }
        through_orchestrator = facts.expected.topology == "orchestrator" and not component.is_orchestrator
        if through_orchestrator:
            return skipped(definition.arn, "goes through the orchestrator")
        return judged(
            definition.arn,
            addresses == {wanted},
            expected=wanted,
            found=", ".join(sorted(addresses)) or "no collector",
            fix=_DEPLOY,
        )

    yield from of_each(facts, look)


@CHECKS.check(
    "access-key.no-plain-text",
    title="The access key stands in no task definition",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html",
    needs=_NEEDS,
)
def no_plain_text(facts: Facts) -> Iterator[Observation]:
    """Everybody who may describe the task definition can read its environment."""

    def look(_: Component, definition: TaskDefinition) -> Observation:
        plain = [
            f"{container.name}: {name}"
            for container in definition.containers
            for name in container.environment
            if name in KEY_NAMES and container.environment[name]
        ]
        return judged(
            definition.arn,
            not plain,
            expected="no SYSDIG_ACCESS_KEY or ACCESS_KEY in environment",
            found=f"in plain text: {', '.join(plain)}" if plain else "none",
            fix="rotate the key, name a secret in sysdig.access_key, `fguard deploy`, deregister this revision",
        )

    yield from of_each(facts, look)


@CHECKS.check(
    "access-key.referenced",
    title="What connects to Sysdig gets the access key as an ECS secret, and nothing else does",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html",
    needs=_NEEDS,
)
def referenced(facts: Facts) -> Iterator[Observation]:
    """Without the key the agent's connection is refused; in the workload's own container it is one leak more."""
    expected = facts.expected
    recipe = recipe_for(parse(expected.agent_version)[:2], expected.topology)

    def look(component: Component, definition: TaskDefinition) -> Observation:
        name = ORCHESTRATOR_KEY if component.is_orchestrator else ACCESS_KEY
        holders = {container.name for container in definition.containers if name in container.secrets}
        if component.is_orchestrator:
            wanted = {component.agent_container_name}
        else:
            wanted = {c.name for c in definition.sidecars if recipe and ACCESS_KEY in recipe.sidecar_secrets}
            if recipe and ACCESS_KEY in recipe.workload_secrets:
                left_out = definition.left_out(component.leaving_out)
                wanted |= {c.name for c in definition.workloads if c.name not in left_out}
        return judged(
            definition.arn,
            holders == wanted,
            expected=f"{name} as a secret of {', '.join(sorted(wanted)) or 'no container'}",
            found=f"of {', '.join(sorted(holders)) or 'no container'}",
            fix=_DEPLOY,
        )

    yield from of_each(facts, look)
