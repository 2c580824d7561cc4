"""What is right and wrong in a stack of the user's own; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fargate_guard.taskdef import TaskDefinitionError
from fargate_guard.verify.registry import Finding, Outcome, Severity
from fargate_guard.workflows.definition_kinds import TASK_DEFINITION
from fargate_guard.workflows.own_template_files import resources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.fleet.coverage import Coverage
    from fargate_guard.taskdef.explanation import ContainerExplanation
    from fargate_guard.taskdef.selection import Rules
    from fargate_guard.verify.facts.ecs import Service
    from fargate_guard.verify.facts.task_definition import TaskDefinition

Json = dict[str, Any]
DOCS = "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html"
FIX = (
    "instrument it where it is written: name its file as a path in TemplateURL; or let CloudFormation do it, with"
    " the macro among the template's transforms: fguard macro deploy"
)
PUT_BACK = "deploy it again: fguard deploy --template FILE"


@dataclass(frozen=True, slots=True)
class Made:
    """A task definition that the stack registered."""

    address: str
    arn: str
    definition: TaskDefinition | None
    """None where it is not there any more."""


@dataclass(frozen=True, slots=True)
class MadeService:
    """A service of the stack."""

    address: str
    service: Service
    coverage: Coverage
    """Of this service and its tasks."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that was looked at."""

    templates: Mapping[str, Json]
    """As processed, by the address of the nested stack; the outermost has none."""
    made: tuple[Made, ...]
    services: tuple[MadeService, ...]
    definitions: Mapping[str, TaskDefinition] = field(default_factory=dict)
    """By ARN, those that services and tasks run."""


def findings(seen: Seen, rules: Rules, *, instrumented: bool) -> Iterator[Finding]:
    """Say of every task definition, service and task whether it is as it should be.

    :param instrumented: False: nothing is to have the agent.
    """
    for address, template in seen.templates.items():
        yield from _template(address, template, seen, rules, instrumented=instrumented)
    for made in seen.made:
        yield _registered(made, rules, instrumented=instrumented)
    for one in seen.services:
        yield _service(one, seen, rules, instrumented=instrumented)
        if instrumented:
            yield from _tasks(one)


def _template(address: str, template: Json, seen: Seen, rules: Rules, *, instrumented: bool) -> Iterator[Finding]:
    """The template as CloudFormation processed it, one finding for each task definition in it."""
    from fargate_guard.cloudformation import explain_template

    for logical_id, kind, _ in resources(template):
        if kind != TASK_DEFINITION:
            continue
        where = f"{address}.{logical_id}".lstrip(".")
        definition = next((one.definition for one in seen.made if one.address == where), None)
        alone = {**template, "Resources": {logical_id: template["Resources"][logical_id]}}
        try:
            explained = explain_template(alone)
        except TaskDefinitionError as error:
            yield _said(
                "own-stack.template", where, None, "", f"cannot be told from the template: {error.message}"
            )
            continue
        if definition is not None and not _is_for_fargate(definition):
            yield _said("own-stack.template", where, None, "", "not for Fargate")
            continue
        left_out = definition.left_out(rules) if definition is not None else {}
        containers = [one for _, found in explained for one in found.containers]
        if definition is not None:  # what a function names is told by what ECS has
            containers = [one for one in containers if "${" not in one.name]
        yield _template_finding(where, containers, left_out, instrumented=instrumented)


def _template_finding(
    where: str, containers: list[ContainerExplanation], left_out: Mapping[str, str], *, instrumented: bool
) -> Finding:
    wrong = [one for one in containers if one.instrumented != instrumented]
    wrong = [one for one in wrong if not instrumented or one.name not in left_out]
    excused = [f"{name} left out: {why}" for name, why in left_out.items()] if instrumented else []
    what = "is instrumented" if instrumented else "is not instrumented"
    if not wrong:
        told = "; ".join([f"{len(containers) - len(excused)} containers as expected", *excused])
        return _said("own-stack.template", where, True, f"every container {what}", told)
    told = "; ".join(f"{one.name}: {one.reason}" for one in wrong)
    fix = FIX if instrumented else "undo it where it is written: fguard uninstrument FILE"
    return _said("own-stack.template", where, False, f"every container {what}", told, fix)


