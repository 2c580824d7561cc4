"""What is deployed, which tasks are watched, and what was changed behind the method's back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import ExitCode
from fargate_guard.workflows.deployed_module import open_deployed_module, outputs_of
from fargate_guard.workflows.methods import Method, live_method

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fargate_guard.deployment import DeploymentOutputs
    from fargate_guard.fleet.coverage import Coverage
    from fargate_guard.fleet.surplus_rules import SurplusRule
    from fargate_guard.stacks.states import Stack
    from fargate_guard.terraform.driver import Driver
    from fargate_guard.terraform.plan import StateResource
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.stack_status import StackResource

STATUS_PLAN = "status.tfplan"
DRIFT_WORDS = {
    "create": "is gone",
    "update": "was changed",
    "replace": "was changed, and has to be replaced",
    "delete": "is not in the module any more",
}
"""By what Terraform would do about it."""
GROUP = "aws_security_group"
INGRESS_RULE = "aws_vpc_security_group_ingress_rule"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource that the method made."""

    address: str
    """Terraform's address, or the logical ID in the stack."""
    resource_type: str
    identifier: str
    """Its ARN, else its id; what CloudFormation calls the physical ID."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What does not change while one watches."""

    name: str
    topology: str
    agent_version: str
    orchestrator_version: str | None
    outputs: DeploymentOutputs
    resources: tuple[Resource, ...]
    drift: tuple[str, ...] | None
    """Addresses with what became of them outside the method; None when it was not asked for, or is not known."""
    surplus_rules: tuple[SurplusRule, ...] = ()
    """Ingress rules of the deployment's security groups that the method did not make."""
    method: Method = Method.TERRAFORM
    stack: Stack | None = None
    """With CloudFormation."""

    @property
    def drift_told(self) -> list[str] | None:
        """All drift, one line each; None when it was not asked for."""
        return None if self.drift is None else [*self.drift, *map(str, self.surplus_rules)]


@dataclass(frozen=True, slots=True)
class Status:
    """One look at a deployment."""

    deployment: Deployment
    cluster_status: str
    coverage: Coverage

    def document(self) -> dict[str, Any]:
        """Return the body of ``fguard.status/v1``."""
        deployment, outputs = self.deployment, self.deployment.outputs
        orchestrator = outputs.orchestrator
        return {
            "name": deployment.name,
            "method": deployment.method.value,
            "stack": _stack_document(deployment.stack),
            "region": outputs.region,
            "account_id": outputs.account_id,
            "topology": deployment.topology,
            "versions": {"agent": deployment.agent_version, "orchestrator": deployment.orchestrator_version},
            "cluster": {"arn": outputs.cluster.arn, "status": self.cluster_status},
            "orchestrator": {"host": orchestrator.host, "port": orchestrator.port} if orchestrator else None,
            "coverage": self.coverage.document(),
            "drift": deployment.drift_told,
            "resources": [
                {"address": one.address, "type": one.resource_type, "id": one.identifier}
                for one in deployment.resources
            ],
        }

    @property
    def resource_counts(self) -> list[tuple[str, int]]:
        """How many resources of each type there are, by type."""
        return sorted(Counter(one.resource_type for one in self.deployment.resources).items())


def read_deployment(context: Context, *, with_drift: bool) -> Deployment:
    """Read what the method knows of the deployment, and compare it with AWS where asked for (some seconds).

    :raises NotDeployed: when nothing, or not everything, is deployed.
    """
    if live_method(context) is Method.CLOUDFORMATION:
        return _read_stack(context, with_drift=with_drift)
    return _read_module(context, with_drift=with_drift)


def _read_module(context: Context, *, with_drift: bool) -> Deployment:
    """Read Terraform's state.

    Drift is what Terraform would put back with the module as it was deployed. (Its own list of differences names
    every attribute that AWS filled in after the apply, too.)
    """
    driver = open_deployed_module(context)
    outputs = outputs_of(context, driver)
    managed = [one for one in driver.state_resources() if one.mode == "managed"]
    resources = tuple(
        Resource(one.address, one.resource_type, str(one.values.get("arn") or one.values.get("id") or ""))
        for one in managed
    )
    return Deployment(
        **_settings(context, outputs),
        resources=resources,
        drift=_drift(context, driver) if with_drift else None,
        surplus_rules=surplus_rules(context, outputs.region, managed) if with_drift else (),
    )


