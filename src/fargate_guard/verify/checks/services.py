"""The cluster and its services: what ECS made of the deployment that fguard started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.verify.registry import PUT_BACK, Registry, judged, skipped
from fargate_guard.verify.rollout_verdict import Rollout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.verify.expected import Component
    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.facts.ecs import Service
    from fargate_guard.verify.registry import Observation

CHECKS = Registry()

_CAUSE = "see the stop reasons and log lines of the failed tasks, mend the cause, then run `fguard deploy`"

_DEPLOYMENTS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/view-service-deployment.html"
_SERVICES = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service_definition_parameters.html"


def _each_service(facts: Facts, look: Callable[[Component, Service], Observation]) -> Iterator[Observation]:
    for component in facts.expected.services:
        service = facts.service(component)
        if service is None or service.status == "INACTIVE":
            yield skipped(component.service_arn or component.name, "there is no such service")
        else:
            yield look(component, service)


@CHECKS.check(
    "cluster.active",
    title="The cluster is ACTIVE",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/clusters.html",
    needs=("cluster",),
)
def cluster_active(facts: Facts) -> Iterator[Observation]:
    """A deleted cluster stays visible as INACTIVE."""
    yield judged(
        facts.expected.outputs.cluster.arn,
        facts.cluster is not None and facts.cluster.status == "ACTIVE",
        expected="ACTIVE",
        found=facts.cluster.status if facts.cluster else "there is no such cluster",
        fix=PUT_BACK,
    )


@CHECKS.check("service.active", title="The service is ACTIVE", docs=_SERVICES, needs=("services",))
def active(facts: Facts) -> Iterator[Observation]:
    """A deleted service stays visible as INACTIVE."""
    for component in facts.expected.services:
        service = facts.service(component)
        yield judged(
            component.service_arn or component.name,
            service is not None and service.status == "ACTIVE",
            expected="ACTIVE",
            found=service.status if service else "there is no such service",
            fix=PUT_BACK,
        )


@CHECKS.check(
    "service.deployment",
    title="ECS completed the very deployment that fguard started",
    docs=_DEPLOYMENTS,
    needs=("rollouts", "services"),
)
def deployment(facts: Facts) -> Iterator[Observation]:
    """A service that was rolled back, superseded or scaled to zero is "stable" as well."""
    for verdict in facts.rollouts:
        service = facts.services.get(verdict.awaited.service_arn)
        if service is None or service.status == "INACTIVE":
            yield skipped(verdict.awaited.service_arn, "there is no such service")
            continue
        yield judged(
            verdict.service_deployment_arn or verdict.awaited.service_arn,
            verdict.successful,
            expected=f"SUCCESSFUL, of {verdict.awaited.task_definition_arn}",
            found=f"{verdict.rollout.value}: {verdict.reason}",
            fix=_deployment_fix(verdict.rollout),
        )


def _deployment_fix(rollout: Rollout) -> str:
    return {
        Rollout.ROLLED_BACK: _CAUSE,
        Rollout.ROLLBACK_FAILED: _CAUSE,
        Rollout.FAILED: _CAUSE,
        Rollout.IN_PROGRESS: "wait for it: `fguard verify --timeout 600`",
        Rollout.TIMED_OUT: "`fguard verify --timeout 1200` waits longer; the service's events say what for",
        Rollout.SUPERSEDED: "something else deploys to this service too: stop that, or run `fguard deploy` again",
        Rollout.SCALED_TO_ZERO: "scale it up, or set service.desired_count: 0 if that is wanted",
    }.get(rollout, PUT_BACK)


@CHECKS.check(
    "service.running-count",
    title="As many tasks run as are wanted",
    docs=_SERVICES,
    needs=("services",),
    settles=True,
)
def running_count(facts: Facts) -> Iterator[Observation]:
    """Running equals desired, and none is still starting."""
    yield from _each_service(
        facts,
        lambda component, service: judged(
            service.arn,
            service.running_count == service.desired_count
            and service.pending_count == 0
            and (service.desired_count > 0 or component.desired_count == 0),
            expected=f"{service.desired_count or component.desired_count or 1} running, 0 pending",
            found=f"{service.running_count} running, {service.pending_count} pending,"
            f" {service.desired_count} desired",
            fix=f"`aws ecs describe-services --cluster {service.cluster_arn} --services {service.name}"
            " --query services[].events` says what it waits for",
        ),
    )


@CHECKS.check(
    "service.task-definition",
    title="The service runs the revision that was deployed",
    docs=_SERVICES,
    needs=("services",),
)
def task_definition(facts: Facts) -> Iterator[Observation]:
    """Another revision may be one without the agent."""
    yield from _each_service(
        facts,
        lambda component, service: judged(
            service.arn,
            service.task_definition_arn == component.task_definition_arn,
            expected=component.task_definition_arn,
            found=service.task_definition_arn,
            fix="run `fguard deploy`, or find out who else deploys to this service",
        ),
    )


@CHECKS.check(
    "service.fargate",
    title="The service runs on Fargate, platform version 1.4.0 or later",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/platform-linux-fargate.html",
    needs=("services",),
)
def fargate(facts: Facts) -> Iterator[Observation]:
    """SYS_PTRACE and a shared PID namespace exist from platform version 1.4.0."""
    yield from _each_service(
        facts,
        lambda _, service: judged(
            service.arn,
            _on_fargate(service) and _platform(service.platform_version) >= (1, 4, 0),
            expected="FARGATE, platform version LATEST or 1.4.0 and later",
            found=f"{service.launch_type or ', '.join(service.capacity_providers) or 'no launch type'},"
            f" platform version {service.platform_version or 'LATEST'}",
            fix=PUT_BACK,
        ),
    )


def _on_fargate(service: Service) -> bool:
    if service.launch_type:
        return service.launch_type == "FARGATE"
    return bool(service.capacity_providers) and all(p.startswith("FARGATE") for p in service.capacity_providers)


def _platform(version: str | None) -> tuple[int, ...]:
    if version in (None, "LATEST"):
        return (1, 4, 0)
    return tuple(int(part) for part in str(version).split(".") if part.isdigit())


@CHECKS.check(
    "service.circuit-breaker",
    title="The deployment circuit breaker is on, with roll-back",
    docs="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html",
    needs=("services",),
)
def circuit_breaker(facts: Facts) -> Iterator[Observation]:
    """Without it a task that cannot start is started for ever."""
    yield from _each_service(
        facts,
        lambda _, service: judged(
            service.arn,
            service.breaker_enabled and service.breaker_rolls_back,
            expected="enable and rollback",
            found=f"enable {service.breaker_enabled}, rollback {service.breaker_rolls_back}",
            fix=PUT_BACK,
        ),
    )


@CHECKS.check(
    "service.network",
    title="The service's tasks run in the deployment's subnets and security group",
    docs=_SERVICES,
    needs=("services",),
)
def network(facts: Facts) -> Iterator[Observation]:
    """Elsewhere they may not reach the orchestrator."""

    def look(component: Component, service: Service) -> Observation:
        strange = sorted(set(service.subnet_ids) - set(facts.expected.outputs.network.task_subnet_ids))
        missing = component.security_group_id not in (None, *service.security_group_ids)
        found = f"{', '.join(service.subnet_ids)} in {', '.join(service.security_group_ids)}"
        return judged(
            service.arn,
            bool(service.subnet_ids) and not strange and not missing,
            expected=f"subnets of {', '.join(facts.expected.outputs.network.task_subnet_ids)}"
            f" in {component.security_group_id or 'its security groups'}",
            found=found,
            fix=PUT_BACK,
        )

    yield from _each_service(facts, look)


@CHECKS.check(
    "service.load-balancer",
    title="The orchestrator's service is registered in its target group",
    docs=_SERVICES,
    needs=("services",),
    topology="orchestrator",
)
def load_balancer(facts: Facts) -> Iterator[Observation]:
    """ECS registers tasks only where the service says so."""
    built = facts.expected.outputs.orchestrator
    service = facts.services.get(built.service_arn) if built else None
    if built is None or service is None:
        return
    yield judged(
        service.arn,
        built.target_group_arn in service.target_group_arns,
        expected=built.target_group_arn,
        found=", ".join(service.target_group_arns) or "no target group",
        fix=PUT_BACK,
    )
