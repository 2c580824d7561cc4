"""What was seen of a stack of the user's own, and how it is judged; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fargate_guard.verify.registry import Finding, Outcome, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.taskdef.selection import Rules
    from fargate_guard.verify.facts.ecs import Service, Task
    from fargate_guard.verify.facts.task_definition import TaskDefinition
    from fargate_guard.verify.rollout_verdict import Verdict
    from fargate_guard.workflows.own_template_runners import Runner

Json = dict[str, Any]
DOCS = "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html"
FIX = (
    "instrument it where it is written: name its file as a path in TemplateURL; or let CloudFormation do it, with"
    " the macro among the template's transforms: fguard macro deploy"
)
FIX_FOREIGN = (
    "instrument it where it is made (fguard instrument NAME prints it instrumented), or name a task definition of"
    " the template instead"
)
REGISTER_AGAIN = "change something in it: CloudFormation puts nothing back that it did not change itself"
TAKE_OUT = (
    "undo it where it is written: fguard uninstrument FILE; or take the macro that adds it out of the template"
)


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
    arn: str
    service: Service | None
    """None where ECS does not have it any more."""
    tasks: tuple[Task, ...] = ()
    """Those that run, or are to."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that was looked at."""

    templates: Mapping[str, Json]
    """As processed, by the address of the nested stack; the outermost has none."""
    made: tuple[Made, ...]
    services: tuple[MadeService, ...] = ()
    definitions: Mapping[str, TaskDefinition] = field(default_factory=dict)
    """By ARN, or as somebody names it: those that services, tasks and runners run."""
    lone_tasks: tuple[Task, ...] = ()
    """Running tasks of the stack's families outside its services."""
    clusters: tuple[str, ...] = ()
    """Where those were looked for."""
    runners: tuple[Runner, ...] = ()
    rollouts: tuple[Verdict, ...] = ()


def not_instrumented(definition: TaskDefinition, rules: Rules) -> list[str]:
    """Return what is missing in a task definition; nothing where every container is instrumented or left out."""
    left_out = definition.left_out(rules)
    workloads = definition.workloads
    missing = [one.name for one in workloads if not one.is_instrumented and one.name not in left_out]
    if not missing and definition.sidecar is None and len(left_out) < len(workloads):
        return ["the agent's sidecar"]
    return missing


def with_agent(definition: TaskDefinition) -> list[str]:
    """Return the names of the containers that are the agent's, or start under it."""
    return [one.name for one in definition.containers if one.is_instrumented or one.is_sidecar]


def why_not_for_fargate(definition: TaskDefinition) -> str | None:
    """Return why it cannot run on Fargate, by the rule that templates are instrumented by; None where it may."""
    from fargate_guard.cloudformation.fargate import why_not_fargate
    from fargate_guard.taskdef.fields import recased

    if "FARGATE" in definition.compatibilities:
        return None
    return why_not_fargate(recased(definition.json, pascal=True))


def short(arn: str) -> str:
    """Return ``family:revision``."""
    return arn.rpartition("/")[2]


def family_of(arn: str) -> str:
    """Return the family of a task definition's ARN."""
    return short(arn).partition(":")[0]


TITLES = {
    "own-stack.template": "The processed template has every Fargate container instrumented",
    "own-stack.task-definition": "Every task definition that the stack registered is instrumented",
    "own-stack.service": "Services run what the stack registered",
    "own-stack.older-deployments": "No older deployment of a service keeps something else running",
    "own-stack.rollout": "ECS rolled out what the stack started",
    "own-stack.tasks-watched": "Running tasks have a running agent",
    "own-stack.lone-tasks": "Tasks outside of the services have a running agent",
    "own-stack.runners": "What starts tasks starts instrumented ones",
}


def said(
    check: str, resource: str, good: bool | None, expected: str, found: str, fix: str | None = None
) -> Finding:
    """Return a finding; ``good`` None: nothing was decided."""
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
