"""Tell what is instrumented in a task definition, by whom, with which agent, and what is wrong.

Nothing is refused here that can be located: what is malformed is among the problems.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from fargate_guard.taskdef.definition import locate
from fargate_guard.taskdef.diagnosis import missing_parts, problems_of
from fargate_guard.taskdef.errors import TaskDefinitionError
from fargate_guard.taskdef.existing import Existing, existing, is_wrapped, name_of, sidecars_of
from fargate_guard.taskdef.explanation import (
    AgentExplanation,
    Certainty,
    ContainerExplanation,
    Explanation,
    Instrumenter,
    Problem,
    Severity,
)
from fargate_guard.taskdef.fields import Fields, Json, copied
from fargate_guard.taskdef.loose import strings, variables
from fargate_guard.taskdef.recipes import ACCESS_KEY, INSTRUMENT, SIDECAR_NAME
from fargate_guard.taskdef.record import has_label
from fargate_guard.taskdef.restoring import restore
from fargate_guard.taskdef.result import Notice
from fargate_guard.taskdef.selection import BY_ITSELF, why_left_out
from fargate_guard.taskdef.sidecar import agent_version_in
from fargate_guard.taskdef.tags import Ignored, ignored_by_tags

if TYPE_CHECKING:
    from fargate_guard.taskdef.definition import Definition
    from fargate_guard.taskdef.result import Restored

_ADDRESSES = {"orchestrator": "SYSDIG_ORCHESTRATOR", "direct": "SYSDIG_COLLECTOR"}
_SYSDIGS_ENTRY_POINTS = ("/opt/draios/bin/logwriter", "/opt/draios/bin/sidecar")
"""With these start the sidecars that Sysdig's Terraform provider and CloudFormation macro make."""


def explain(definition: Json) -> Explanation:
    """Tell what is instrumented, by whom, with which version, and what is wrong.

    :param definition: in any shape that :func:`~fargate_guard.taskdef.instrument` takes, instrumented or not.
    :raises TaskDefinitionError: not a task definition, or a container definition with two keys that differ only in
        case.
    """
    target = locate(copied(definition))
    found, problems = _existing(target)
    originals, uncertain, more = _originals(definition, target, found)
    agent = _agent(found)
    tags, wrong_tags = _tags(target)
    containers = tuple(
        _container(container, found, agent, tags, originals.get(container.path, container))
        for container in target.parsed
        if container is not found.sidecar
    )
    problems += [*more, *wrong_tags, *problems_of(target, found, agent)]
    return Explanation(
        instrumented_by=_instrumented_by(containers, found),
        agent=agent,
        pid_mode=_pid_mode(target),
        containers=containers,
        problems=_sorted(problems),
        uncertain=uncertain,
    )


def _existing(target: Definition) -> tuple[Existing, list[Problem]]:
    try:
        return existing(target), []
    except TaskDefinitionError as error:  # two sidecars, or the record of a newer fguard
        sidecars = sidecars_of(target)
        wrapped = [container for container in target.parsed if is_wrapped(container) and container not in sidecars]
        return Existing(sidecars[0] if sidecars else None, None, wrapped), [_problem(error)]


def _problem(error: TaskDefinitionError) -> Problem:
    why = f": {error.why}" if error.why else ""
    return Problem(error.where or "$", f"{error.message}{why}", Severity.ERROR)


def _originals(
    definition: Json, target: Definition, found: Existing
) -> tuple[dict[str, Fields], tuple[Notice, ...], list[Problem]]:
    """What ``uninstrument`` would give: containers by their path here, what is uncertain, and what prevents it."""
    if not found.any:
        return {}, (), []
    try:
        restored: Restored = restore(definition)
        containers = iter(locate(restored.definition).parsed)
    except TaskDefinitionError as error:
        refusal = Notice(error.where or "$", f"uninstrument refuses it: {error.message}")
        return {}, (refusal,), [_problem(error)]
    kept = [container.path for container in target.parsed if container is not found.sidecar]
    return dict(zip(kept, containers, strict=False)), restored.warnings, []


def _tags(target: Definition) -> tuple[Ignored, list[Problem]]:
    try:
        return ignored_by_tags(target), []
    except TaskDefinitionError as error:
        return Ignored(), [_problem(error)]


def _pid_mode(target: Definition) -> str | None:
    value = target.task.get("pidMode") if target.task else None
    return value if isinstance(value, str) and value else None


def _agent(found: Existing) -> AgentExplanation | None:
    sidecar = found.sidecar
    if sidecar is None:
        return None
    told = {}
    for container in (*reversed(found.wrapped), sidecar):  # up to 4.x the workloads are told, from 5.0 the sidecar
        told.update({name: value for name, value in variables(container, "environment").items() if value})
    secrets = [variables(container, "secrets").get(ACCESS_KEY) for container in (sidecar, *found.wrapped)]
    key = next((value for value in secrets if isinstance(value, str)), None)
    topology = next((topology for topology, name in _ADDRESSES.items() if told.get(name)), None)
    image = sidecar.get("image")
    return AgentExplanation(
        container=name_of(sidecar),
        path=sidecar.path,
        image=image if isinstance(image, str) else "",
        version=agent_version_in(image),
        topology=topology,
        endpoint=_endpoint(told, topology),
        access_key=key,
        access_key_in_plain_text=isinstance(told.get(ACCESS_KEY), str),
    )


def _endpoint(told: dict[str, Json], topology: str | None) -> str | None:
    if topology is None:
        return None
    host, port = told[_ADDRESSES[topology]], told.get(f"{_ADDRESSES[topology]}_PORT")
    text = host if isinstance(host, str) else json.dumps(host)
    return f"{text}:{port}" if isinstance(port, (str, int)) else text


