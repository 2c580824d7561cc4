"""Proving that nothing in a stack of the user's own goes uninstrumented in silence.

What CloudFormation made of the templates is looked at (after macros and transforms), the task definitions that the
stack registered, and the tasks of its services: what runs, and not what was meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.aws import cloudformation, ecs
from fargate_guard.aws.parallel import each
from fargate_guard.verify.await_deployment import await_deployments
from fargate_guard.verify.facts.ecs import Service, Task
from fargate_guard.verify.facts.task_definition import TaskDefinition
from fargate_guard.verify.registry import Outcome
from fargate_guard.verify.report import Report
from fargate_guard.verify.rollout_verdict import Awaited
from fargate_guard.workflows.definition_kinds import TASK_DEFINITION
from fargate_guard.workflows.own_template_findings import findings
from fargate_guard.workflows.own_template_runners import EXPRESS_SERVICE, runners
from fargate_guard.workflows.own_template_running import SETTLING
from fargate_guard.workflows.own_template_seen import Made, MadeService, Seen, family_of
from fargate_guard.workflows.verification import SETTLING_PAUSE, SETTLING_SECONDS, progress_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.taskdef.selection import Rules
    from fargate_guard.verify.await_deployment import Progress
    from fargate_guard.verify.registry import Finding
    from fargate_guard.verify.rollout_verdict import Verdict
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.own_template_runners import Runner

Json = dict[str, Any]
CLUSTER, SERVICE, TASK_SET = "AWS::ECS::Cluster", "AWS::ECS::Service", "AWS::ECS::TaskSet"
STACK = "AWS::CloudFormation::Stack"


@dataclass(frozen=True, slots=True)
class _Stack:
    address: str
    stack_id: str
    resources: tuple[Json, ...]

    def everything(self) -> list[tuple[str, str, str]]:
        """Address, type and physical ID of each resource that is there."""
        return [
            (
                f"{self.address}.{one['LogicalResourceId']}".lstrip("."),
                str(one["ResourceType"]),
                str(one["PhysicalResourceId"]),
            )
            for one in self.resources
            if one.get("PhysicalResourceId") and one["ResourceStatus"] != "DELETE_COMPLETE"
        ]

    def named(self, kind: str) -> list[tuple[str, str]]:
        """Address and physical ID of each resource of a type."""
        return [(address, name) for address, found, name in self.everything() if found == kind]

    def services(self) -> list[tuple[str, str]]:
        """Address and ARN of each service."""
        return [*self.named(SERVICE), *self.named(EXPRESS_SERVICE)]


def verify_own_stack(
    context: Context, stack_name: str, rules: Rules, *, timeout: float, instrumented: bool = True
) -> Report:
    """Wait for ECS to finish what the stack started, then look at everything in it.

    :param rules: which containers are left out on purpose.
    :param timeout: seconds that ECS may take to roll out.
    :param instrumented: whether everything is to be instrumented; False: nothing is.
    """
    clock, sleep = context.stacks.clock, context.stacks.sleep
    stacks = _stacks(context, stack_name, "")
    still = _Still(
        templates={one.address: _processed(context, one) for one in stacks},
        made=dict(pair[::-1] for one in stacks for pair in one.named(TASK_DEFINITION)),
        services=_services(context, stacks),
        clusters=tuple(name for one in stacks for _, name in one.named(CLUSTER)),
        runners=tuple(
            runners(context.aws, (found for one in stacks for found in one.everything() if instrumented))
        ),
    )
    rollouts = _rollouts(context, still.services, timeout)
    longest = timeout if still.has_task_sets else min(SETTLING_SECONDS, timeout)
    settled_by = clock() + longest
    told = ""
    while True:
        found = tuple(findings(_seen(context, still, rollouts), rules, instrumented=instrumented))
        if not _may_settle(found) or clock() >= settled_by:
            return Report(found, tuple(rollouts))
        waiting = ", ".join(sorted({one.check for one in found if one.outcome is Outcome.NG}))
        if waiting != told:
            context.observer.note(f"waiting for {waiting}")
        told = waiting
        sleep(SETTLING_PAUSE)


def _may_settle(found: tuple[Finding, ...]) -> bool:
    failed = {one.check for one in found if one.outcome is Outcome.NG}
    return bool(failed) and failed <= SETTLING


@dataclass(frozen=True, slots=True)
class _Still:
    """What does not change while ECS works."""

    templates: dict[str, Json]
    made: dict[str, str]
    """Address by ARN."""
    services: dict[str, tuple[str, Json | None]]
    """By ARN: address, and what ECS says of it."""
    clusters: tuple[str, ...]
    runners: tuple[Runner, ...]

    @property
    def has_task_sets(self) -> bool:
        """Whether somebody else than ECS deploys one of them; nobody waits for those."""
        return any(one is not None and Service.of(one).controller != "ECS" for _, one in self.services.values())


def _stacks(context: Context, stack: str, address: str) -> list[_Stack]:
    """The stack and all that are nested in it."""
    found = tuple(cloudformation.resources(context.aws, stack))
    here = _Stack(address, stack, found)
    return [here, *(one for name, arn in here.named(STACK) for one in _stacks(context, arn, name))]


def _processed(context: Context, stack: _Stack) -> Json:
    """The template after transforms, as plain data."""
    from fargate_guard.formats import read_source

    found = context.aws.call(
        "cloudformation",
        "get_template",
        about=stack.stack_id,
        StackName=stack.stack_id,
        TemplateStage="Processed",
    )["TemplateBody"]
    return dict(read_source(found).value) if isinstance(found, str) else dict(found)


def _services(context: Context, stacks: list[_Stack]) -> dict[str, tuple[str, Json | None]]:
    """By ARN: address, and the service as ECS has it; those of task sets, too, whose services are elsewhere."""
    wanted = {arn: (address, cluster_of(arn)) for one in stacks for address, arn in one.services()}
    described = each(lambda item: _service(context, item[1][1], item[0]), wanted.items())
    found = {arn: (wanted[arn][0], service) for arn, service in zip(wanted, described, strict=True)}
    for address, name in (pair for one in stacks for pair in one.named(TASK_SET)):
        cluster, _, rest = name.partition("|")  # "cluster|service|id", as the type's primary identifier
        service = _service(context, cluster, rest.partition("|")[0])
        found.setdefault(service["serviceArn"] if service else name, (address, service))
    return found


def _service(context: Context, cluster: str, name: str) -> Json | None:
    return next(iter(ecs.services(context.aws, cluster, [name])), None)


def cluster_of(service_arn: str) -> str:
    """Return the name of a service's cluster; ARNs of the old format do not have it.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html#ecs-resource-ids
    """
    parts = service_arn.rpartition(":")[2].split("/")
    return parts[1] if len(parts) == 3 else "default"  # noqa: PLR2004 - service/cluster/name


def _rollouts(
    context: Context, services: dict[str, tuple[str, Json | None]], timeout: float
) -> tuple[Verdict, ...]:
    described = [Service.of(one) for _, one in services.values() if one is not None]
    awaited = [
        Awaited(one.cluster_arn, one.arn, one.task_definition_arn, one.desired_count)
        for one in described
        if one.controller == "ECS" and one.status == "ACTIVE"
    ]

    def tell(progress: Progress) -> None:
        for line in progress_lines(progress):
            context.observer.rollout(line)

    return await_deployments(
        context.aws,
        awaited,
        timeout=timeout,
        clock=context.stacks.clock,
        sleep=context.stacks.sleep,
        progress=tell,
    )


def _seen(context: Context, still: _Still, rollouts: tuple[Verdict, ...]) -> Seen:
    services = each(lambda item: _look(context, item[1][0], item[0], item[1][1]), still.services.items())
    named = [one.task_definition for one in still.runners if one.task_definition]
    arns = [*still.made, *named, *(arn for one in services for arn in _revisions(one))]
    definitions = {arn: TaskDefinition.of(found) for arn, found in ecs.task_definitions(context.aws, arns).items()}
    clusters = _clusters(still, services)
    known = {task.arn for one in services for task in one.tasks}
    families = {family_of(definitions[name].arn) for name in (*still.made, *named) if name in definitions}
    mine = re.compile("|".join([*map(re.escape, sorted(families)), *_generated_families(still)]) or "(?!)")
    lone = [task for task in _running(context, clusters) if task.arn not in known and mine.fullmatch(task.family)]
    more = {task.task_definition_arn for task in lone} - definitions.keys()
    described = ecs.task_definitions(context.aws, sorted(more))
    return Seen(
        templates=still.templates,
        made=tuple(Made(address, arn, definitions.get(arn)) for arn, address in still.made.items()),
        services=tuple(services),
        definitions={**definitions, **{arn: TaskDefinition.of(found) for arn, found in described.items()}},
        lone_tasks=tuple(lone),
        clusters=clusters,
        runners=still.runners,
        rollouts=rollouts,
    )


def _look(context: Context, address: str, arn: str, before: Json | None) -> MadeService:
    """The service as it is now, and its tasks."""
    now = _service(context, before["clusterArn"], before["serviceArn"]) if before else None
    if now is None:
        return MadeService(address, arn, None)
    tasks = ecs.tasks(context.aws, now["clusterArn"], service=now["serviceName"])
    return MadeService(address, now["serviceArn"], Service.of(now), tuple(map(Task.of, tasks)))


def _revisions(one: MadeService) -> list[str]:
    """Every task definition that a service names, and its tasks run."""
    service = one.service
    parts = (*service.deployments, *service.task_sets) if service else ()
    found = [*(part.task_definition_arn for part in parts), *(task.task_definition_arn for task in one.tasks)]
    return [*found, *([service.task_definition_arn] if service and service.task_definition_arn else [])]


def _clusters(still: _Still, services: list[MadeService]) -> tuple[str, ...]:
    """Names of the clusters that the stack makes, or its services and runners name."""
    named = [one.cluster for one in still.runners if one.cluster]
    used = [one.service.cluster_arn for one in services if one.service]
    return tuple(dict.fromkeys(name.rpartition("/")[2] for name in (*still.clusters, *used, *named)))


def _generated_families(still: _Still) -> Iterator[str]:
    """Patterns of the families that CloudFormation names: another one each time that it changes the resource.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-taskdefinition.html
    """
    for arn, address in still.made.items():
        stack, _, logical_id = address.rpartition(".")
        properties = still.templates[stack].get("Resources", {}).get(logical_id, {}).get("Properties", {})
        if isinstance(properties, dict) and "Family" not in properties:
            yield f"{re.escape(family_of(arn).rpartition('-')[0])}-[A-Za-z0-9]+"


def _running(context: Context, clusters: tuple[str, ...]) -> list[Task]:
    found = each(lambda cluster: ecs.tasks(context.aws, cluster), clusters)
    return [Task.of(task) for listed in found for task in listed]
