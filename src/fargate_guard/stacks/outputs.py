"""From a stack's outputs and resources to what the rest of fguard knows of a deployment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fargate_guard.deployment import (
    ClusterOutputs,
    DeploymentOutputs,
    NetworkOutputs,
    OrchestratorOutputs,
    WorkloadOutputs,
)
from fargate_guard.stacks.logical_ids import workload_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.config import Config

_NUMBERED = re.compile(r"(\D+)(\d+)")
ORCHESTRATOR_CONTAINER = "OrchestratorAgent"


class _Stack:
    """A stack's outputs and resources; what is missing makes the deployment incomplete."""

    def __init__(self, outputs: Mapping[str, str], resources: Mapping[str, str], role_arn: str) -> None:
        self.outputs, self.resources, self._role_arn = outputs, resources, role_arn

    def numbered(self, kind: str) -> tuple[str, ...]:
        """Physical IDs of ``PublicSubnet1``, ``PublicSubnet2``…, in this order."""
        found = ((_NUMBERED.fullmatch(name), physical) for name, physical in self.resources.items())
        mine = sorted((int(match[2]), physical) for match, physical in found if match and match[1] == kind)
        return tuple(physical for _number, physical in mine)

    def role_arn(self, logical_id: str) -> str | None:
        """ARN of a role that the stack made; its physical ID is the name."""
        name = self.resources.get(logical_id)
        return f"{self._role_arn}{name}" if name else None


def deployment_outputs(
    outputs: Mapping[str, str],
    resources: Mapping[str, str],
    config: Config,  # noqa: ARG001 - what is deployed is told by the stack, whatever fguard.yaml says by now
    region: str,
    account_id: str,
    partition: str,
) -> DeploymentOutputs | None:
    """Return what a stack built; None where it is not, or not wholly, there.

    :param outputs: the stack's outputs by key.
    :param resources: physical ID by logical ID, of the resources that exist.
    """
    stack = _Stack(outputs, resources, f"arn:{partition}:iam::{account_id}:role/")
    try:
        return DeploymentOutputs(
            region=region,
            account_id=account_id,
            partition=partition,
            network=_network(stack),
            cluster=_cluster(stack, f"arn:{partition}:ecs:{region}:{account_id}:cluster/"),
            orchestrator=_orchestrator(stack) if "OrchestratorHost" in outputs else None,
            workloads={name: _workload(stack, name) for name in outputs.get("Workloads", "").split(",") if name},
        )
    except KeyError:
        return None


def _network(stack: _Stack) -> NetworkOutputs:
    endpoints = [physical for name, physical in stack.resources.items() if name.endswith("Endpoint")]
    return NetworkOutputs(
        vpc_id=stack.outputs["VpcId"],
        created="Vpc" in stack.resources,
        task_subnet_ids=tuple(stack.outputs["TaskSubnetIds"].split(",")),
        assign_public_ip=stack.outputs["AssignPublicIp"] == "ENABLED",
        public_subnet_ids=stack.numbered("PublicSubnet"),
        private_subnet_ids=stack.numbered("PrivateSubnet"),
        nat_gateway_ids=stack.numbered("NatGateway"),
        internet_gateway_id=stack.resources.get("InternetGateway"),
        vpc_endpoint_ids=tuple(endpoints),
    )


def _cluster(stack: _Stack, prefix: str) -> ClusterOutputs:
    name = stack.outputs["ClusterName"]
    return ClusterOutputs(arn=f"{prefix}{name}", name=name, created="Cluster" in stack.resources)


def _orchestrator(stack: _Stack) -> OrchestratorOutputs:
    resources = stack.resources
    service = resources["OrchestratorService"]
    execution_role = stack.role_arn("OrchestratorExecutionRole")
    if execution_role is None:
        raise KeyError("OrchestratorExecutionRole")
    return OrchestratorOutputs(
        host=stack.outputs["OrchestratorHost"],
        port=int(stack.outputs["OrchestratorPort"]),
        security_group_id=stack.outputs["OrchestratorSecurityGroup"],
        load_balancer_security_group_id=resources["LoadBalancerSecurityGroup"],
        load_balancer_arn=resources["LoadBalancer"],
        target_group_arn=resources["OrchestratorTargetGroup"],
        listener_arn=resources["OrchestratorListener"],
        service_name=service.rpartition("/")[2],
        service_arn=service,
        task_definition_arn=resources["OrchestratorTaskDefinition"],
        container_name=ORCHESTRATOR_CONTAINER,
        execution_role_arn=execution_role,
        log_group_name=resources["OrchestratorLogGroup"],
    )


def _workload(stack: _Stack, name: str) -> WorkloadOutputs:
    part, outputs, resources = workload_id(name), stack.outputs, stack.resources
    definition, service = outputs[f"{part}TaskDefinition"], resources.get(f"{part}Service")
    execution_role = outputs.get(f"{part}ExecutionRoleArn") or stack.role_arn(f"{part}ExecutionRole")
    if execution_role is None:
        raise KeyError(f"{part}ExecutionRole")
    return WorkloadOutputs(
        task_definition_arn=definition,
        family=definition.rpartition("/")[2].rpartition(":")[0],
        execution_role_arn=execution_role,
        agent_log_group_name=resources[f"{part}AgentLogGroup"],
        service_name=service.rpartition("/")[2] if service else None,
        service_arn=service,
        security_group_id=resources.get(f"{part}SecurityGroup"),
        task_role_arn=outputs.get(f"{part}TaskRoleArn") or stack.role_arn(f"{part}TaskRole"),
        log_group_name=outputs.get(f"{part}LogGroupName"),
        target_group_arn=outputs.get(f"{part}TargetGroupArn") or resources.get(f"{part}TargetGroup"),
    )