def _container(
    container: Fields, found: Existing, agent: AgentExplanation | None, tags: Ignored, original: Fields
) -> ContainerExplanation:
    wrapped = is_wrapped(container)
    by = _wrapped_by(container, found) if wrapped else Instrumenter.NOBODY
    entry_point, command = strings(original, "entryPoint"), strings(original, "command")
    certainty = Certainty.EXACT if entry_point else Certainty.IMAGE
    if wrapped and by is not Instrumenter.FGUARD and strings(container, "entryPoint")[1:2] == ():
        certainty = Certainty.ARGV
    return ContainerExplanation(
        name=name_of(container),
        path=container.path,
        instrumented=wrapped,
        by=by,
        reason=_reason(container, found, tags, by),
        entry_point=entry_point,
        command=command,
        runs=_runs(container),
        certainty=certainty,
        missing=tuple(missing_parts(container, found, agent)) if wrapped else (),
    )


def _runs(container: Fields) -> tuple[str, ...]:
    entry_point = tuple(word for word in strings(container, "entryPoint") if word != INSTRUMENT)
    if not entry_point and not is_wrapped(container):
        return ()
    return entry_point + tuple(word for word in strings(container, "command") if word != INSTRUMENT)


def _wrapped_by(container: Fields, found: Existing) -> Instrumenter:
    if found.additions(container) is not None:
        return Instrumenter.FGUARD
    if found.record is None and found.sidecar is not None and has_label(found.sidecar):
        return Instrumenter.FGUARD  # its record is damaged
    moved = len(strings(container, "entryPoint")) == 1
    return Instrumenter.SYSDIG if moved and found.sidecar_name == SIDECAR_NAME else Instrumenter.BY_HAND


def _reason(container: Fields, found: Existing, tags: Ignored, by: Instrumenter) -> str:
    if by is not Instrumenter.NOBODY:
        return f"starts with {INSTRUMENT}"
    reason = why_left_out(container, BY_ITSELF, tags)
    if reason is not None:
        return reason
    if found.additions(container) is not None:
        return "fguard instrumented it, but its entryPoint was changed since"
    return "not instrumented"


def _instrumented_by(containers: tuple[ContainerExplanation, ...], found: Existing) -> Instrumenter:
    tools = {container.by for container in containers if container.instrumented}
    sidecar = found.sidecar
    if sidecar is not None and (not tools or has_label(sidecar)):
        tools.add(_sidecar_by(sidecar))
    if len(tools) > 1:
        return Instrumenter.MIX
    return tools.pop() if tools else Instrumenter.NOBODY


def _sidecar_by(sidecar: Fields) -> Instrumenter:
    if has_label(sidecar):
        return Instrumenter.FGUARD
    ours = strings(sidecar, "entryPoint")[:1]
    return Instrumenter.SYSDIG if ours and ours[0] in _SYSDIGS_ENTRY_POINTS else Instrumenter.BY_HAND


def _sorted(problems: list[Problem]) -> tuple[Problem, ...]:
    order = list(Severity)
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: order.index(problem.severity)))


def words(explanation: Explanation) -> str:
    """The explanation in words, for a terminal; no line break at the end."""
    lines = [*_agent_words(explanation), "", *_container_words(explanation)]
    if explanation.problems:
        lines += ["", "What is wrong:"]
        lines += [f"  {one.severity}: {one.where}: {one.message}" for one in explanation.problems]
    if explanation.instrumented_by is not Instrumenter.NOBODY:
        lines += ["", *_undo_words(explanation)]
    return "\n".join(lines)


def _agent_words(explanation: Explanation) -> list[str]:
    agent = explanation.agent
    lines = [f"Instrumented: {explanation.instrumented_by}"]
    if agent is not None:
        version = agent.version or "version not known"
        lines.append(f"Agent:        {version}, {agent.image or 'no image'}, in container {agent.container}")
        connects = f"{agent.topology}, {agent.endpoint}" if agent.topology else "nowhere: no address is set"
        lines += [f"Connects to:  {connects}", f"Access key:   {_key_words(agent)}"]
    if explanation.pid_mode:
        lines.append(f"pidMode:      {explanation.pid_mode}")
    return lines


def _key_words(agent: AgentExplanation) -> str:
    if agent.access_key_in_plain_text:
        return "in PLAIN TEXT"
    if agent.access_key:
        return agent.access_key
    return "not needed: the orchestrator has it" if agent.topology == "orchestrator" else "none"


def _container_words(explanation: Explanation) -> list[str]:
    lines = ["Containers:"]
    for container in explanation.containers:
        state = _instrumented_words(container.by) if container.instrumented else container.reason
        lines.append(f"  {container.name or container.path}: {state}")
        lines.append(f"    runs {_own_words(container)}")
        lines += [f"    lacks {part}" for part in container.missing]
    return lines


def _instrumented_words(by: Instrumenter) -> str:
    return f"instrumented {by}" if by is Instrumenter.BY_HAND else f"instrumented by {by}"


def _own_words(container: ContainerExplanation) -> str:
    if container.certainty is Certainty.EXACT:
        return shlex.join(container.runs)
    if container.certainty is Certainty.ARGV:
        return f"{shlex.join(container.runs)} ({container.certainty})"
    if container.runs:
        return f"{shlex.join(container.runs)} (as its image does by itself)"
    return f"the image's own program{f' with {shlex.join(container.command)}' if container.command else ''}"


def _undo_words(explanation: Explanation) -> list[str]:
    if not explanation.uncertain:
        return ["uninstrument gives the exact original back."]
    return [
        "uninstrument gives the original back, but this is not certain:",
        *(f"  {notice.where}: {notice.message}" for notice in explanation.uncertain),
    ]
