"""Proving that nothing in a stack of the user's own goes uninstrumented in silence.

What CloudFormation made of the templates is looked at (after macros and transforms), the task definitions that the
stack registered, and the tasks of its services: what runs, and not what was meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.aws import cloudformation, ecs
from fargate_guard.fleet.coverage import coverage
from fargate_guard.verify.await_deployment import await_deployments
from fargate_guard.verify.facts.ecs import Service, Task
from fargate_guard.verify.facts.task_definition import TaskDefinition
from fargate_guard.verify.registry import Outcome
from fargate_guard.verify.report import Report
from fargate_guard.verify.rollout_verdict import Awaited
from fargate_guard.workflows.definition_kinds import TASK_DEFINITION
from fargate_guard.workflows.own_template_findings import Made, MadeService, Seen, findings
from fargate_guard.workflows.verification import SETTLING_PAUSE, SETTLING_SECONDS, progress_lines

if TYPE_CHECKING:
    from fargate_guard.taskdef.selection import Rules
    from fargate_guard.verify.await_deployment import Progress
    from fargate_guard.verify.registry import Finding
    from fargate_guard.verify.rollout_verdict import Verdict
    from fargate_guard.workflows.context import Context

Json = dict[str, Any]
SERVICE, STACK = "AWS::ECS::Service", "AWS::CloudFormation::Stack"


@dataclass(frozen=True, slots=True)
class _Stack:
    address: str
    stack_id: str
    resources: tuple[Json, ...]

    def named(self, kind: str) -> list[tuple[str, str]]:
        """Address and physical ID of each resource of a type."""
        return [
            (f"{self.address}.{one['LogicalResourceId']}".lstrip("."), str(one["PhysicalResourceId"]))
            for one in self.resources
            if one["ResourceType"] == kind
            and one.get("PhysicalResourceId")
            and one["ResourceStatus"] != "DELETE_COMPLETE"
        ]


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
    processed = {one.address: _processed(context, one) for one in stacks}
    made = dict(pair[::-1] for one in stacks for pair in one.named(TASK_DEFINITION))
    services = _services(context, stacks)
    rollouts = _rollouts(context, services, timeout)
    settled_by = clock() + min(SETTLING_SECONDS, timeout)
    while True:
        seen = _seen(context, processed, made, services)
        found = tuple(findings(seen, rules, instrumented=instrumented))
        if not _may_settle(found) or clock() >= settled_by:
            return Report(found, tuple(rollouts))
        sleep(SETTLING_PAUSE)


def _may_settle(found: tuple[Finding, ...]) -> bool:
    failed = {one.check for one in found if one.outcome is Outcome.NG}
    return bool(failed) and failed <= {"own-stack.tasks-watched"}


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


def _services(context: Context, stacks: list[_Stack]) -> dict[str, tuple[str, Service, str]]:
    """By ARN: address, the service, and the kind of its deployments."""
    found: dict[str, tuple[str, Service, str]] = {}
    for stack in stacks:
        for address, arn in stack.named(SERVICE):
            for one in ecs.services(context.aws, cluster_of(arn), [arn]):
                kind = str((one.get("deploymentController") or {}).get("type", "ECS"))
                found[arn] = (address, Service.of(one), kind)
    return found


def cluster_of(service_arn: str) -> str:
    """Return the name of a service's cluster; ARNs of the old format do not have it.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html#ecs-resource-ids
    """
    parts = service_arn.rpartition(":")[2].split("/")
    return parts[1] if len(parts) == 3 else "default"  # noqa: PLR2004 - service/cluster/name


def _rollouts(
    context: Context, services: dict[str, tuple[str, Service, str]], timeout: float
) -> tuple[Verdict, ...]:
    awaited = [
        Awaited(one.cluster_arn, one.arn, one.task_definition_arn, one.desired_count)
        for _, one, kind in services.values()
        if kind == "ECS" and one.status == "ACTIVE"
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


def _seen(
    context: Context,
    processed: dict[str, Json],
    made: dict[str, str],
    services: dict[str, tuple[str, Service, str]],
) -> Seen:
    now = [(address, *_look(context, before)) for address, before, _ in services.values()]
    arns = [*made, *(service.task_definition_arn for _, service, _ in now)]
    arns += [task.task_definition_arn for _, _, tasks in now for task in tasks]
    described = ecs.task_definitions(context.aws, arns)
    definitions = {arn: TaskDefinition.of(found) for arn, found in described.items()}
    return Seen(
        templates=processed,
        made=tuple(Made(address, arn, definitions.get(arn)) for arn, address in made.items()),
        services=tuple(
            MadeService(address, service, coverage(service.cluster_arn, [service], tasks, definitions))
            for address, service, tasks in now
        ),
        definitions=definitions,
    )


def _look(context: Context, before: Service) -> tuple[Service, list[Task]]:
    """The service as it is now, and its tasks."""
    found = ecs.services(context.aws, before.cluster_arn, [before.arn])
    tasks = ecs.tasks(context.aws, before.cluster_arn, service=before.name)
    return (Service.of(found[0]) if found else before), [Task.of(one) for one in tasks]
