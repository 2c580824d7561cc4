"""What is wrong with an instrumented task definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef.dependencies import check_dependencies
from fargate_guard.taskdef.errors import TaskDefinitionError
from fargate_guard.taskdef.existing import name_of
from fargate_guard.taskdef.explanation import Problem, Severity
from fargate_guard.taskdef.loose import inner, objects, strings, truth, variables
from fargate_guard.taskdef.preflight import (
    check_execution_role,
    check_fargate,
    check_pid_mode,
    check_platform,
    check_ports,
    check_volume_sources,
    warn_about_architecture,
)
from fargate_guard.taskdef.recipes import ACCESS_KEY, AGENT_VARIABLES, CAPABILITY, INSTRUMENT, recipe_for
from fargate_guard.taskdef.record import has_label
from fargate_guard.taskdef.registration import check_names, check_registration
from fargate_guard.taskdef.sizes import check_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fargate_guard.taskdef.definition import Definition
    from fargate_guard.taskdef.existing import Existing
    from fargate_guard.taskdef.explanation import AgentExplanation
    from fargate_guard.taskdef.fields import Fields
    from fargate_guard.taskdef.recipes import Recipe
    from fargate_guard.taskdef.result import Notice

    _Check = Callable[[], Iterable[Notice] | None]

_ALWAYS_SET = frozenset({"SYSDIG_ORCHESTRATOR", "SYSDIG_COLLECTOR", "SYSDIG_SIDECAR"})
"""Variables without which a recipe is not complete; the others have defaults in the agent."""

_PREFIX = "SYSDIG_"

_FUNCTION = "${"
"""In what a template's function is shown as where its value is not known."""
_UNKNOWN = "what stands here is only known when it is deployed, so it is not checked"


def missing_parts(container: Fields, found: Existing, agent: AgentExplanation | None) -> Iterator[str]:
    """What a container that starts with the wrapper lacks."""
    if found.sidecar is None:
        yield "the agent's container"
    elif found.sidecar_name not in (entry.get("sourceContainer") for entry in objects(container, "volumesFrom")):
        yield f"volumesFrom {found.sidecar_name}"
    if CAPABILITY not in _capabilities(container):
        yield f"the capability {CAPABILITY}"
    recipe = _recipe(agent)
    if recipe is not None:
        present = {**variables(container, "environment"), **variables(container, "secrets")}
        for name in recipe.workload_variables:
            if name in _ALWAYS_SET and not present.get(name):
                yield f"the variable {name}"


def problems_of(target: Definition, found: Existing, agent: AgentExplanation | None) -> Iterator[Problem]:
    """What is wrong with a task definition, instrumented or not."""
    checks: list[_Check] = [
        lambda: check_names(target),
        lambda: check_dependencies(target, found),
        lambda: check_sizes(target, found.sidecar_name),
        lambda: check_registration(target),
    ]
    task = target.task
    if found.any:
        checks += [lambda: check_ports(target, found), lambda: check_volume_sources(target)]
        if task is not None:
            checks.append(lambda: check_execution_role(task, target.parsed, []))
            yield from _of_task(task, agent)
    yield from _found_by(checks)
    for container in found.wrapped:
        yield from _of_workload(container, found, agent)
    for container in target.parsed:
        yield from _of_variables(container)
    if found.sidecar is not None and agent is not None:
        yield from _of_sidecar(found.sidecar, found, agent)
        yield from _of_pid_mode(target, found, agent)


def _found_by(checks: list[_Check]) -> Iterator[Problem]:
    for check in checks:
        try:
            for notice in check() or ():
                yield Problem(notice.where, notice.message)
        except TaskDefinitionError as error:
            why = f": {error.why}" if error.why else ""
            yield Problem(error.where or "$", f"{error.message}{why}", Severity.ERROR)


def _of_task(task: Fields, agent: AgentExplanation | None) -> Iterator[Problem]:
    """What keeps an instrumented task from starting, beside its containers."""
    checks: list[_Check] = [
        lambda: check_fargate(task),
        lambda: check_platform(task),
        lambda: check_pid_mode(task),
    ]
    recipe = _recipe(agent)
    if agent is not None and recipe is not None:
        version = agent.version or ""
        checks.append(lambda: warn_about_architecture(task, recipe, version, agent.image))
    for problem in _found_by(checks):
        unknown = problem.severity is Severity.ERROR and _FUNCTION in problem.message
        yield Problem(problem.where, _UNKNOWN, Severity.INFO) if unknown else problem


def _recipe(agent: AgentExplanation | None) -> Recipe | None:
    if agent is None or agent.version is None:
        return None
    major, minor, _ = agent.version.split(".")
    return recipe_for((int(major), int(minor)), agent.topology or "direct")


