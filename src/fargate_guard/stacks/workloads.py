"""Instrumented workloads as what the templates write of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.carried_fields import carried
from fargate_guard.deployment import DEPLOYMENT_TAG, MANAGED_BY_TAG
from fargate_guard.stacks.logical_ids import log_group_id, workload_id
from fargate_guard.stacks.properties import CLOUDFORMATION, TASK_DEFINITION, properties
from fargate_guard.stacks.roles import execution_statements, needs_of, role_arn
from fargate_guard.stacks.texts import refuse_changed_texts
from fargate_guard.stacks.yaml_text import get_att, ref
from fargate_guard.workload_input import (
    CPU_UNITS,
    MEMORY_UNITS,
    ORCHESTRATOR_HOST_PLACEHOLDER,
    ORCHESTRATOR_HOST_VARIABLE,
    READ_ONLY,
    Json,
    NotCarriedError,
    agent_log_group_name,
    awslogs_groups,
    divided_log_groups,
    groups_to_create,
    refuse_placeholder,
    size_as_ecs_writes_it,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fargate_guard.config import Config
    from fargate_guard.config.workload import Service, TargetGroup
    from fargate_guard.stacks.roles import Statement
    from fargate_guard.stacks.yaml_text import Value
    from fargate_guard.workload_input import WorkloadInput

_FIRST = (
    *("Family", "RequiresCompatibilities", "NetworkMode", "Cpu", "Memory", "RuntimePlatform"),
    *("EphemeralStorage", "PidMode", "IpcMode", "ExecutionRoleArn", "TaskRoleArn", "Volumes"),
    *("ProxyConfiguration", "EnableFaultInjection"),
)
"""What a reader of the template wants to see before the containers."""


@dataclass(frozen=True, slots=True)
class CreatedLogGroup:
    """A log group of the workload's containers that was asked for."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class WorkloadPart:
    """One workload in a template."""

    id: str
    """The beginning of its resources' logical IDs."""
    short_name: str
    """As in ``fguard.yaml``."""
    name: str
    """Of its service and security group."""
    task_definition: Mapping[str, Value]
    """``Properties``."""
    execution_statements: Sequence[Statement]
    execution_role_arn: Value
    task_role_arn: Value
    creates_execution_role: bool
    creates_task_role: bool
    agent_log_group: str
    created_log_groups: Sequence[CreatedLogGroup]
    log_group: str | None
    """The first of the groups that its containers write to."""
    service: Service | None

    @property
    def target_group(self) -> TargetGroup | None:
        """The service's."""
        return self.service.target_group if self.service else None

    @property
    def target_group_arn(self) -> Value:
        """The one that exists, or the one that is created."""
        group = self.target_group
        return (group.arn or ref(f"{self.id}TargetGroup")) if group else None

    @property
    def execute_command(self) -> bool:
        """Whether ECS Exec sessions can be opened."""
        return self.service is not None and self.service.enable_execute_command


def workload_parts(config: Config, workloads: Sequence[WorkloadInput], region: str) -> list[WorkloadPart]:
    """Return what the templates write of every workload.

    :param region: the stack's, to tell its log groups from another Region's.
    :raises NotCarriedError: a field or a text that CloudFormation would lose or change.
    """
    definitions = {workload.name: _fields(config, workload) for workload in workloads}
    created, existing = _log_groups(config, definitions, region)
    return [
        _part(config, workload, definitions[workload.name], created[workload.name], existing[workload.name])
        for workload in workloads
    ]


def existing_log_groups(config: Config, workloads: Sequence[WorkloadInput], region: str) -> dict[str, list[str]]:
    """Return the log groups of the Region that must be there before a workload's containers start, by workload.

    :raises NotCarriedError: as :func:`workload_parts`.
    """
    definitions = {workload.name: _fields(config, workload) for workload in workloads}
    return _log_groups(config, definitions, region)[1]