def _read_stack(context: Context, *, with_drift: bool) -> Deployment:
    from fargate_guard.workflows.stack_deploy import described_deployment
    from fargate_guard.workflows.stack_status import stack_drift, stack_resources

    found = described_deployment(context, when_stuck=ExitCode.VERIFICATION_FAILED)
    made = stack_resources(context, found.stack)
    return Deployment(
        **_settings(context, found.outputs),
        resources=tuple(Resource(one.logical_id, one.resource_type, one.physical_id) for one in made),
        drift=stack_drift(context, found.stack) if with_drift else None,
        surplus_rules=_surplus_beside_stack(context, found.outputs, made) if with_drift else (),
        method=Method.CLOUDFORMATION,
        stack=found.stack,
    )


def _surplus_beside_stack(
    context: Context, outputs: DeploymentOutputs, made: Iterable[StackResource]
) -> tuple[SurplusRule, ...]:
    """Return the rules that CloudFormation's drift detection does not see.

    It compares what the template sets; the orchestrator's group has its ingress rule as a resource of its own.
    """
    if outputs.orchestrator is None:
        return ()
    known = {one.physical_id for one in made if one.resource_type == "AWS::EC2::SecurityGroupIngress"}
    return _surplus_of(context, outputs.region, [outputs.orchestrator.security_group_id], known)


def _settings(context: Context, outputs: DeploymentOutputs) -> dict[str, Any]:
    orchestrator = context.config.orchestrator.version or context.config.agent.effective_version
    return {
        "name": context.config.name,
        "topology": context.config.agent.topology,
        "agent_version": context.config.agent.effective_version,
        "orchestrator_version": orchestrator if outputs.orchestrator else None,
        "outputs": outputs,
    }


def _stack_document(stack: Stack | None) -> dict[str, Any] | None:
    if stack is None:
        return None
    return {
        "name": stack.name,
        "id": stack.stack_id,
        "status": stack.status,
        "updated": stack.updated,
        "termination_protection": stack.protected,
        "meaning": stack.stuck.meaning if stack.stuck else None,
    }


def _drift(context: Context, driver: Driver) -> tuple[str, ...]:
    plan_file = context.folder.path / STATUS_PLAN
    plan = driver.plan(out=plan_file)
    plan_file.unlink(missing_ok=True)
    return tuple(
        f"{change.address} {DRIFT_WORDS[change.action]}" for change in plan.changes if change.action in DRIFT_WORDS
    )


def surplus_rules(context: Context, region: str, managed: Iterable[StateResource]) -> tuple[SurplusRule, ...]:
    """Return the ingress rules that somebody added to security groups of Terraform's state.

    Each rule is a resource of its own, so that Terraform's plan says nothing about rules beside them.
    """
    resources = list(managed)
    groups = [str(one.values["id"]) for one in resources if one.resource_type == GROUP]
    known = {str(one.values["security_group_rule_id"]) for one in resources if one.resource_type == INGRESS_RULE}
    return _surplus_of(context, region, groups, known)


def _surplus_of(context: Context, region: str, groups: list[str], known: set[str]) -> tuple[SurplusRule, ...]:
    from fargate_guard.aws.errors import AccessDenied
    from fargate_guard.fleet.surplus_rules import find_surplus_rules

    try:
        return find_surplus_rules(context.aws.in_region(region), groups, known)
    except AccessDenied as denied:
        context.observer.note(
            f"rules that somebody added to security groups were not looked for: {denied.message}"
        )
        return ()


def read_status(context: Context, deployment: Deployment) -> Status:
    """Look at the cluster's services and tasks."""
    from fargate_guard.aws import ecs
    from fargate_guard.fleet.coverage import cluster_coverage

    cluster = deployment.outputs.cluster.arn
    aws = context.aws.in_region(deployment.outputs.region)
    found = ecs.clusters(aws, [cluster])
    workloads = (built.service_arn for built in deployment.outputs.workloads.values())
    orchestrator = deployment.outputs.orchestrator
    own = [arn for arn in (orchestrator.service_arn if orchestrator else None, *workloads) if arn]
    return Status(
        deployment, found[0]["status"] if found else "MISSING", cluster_coverage(aws, cluster, deployed=own)
    )


def watch(
    look: Callable[[], Status],
    show: Callable[[Status], None],
    *,
    interval: float,
    sleep: Callable[[float], None],
    rounds: Iterable[object],
) -> None:
    """Look and show once per round, ``interval`` seconds apart.

    :param rounds: for example :func:`itertools.count`, for ever.
    """
    for number, _ in enumerate(rounds):
        if number:
            sleep(interval)
        show(look())
