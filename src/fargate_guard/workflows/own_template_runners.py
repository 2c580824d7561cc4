"""What in a stack of the user's own starts tasks apart from services, and which task definitions it names.

AWS is asked, not the template: there every function has its value.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.aws.errors import AwsError, NotFound
from fargate_guard.workflows.own_template_files import resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from fargate_guard.aws.session import Aws

Json = Any
RUN_TASK = re.compile(r":states:::(aws-sdk:)?ecs:runTask")
"""https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html."""
EXPRESS_SERVICE = "AWS::ECS::ExpressGatewayService"
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-expressgatewayservice.html."""
WHEN_IT_RUNS = "which task definition it starts is known only when it runs"


@dataclass(frozen=True, slots=True)
class Runner:
    """Something that starts tasks."""

    address: str
    name: str
    """Physical ID."""
    task_definition: str | None = None
    """As it names it: an ARN, a family, ``family:revision``."""
    cluster: str | None = None
    """Name or ARN, where it is known."""
    not_known: str | None = None
    """Why the task definition is not known, and cannot be."""
    not_seen: str | None = None
    """Why it could not be looked at."""


@dataclass(frozen=True, slots=True)
class Started:
    """A task definition, None where only the run tells it, and the cluster."""

    task_definition: str | None
    cluster: str | None


def runners(aws: Aws, found: Iterable[tuple[str, str, str]]) -> Iterator[Runner]:
    """Yield what the resources of a stack start.

    :param found: address, type and physical ID of each.
    """
    for address, kind, name in found:
        look = LOOKS.get(kind)
        if look is None:
            continue
        try:
            for started in look(aws, name):
                known = _describable(started.task_definition)
                yield Runner(address, name, known, started.cluster, None if known else WHEN_IT_RUNS)
        except NotFound:
            yield Runner(address, name, not_seen="AWS does not have it any more")
        except AwsError as error:
            yield Runner(address, name, not_seen=f"{error.message}: {error.why}")
        except ValueError as error:
            yield Runner(address, name, not_seen=f"its definition cannot be read: {error}")


def _describable(named: str | None) -> str | None:
    """DescribeTaskDefinition takes the ARN of a revision; for the newest one, the family alone.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html
    """
    last = (named or "").rpartition("/")[2]
    return named if ":" in last else last or None


def not_watchable(template: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Yield logical ID and reason of each resource with containers that nobody can instrument from here."""
    for logical_id, kind, properties in resources(template):
        if kind == "AWS::Batch::JobDefinition" and "FARGATE" in str(properties.get("PlatformCapabilities")):
            # https://docs.aws.amazon.com/batch/latest/userguide/fargate.html
            yield logical_id, "AWS Batch makes task definitions of its own from it, which have no agent"
        elif kind == EXPRESS_SERVICE:
            yield logical_id, "ECS makes its task definition itself, without the agent"
        elif kind in ("AWS::CloudFormation::StackSet", "AWS::ServiceCatalog::CloudFormationProvisionedProduct"):
            yield logical_id, "what it deploys is in other stacks"


def _rule(aws: Aws, name: str) -> Iterator[Started]:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListTargetsByRule.html.

    ``Ref`` gives ``bus|rule`` for buses of one's own:
    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1131
    """
    bus, _, rule = name.rpartition("|")
    on_bus = {"EventBusName": bus} if bus else {}
    for target in aws.pages("events", "list_targets_by_rule", "Targets", about=name, Rule=rule, **on_bus):
        if "EcsParameters" in target:
            yield Started(target["EcsParameters"]["TaskDefinitionArn"], target["Arn"])


def _schedule(aws: Aws, name: str) -> Iterator[Started]:
    """https://docs.aws.amazon.com/scheduler/latest/APIReference/API_GetSchedule.html; ``Ref`` gives no group."""
    listed = aws.pages("scheduler", "list_schedules", "Schedules", about=name, NamePrefix=name)
    groups = [one["GroupName"] for one in listed if one["Name"] == name]
    if not groups:
        raise NotFound(f"{name} does not exist")
    for group in groups:
        target = aws.call("scheduler", "get_schedule", about=name, Name=name, GroupName=group)["Target"]
        if "EcsParameters" in target:
            yield Started(target["EcsParameters"]["TaskDefinitionArn"], target["Arn"])


def _pipe(aws: Aws, name: str) -> Iterator[Started]:
    """https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_DescribePipe.html."""
    pipe = aws.call("pipes", "describe_pipe", about=name, Name=name)
    ecs = (pipe.get("TargetParameters") or {}).get("EcsTaskParameters")
    if ecs:
        yield Started(ecs["TaskDefinitionArn"], pipe["Target"])


def _state_machine(aws: Aws, arn: str) -> Iterator[Started]:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html."""
    found = aws.call("stepfunctions", "describe_state_machine", about=arn, stateMachineArn=arn)
    yield from started_by_states(json.loads(found.get("definition") or "{}"))


def started_by_states(definition: Json) -> Iterator[Started]:
    """Yield what the states of a machine start, at any depth."""
    if isinstance(definition, dict):
        if RUN_TASK.search(str(definition.get("Resource"))):
            given = definition.get("Parameters") or definition.get("Arguments")
            yield Started(_literal(given, "TaskDefinition"), _literal(given, "Cluster"))
        definition = list(definition.values())
    if isinstance(definition, list):
        for one in definition:
            yield from started_by_states(one)


def _literal(given: Json, name: str) -> str | None:
    """A value that is no expression: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html."""
    value = given.get(name) if isinstance(given, dict) else None
    return value if isinstance(value, str) and not value.startswith("{%") else None


LOOKS: Mapping[str, Callable[[Aws, str], Iterator[Started]]] = {
    "AWS::Events::Rule": _rule,
    "AWS::Pipes::Pipe": _pipe,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::StepFunctions::StateMachine": _state_machine,
}