def _capabilities(container: Fields) -> tuple[str, ...]:
    parameters = inner(container, "linuxParameters")
    capabilities = inner(parameters, "capabilities") if parameters else None
    return strings(capabilities, "add") if capabilities else ()


def _of_workload(container: Fields, found: Existing, agent: AgentExplanation | None) -> Iterator[Problem]:
    name = name_of(container)
    consequences = {"the agent's": "it cannot start", "volumesFrom": "it cannot start"}
    for part in missing_parts(container, found, agent):
        consequence = next((then for start, then in consequences.items() if part.startswith(start)), "")
        message = f"{name} starts with the agent's wrapper but lacks {part}"
        if consequence:
            message += f": {INSTRUMENT} comes from there, so {consequence}"
        elif "capability" in part:
            message += ": the agent cannot see what it does"
        severity = Severity.WARNING if "variable" in part else Severity.ERROR
        yield Problem(container.path, message, severity)
    argv = (*strings(container, "entryPoint"), *strings(container, "command"))
    where = container.at("entryPoint")
    if argv.count(INSTRUMENT) > 1:
        yield Problem(where, f"{name} is wrapped {argv.count(INSTRUMENT)} times", Severity.ERROR)
    if set(argv) == {INSTRUMENT}:
        yield Problem(where, f"{name} starts the agent's wrapper with nothing to run", Severity.ERROR)
    if _capabilities(container).count(CAPABILITY) > 1:
        yield Problem(container.at("linuxParameters"), f"{name} adds {CAPABILITY} more than once")
    sources = [entry.get("sourceContainer") for entry in objects(container, "volumesFrom")]
    if sources.count(found.sidecar_name) > 1:
        yield Problem(container.at("volumesFrom"), f"{name} mounts {found.sidecar_name} more than once")
    if truth(container, "readonlyRootFilesystem"):
        yield Problem(container.at("readonlyRootFilesystem"), f"the root file system of {name} is read-only")


def _of_variables(container: Fields) -> Iterator[Problem]:
    for entry in objects(container, "environment"):
        name, value = entry.get("name"), entry.get("value")
        if name == ACCESS_KEY and isinstance(value, str) and value:
            yield Problem(
                entry.path,
                f"{ACCESS_KEY} in PLAIN TEXT: everyone who may describe the task definition can read it; "
                "replace the key, and reference it in secrets",
                Severity.ERROR,
            )
        if isinstance(name, str) and name.startswith(_PREFIX) and name not in AGENT_VARIABLES:
            import difflib  # only a mistake should cost this

            near = difflib.get_close_matches(name[:64], AGENT_VARIABLES, n=1, cutoff=0.85)
            if near:
                yield Problem(entry.path, f"the agent does not know {name[:64]}; did you mean {near[0]}?")


def _of_sidecar(sidecar: Fields, found: Existing, agent: AgentExplanation) -> Iterator[Problem]:
    if not found.wrapped:
        yield Problem(sidecar.path, "nothing starts with the agent's wrapper, so the agent sees nothing")
    if has_label(sidecar) and found.record is None:
        yield Problem(
            sidecar.at("dockerLabels"),
            "fguard's record is damaged: uninstrument must guess what was there before",
        )
    if agent.topology is None:
        yield Problem(sidecar.path, "no orchestrator and no collector is set for the agent", Severity.ERROR)
    elif agent.topology == "direct" and agent.access_key is None and not agent.access_key_in_plain_text:
        yield Problem(sidecar.path, f"the agent has no access key: {ACCESS_KEY} is not set", Severity.ERROR)
    if agent.version is None:
        yield Problem(
            sidecar.at("image"),
            "the image's tag does not say the agent's version",
            Severity.INFO if "@" in agent.image else Severity.WARNING,
        )
    elif _recipe(agent) is None:
        what = f"with an {agent.topology}" if agent.topology == "orchestrator" else "at all"
        yield Problem(sidecar.at("image"), f"fguard does not know agent {agent.version} {what}", Severity.ERROR)
    if strings(sidecar, "entryPoint")[:1] == (INSTRUMENT,):
        yield Problem(sidecar.at("entryPoint"), "the agent's own container is instrumented", Severity.ERROR)


def _of_pid_mode(target: Definition, found: Existing, agent: AgentExplanation) -> Iterator[Problem]:
    recipe, task = _recipe(agent), target.task
    if recipe is None or not found.wrapped or recipe.pid_mode is None:
        return
    if task is None:
        yield Problem(
            "$",
            f"pidMode {recipe.pid_mode} must be set where the task is made: it is not part of this array",
            Severity.INFO,
        )
    elif task.get("pidMode") in (None, ""):
        yield Problem(
            task.at("pidMode"),
            f"agent {agent.version} needs pidMode {recipe.pid_mode}: without it the agent sees no other container",
            Severity.ERROR,
        )
