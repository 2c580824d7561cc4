"""What happens to a deployment: other revisions, services that do not get on, and all as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fargate_guard.sandbox import Fault, FaultKind
from tests.verify.stack_settings import CIRCUIT_BREAKER

if TYPE_CHECKING:
    from fargate_guard.verify.expected import Expected
    from tests.verify.deployed_stack import Stack
    from tests.verify.stack_settings import Json


def redeploy_web(stack: Stack, definition: Json) -> Expected:
    """Deploy another revision of the workload; returns what is expected then, as a new deploy's outputs say."""
    return _redeploy(stack, "fguard_training_web", definition)


def redeploy_orchestrator(stack: Stack, definition: Json) -> Expected:
    """Deploy another revision of the orchestrator, likewise."""
    return _redeploy(stack, "fguard_training_sysdig_orchestrator", definition)


def _redeploy(stack: Stack, service: str, definition: Json) -> Expected:
    arn = stack.register(definition)
    stack.ecs.update_service(cluster=stack.cluster, service=service, taskDefinition=arn)
    components = tuple(
        replace(component, task_definition_arn=arn) if component.service_name == service else component
        for component in stack.expected.components
    )
    orchestrator = stack.outputs.orchestrator
    if orchestrator and service == orchestrator.service_name:
        orchestrator = replace(orchestrator, task_definition_arn=arn)
    outputs = replace(stack.outputs, orchestrator=orchestrator)
    expected = replace(stack.expected, components=components, outputs=outputs)
    stack.settle(expected=expected)
    return expected


def hold_up_web(stack: Stack) -> None:
    """Let no task of the workload start from now on, and let ECS go on trying."""
    stack.sandbox.faults.add(Fault(FaultKind.NO_ADDRESSES, service="fguard_training_web"))
    off = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
    stack.ecs.update_service(cluster=stack.cluster, service="fguard_training_web", deploymentConfiguration=off)


def let_web_go(stack: Stack) -> None:
    """Let the workload's tasks start again; the circuit breaker stays off until the services are restored."""
    stack.sandbox.faults.clear()


def restore_services(stack: Stack) -> None:
    """Put the first revisions and settings back."""
    services = [("fguard_training_web", stack.web_definition, stack.web_group)]
    if not stack.direct:
        orchestrator = "fguard_training_sysdig_orchestrator"
        services.append((orchestrator, stack.orchestrator_definition, stack.orchestrator_group))
    for service, arn, group in services:
        stack.ecs.update_service(
            cluster=stack.cluster,
            service=service,
            taskDefinition=arn,
            desiredCount=2 if service.endswith("web") else 1,
            networkConfiguration=stack.network_of(group),
            deploymentConfiguration=CIRCUIT_BREAKER,
        )
    stack.settle()