def _log_groups(
    config: Config, definitions: Mapping[str, Mapping[str, Json]], region: str
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The log groups that each workload creates, and those that must exist."""
    named = {
        name: awslogs_groups(
            [
                (log.get("logDriver", ""), log.get("options") or {})
                for container in definition.get("containerDefinitions") or []
                for log in [container.get("logConfiguration") or {}]
            ],
            region=region,
        )
        for name, definition in definitions.items()
    }
    return divided_log_groups(config, named, groups_to_create(config))


def _fields(config: Config, workload: WorkloadInput) -> dict[str, Json]:
    where = workload.name
    kept = {key: value for key, value in workload.definition.items() if key not in READ_ONLY}
    definition: dict[str, Json] = carried(kept, TASK_DEFINITION, where, CLOUDFORMATION)
    refuse_changed_texts(definition, where)
    refuse_placeholder(definition, where, host_follows=config.agent.topology == "orchestrator")
    _refuse_our_tags(definition.get("tags", []), f"{where}.tags")
    if workload.service is not None:
        _refuse_volumes_of_the_service(definition, where)
        _refuse_off_fargate(definition, where)
    return definition


def _refuse_our_tags(tags: Sequence[Mapping[str, Json]], where: str) -> None:
    keys = [tag.get("key", "") for tag in tags]
    for key in keys:
        if key in (DEPLOYMENT_TAG, MANAGED_BY_TAG):
            raise NotCarriedError(
                f"the task definition has the tag {key!r}",
                where=where,
                why="fguard finds what belongs to a deployment by this tag",
                fix="remove the tag",
            )
        if keys.count(key) > 1:
            raise NotCarriedError(f"{key!r} stands there twice", where=where, fix="remove one of the two")


def _refuse_off_fargate(definition: Mapping[str, Json], where: str) -> None:
    """ECS registers it for EC2 where it is not said to be for Fargate, and then refuses the service.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
    """
    needed = {"networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    missing = [name for name in needed if not definition.get(name)]
    if missing:
        raise NotCarriedError(
            f"the task definition has no {', '.join(missing)}, and its service is to run on Fargate",
            where=where,
            why="Fargate needs it; CloudFormation would find that out only while it deploys",
            fix="; ".join(f'"{name}": "{needed[name]}"' for name in missing) + ", or as much as it needs",
        )


def _refuse_volumes_of_the_service(definition: Mapping[str, Json], where: str) -> None:
    launched = [volume.get("name") for volume in definition.get("volumes", []) if volume.get("configuredAtLaunch")]
    if launched:
        raise NotCarriedError(
            f"the volume {launched[0]!r} is configured at launch, and the service would not configure it",
            where=f"{where}.volumes",
            fix="remove `service` for this workload and run the task definition with a service of your own",
        )


def _part(
    config: Config, workload: WorkloadInput, definition: dict[str, Json], created: list[str], existing: list[str]
) -> WorkloadPart:
    identifier, name = workload_id(workload.name), f"fguard_{config.name}_{workload.name}"
    execution_role, task_role = definition.get("executionRoleArn"), definition.get("taskRoleArn")
    execution_role_arn = role_arn(execution_role) if execution_role else get_att(f"{identifier}ExecutionRole.Arn")
    task_role_arn = role_arn(task_role) if task_role else get_att(f"{identifier}TaskRole.Arn")
    own = {
        "Family": definition.get("family", name),
        "ExecutionRoleArn": execution_role_arn,
        "TaskRoleArn": task_role_arn,
    }
    return WorkloadPart(
        id=identifier,
        short_name=workload.name,
        name=name,
        task_definition=_ordered(_properties(definition) | own),
        execution_statements=execution_statements(needs_of(definition.get("containerDefinitions", []))),
        execution_role_arn=execution_role_arn,
        task_role_arn=task_role_arn,
        creates_execution_role=not execution_role,
        creates_task_role=not task_role,
        agent_log_group=agent_log_group_name(config, workload.name),
        created_log_groups=[CreatedLogGroup(log_group_id(workload.name, group), group) for group in created],
        log_group=next(iter([*created, *existing]), None),
        service=workload.service,
    )


def _properties(definition: Mapping[str, Json]) -> dict[str, Value]:
    result: dict[str, Value] = properties(definition, TASK_DEFINITION)
    for key, units in (("Cpu", CPU_UNITS), ("Memory", MEMORY_UNITS)):
        if key in result:
            result[key] = size_as_ecs_writes_it(result[key], units)
    for container in result.get("ContainerDefinitions", []):
        _follow_orchestrator(container.get("Environment", []))
    return result


def _follow_orchestrator(environment: list[dict[str, Value]]) -> None:
    """Let the agent's variables follow load balancer and port, whatever they are made or changed to."""
    host = {"Name": ORCHESTRATOR_HOST_VARIABLE, "Value": ORCHESTRATOR_HOST_PLACEHOLDER}
    if host not in environment:
        return
    for variable in environment:
        if variable == host:
            variable["Value"] = get_att("LoadBalancer.DNSName")
        elif variable.get("Name") == f"{ORCHESTRATOR_HOST_VARIABLE}_PORT":
            variable["Value"] = ref("OrchestratorPort")


def _ordered(found: Mapping[str, Any]) -> dict[str, Any]:
    first = {key: found[key] for key in _FIRST if key in found}
    return {**first, **{key: value for key, value in found.items() if key not in first}}