def _registered(made: Made, rules: Rules, *, instrumented: bool) -> Finding:
    """What ECS has is what counts, whatever the templates say."""
    check, where = "own-stack.task-definition", f"{made.address} {made.arn}"
    definition = made.definition
    if definition is None:
        return _said(check, where, False, "it is registered", "ECS does not have it any more", PUT_BACK)
    if not _is_for_fargate(definition):
        return _said(check, where, None, "", f"not for Fargate: {', '.join(definition.compatibilities)}")
    if not instrumented:
        has = [one.name for one in definition.containers if one.is_instrumented or one.is_sidecar]
        return _said(check, where, not has, "no agent in it", ", ".join(has) or "none", PUT_BACK)
    left_out = definition.left_out(rules)
    missing = [one.name for one in definition.workloads if not one.is_instrumented and one.name not in left_out]
    excused = [f"{name} left out: {why}" for name, why in left_out.items()]
    if not missing and definition.sidecar is None and len(excused) < len(definition.workloads):
        missing = ["the agent's sidecar"]
    expected = "every container starts under the agent"
    if missing:
        told = "; ".join([f"not instrumented: {', '.join(missing)}", *excused])
        return _said(check, where, False, expected, told, FIX)
    names = [one.name for one in definition.workloads if one.is_instrumented]
    return _said(check, where, True, expected, "; ".join([*names, *excused]))


def _service(one: MadeService, seen: Seen, rules: Rules, *, instrumented: bool) -> Finding:
    """A service runs what this stack registered, or at least something that is instrumented."""
    check, where = "own-stack.service", f"{one.address} {one.service.arn}"
    runs = one.service.task_definition_arn
    made = {each.arn for each in seen.made}
    families = {_family(arn) for arn in made}
    short = runs.rpartition("/")[2]
    if runs not in made and _family(runs) in families:
        expected = ", ".join(sorted(arn.rpartition("/")[2] for arn in made if _family(arn) == _family(runs)))
        told = f"runs {short}, which somebody else deployed"
        return _said(check, where, False, f"runs {expected}, which this stack made", told, PUT_BACK)
    definition = seen.definitions.get(runs)
    if runs in made or not instrumented or definition is None or not _is_for_fargate(definition):
        return _said(check, where, True, "runs what this stack made", f"runs {short}")
    if definition.is_instrumented or definition.why_not_watched(rules) is not None:
        told = f"runs {short} of another stack, which is instrumented or left out"
        return _said(check, where, True, "runs something instrumented", told)
    told = f"runs {short}, which is not in this stack, and not instrumented"
    return _said(check, where, False, "runs something instrumented", told, FIX)


def _tasks(one: MadeService) -> Iterator[Finding]:
    """Every running task has the agent at work in it, on the service's own revision."""
    check = "own-stack.tasks-watched"
    covered = one.coverage.services[0] if one.coverage.services else None
    tasks = one.coverage.tasks
    wanted = one.service.desired_count
    if covered is None or covered.left_out is not None or not covered.instrumented:
        return
    good = [task for task in tasks if task.watched and not task.outdated]
    where = f"{one.address} {one.service.arn}"
    expected = f"{wanted} tasks of {covered.task_definition} with a running agent"
    told = f"{len(good)} of {len(tasks)} tasks"
    if wanted == 0:
        yield _said(check, where, None, "", "no task is wanted; nothing was proven")
    elif len(good) == len(tasks) and len(good) >= wanted:
        yield _said(check, where, True, expected, told)
    else:
        bad = [
            f"{task.task_arn.rpartition('/')[2]} ({task.task_definition})" for task in tasks if task not in good
        ]
        told += f"; without: {', '.join(bad)}" if bad else "; the others do not run yet"
        yield _said(check, where, False, expected, told, "see why in the events of the service")


def _is_for_fargate(definition: TaskDefinition) -> bool:
    return not definition.compatibilities or "FARGATE" in definition.compatibilities


def _family(arn: str) -> str:
    return arn.rpartition("/")[2].rpartition(":")[0]


TITLES = {
    "own-stack.template": "The processed template has every Fargate container instrumented",
    "own-stack.task-definition": "Every task definition that the stack registered is instrumented",
    "own-stack.service": "Services run what the stack registered",
    "own-stack.tasks-watched": "Running tasks have a running agent",
}


def _said(
    check: str, resource: str, good: bool | None, expected: str, found: str, fix: str | None = None
) -> Finding:
    outcome = Outcome.SKIP if good is None else Outcome.OK if good else Outcome.NG
    return Finding(
        check,
        Severity.ERROR,
        TITLES[check],
        resource,
        outcome,
        expected or TITLES[check],
        found,
        fix if outcome is Outcome.NG else None,
        DOCS,
    )
