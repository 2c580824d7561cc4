"""Where the task of ``fguard detect`` runs: as the deployment's own workloads do, all from its outputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import PreflightError, UsageError
from fargate_guard.taskdef import TaskDefinitionError, instrument
from fargate_guard.taskdef.fargate_sizes import FargateSize, smallest_with
from fargate_guard.workflows.agent_settings import awslogs, settings_from_config
from fargate_guard.workflows.detect_triggers import STOPWATCH

if TYPE_CHECKING:
    from fargate_guard.config.agent import Sidecar
    from fargate_guard.deployment import DeploymentOutputs, WorkloadOutputs
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.detect_triggers import Trigger

Json = dict[str, Any]
ARCHITECTURE = "X86_64"
USUAL = FargateSize(512, 1024)
TRIGGER = FargateSize(256, 512)
"""What the trigger itself can do with, beside a sidecar that takes much."""


@dataclass(frozen=True, slots=True)
class Place:
    """A workload of the deployment whose role, security group and log group the task borrows."""

    outputs: DeploymentOutputs
    workload: str
    built: WorkloadOutputs

    @property
    def cluster(self) -> str:
        """ARN of the cluster."""
        return self.outputs.cluster.arn

    @property
    def log_group(self) -> str:
        """Where both the trigger and its agent log: a group that the role may write to."""
        return self.built.agent_log_group_name

    def network(self) -> Json:
        """Return ``awsvpcConfiguration``."""
        network = self.outputs.network
        return {
            "subnets": list(network.task_subnet_ids),
            "securityGroups": [self.built.security_group_id],
            "assignPublicIp": "ENABLED" if network.assign_public_ip else "DISABLED",
        }


def find_place(context: Context, outputs: DeploymentOutputs, workload: str | None) -> Place:
    """Return where to run.

    :param workload: as ``fguard.yaml`` calls it; None: the first that runs as a service.
    :raises UsageError: when there is no such workload.
    :raises PreflightError: when none has a security group, from which orchestrator or collector are reached.
    """
    if workload is not None and workload not in outputs.workloads:
        raise UsageError(
            f"there is no workload {workload} in the deployment",
            where=context.config.name,
            fix=f"use one of: {', '.join(outputs.workloads) or 'none is deployed'}",
        )
    for name, built in outputs.workloads.items():
        if built.security_group_id and workload in (None, name):
            return Place(outputs, name, built)
    raise PreflightError(
        "there is no workload whose place the task could take",
        where=workload or context.config.name,
        why="the task runs with the execution role, security group and log group of a workload that has a service",
        fix="give the workload a `service` in fguard.yaml, or: fguard deploy --with-demo-workload",
    )


def task_definition(
    context: Context, place: Place, trigger: Trigger, *, family: str, image: str | None, seconds: float
) -> Json:
    """Return the trigger's task definition, instrumented as a workload of this deployment.

    :param image: instead of the trigger's own.
    :raises PreflightError: when it cannot be instrumented, as with an agent version that is not known.
    """
    containers = trigger.containers(image, seconds)
    for container in containers:
        options = awslogs(place.log_group, place.outputs.region)
        options["options"]["awslogs-stream-prefix"] = "fguard-detect"
        container["logConfiguration"] = options
    orchestrator = place.outputs.orchestrator
    settings = settings_from_config(
        context.config,
        orchestrator_host=orchestrator.host if orchestrator else None,
        access_key_arn=_access_key(context, place) if context.config.agent.topology == "direct" else None,
        ignore_containers=(STOPWATCH,) if trigger.is_endless else (),
        agent_logs=awslogs(place.log_group, place.outputs.region),
    )
    size = _size(context.config.agent.sidecar)
    definition = {
        "family": family,
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": str(size.cpu),
        "memory": str(size.memory),
        "runtimePlatform": {"cpuArchitecture": ARCHITECTURE, "operatingSystemFamily": "LINUX"},
        "executionRoleArn": place.built.execution_role_arn,
        "containerDefinitions": containers,
    }
    try:
        return dict(
            instrument(definition, replace(settings, opt_in=False, ignore_labels=(), pin_digests=False)).definition
        )
    except TaskDefinitionError as error:
        raise PreflightError(error.message, where=error.where, why=error.why, fix=error.fix) from error


def _size(sidecar: Sidecar) -> FargateSize:
    """Return a size in which the trigger has room beside the sidecar."""
    cpu = max(USUAL.cpu, TRIGGER.cpu + (sidecar.cpu or 0))
    taken = max(sidecar.memory or 0, sidecar.memory_reservation or 0)
    return smallest_with(cpu, max(USUAL.memory, TRIGGER.memory + taken), ARCHITECTURE) or USUAL


def _access_key(context: Context, place: Place) -> str:
    """Return the reference that the deployed sidecar has, whatever the configuration says by now."""
    from fargate_guard.aws import ecs
    from fargate_guard.taskdef.recipes import ACCESS_KEY
    from fargate_guard.verify.facts.task_definition import TaskDefinition

    aws = context.aws.in_region(place.outputs.region)
    described = ecs.task_definition(aws, place.built.task_definition_arn)
    sidecar = TaskDefinition.of(described).sidecar if described else None
    reference = sidecar.secrets.get(ACCESS_KEY) if sidecar else None
    if reference is None:
        raise PreflightError(
            "the deployed workload has no access key",
            where=place.built.task_definition_arn,
            fix="fguard verify; then: fguard deploy",
        )
    return reference
