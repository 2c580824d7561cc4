"""The orchestrator's network load balancer: the one name under which workload agents find it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.verify.registry import PUT_BACK, Registry, judged, skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.deployment import OrchestratorOutputs
    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.facts.network import LoadBalancer
    from fargate_guard.verify.registry import Observation

CHECKS = Registry()

ZONES = 2
_DOCS = "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/introduction.html"
_HEALTH = "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html"


def _of_load_balancer(
    facts: Facts, look: Callable[[LoadBalancer, OrchestratorOutputs], Observation]
) -> Iterator[Observation]:
    built = facts.expected.outputs.orchestrator
    if built is None:
        return
    if facts.load_balancer is None:
        yield skipped(built.load_balancer_arn, "there is no such load balancer")
        return
    yield look(facts.load_balancer, built)


@CHECKS.check(
    "load-balancer.active",
    title="The load balancer is active",
    docs=_DOCS,
    needs=("load_balancer",),
    topology="orchestrator",
)
def active(facts: Facts) -> Iterator[Observation]:
    """The load balancer exists and is active."""
    built = facts.expected.outputs.orchestrator
    if built is None:
        return
    yield judged(
        built.load_balancer_arn,
        facts.load_balancer is not None and facts.load_balancer.state == "active",
        expected="active",
        found=facts.load_balancer.state if facts.load_balancer else "there is no such load balancer",
        fix=PUT_BACK,
    )


@CHECKS.check(
    "load-balancer.internal",
    title="The load balancer is an internal network load balancer",
    docs=_DOCS,
    needs=("load_balancer",),
    topology="orchestrator",
)
def internal(facts: Facts) -> Iterator[Observation]:
    """Nothing outside the VPC sends to an orchestrator."""
    yield from _of_load_balancer(
        facts,
        lambda balancer, _: judged(
            balancer.arn,
            balancer.scheme == "internal" and balancer.kind == "network",
            expected="internal, network",
            found=f"{balancer.scheme}, {balancer.kind}",
            fix=f"a scheme cannot be changed: `fguard destroy`, then `fguard deploy`; or {PUT_BACK}",
        ),
    )


@CHECKS.check(
    "load-balancer.zones",
    title="The load balancer lies in two or more Availability Zones",
    docs=_DOCS,
    needs=("load_balancer",),
    topology="orchestrator",
)
def zones(facts: Facts) -> Iterator[Observation]:
    """One zone may fail."""
    yield from _of_load_balancer(
        facts,
        lambda balancer, _: judged(
            balancer.arn,
            len(balancer.zones) >= ZONES,
            expected="two or more zones",
            found=", ".join(balancer.zones),
            fix=PUT_BACK,
        ),
    )


@CHECKS.check(
    "load-balancer.security-group",
    title="The load balancer is in its own security group and no other",
    docs="https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html",
    needs=("load_balancer",),
    topology="orchestrator",
)
def security_group(facts: Facts) -> Iterator[Observation]:
    """Without a security group of its own, every address that reaches the subnets reaches the orchestrator."""
    yield from _of_load_balancer(
        facts,
        lambda balancer, built: judged(
            balancer.arn,
            balancer.security_group_ids == (built.load_balancer_security_group_id,),
            expected=built.load_balancer_security_group_id,
            found=", ".join(balancer.security_group_ids) or "no security group",
            fix=f"aws elbv2 set-security-groups --load-balancer-arn {balancer.arn}"
            f" --security-groups {built.load_balancer_security_group_id}",
        ),
    )


@CHECKS.check(
    "load-balancer.host",
    title="The load balancer has the name that workloads were given",
    docs=_DOCS,
    needs=("load_balancer",),
    topology="orchestrator",
)
def host(facts: Facts) -> Iterator[Observation]:
    """A replaced load balancer has another name, which running workloads do not know."""
    yield from _of_load_balancer(
        facts,
        lambda balancer, built: judged(
            balancer.arn,
            balancer.dns_name == built.host,
            expected=built.host,
            found=balancer.dns_name,
            fix="run `fguard deploy`: workloads get the new name",
        ),
    )


@CHECKS.check(
    "load-balancer.listener",
    title="A TCP listener on the orchestrator's port forwards to its target group",
    docs="https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-listeners.html",
    needs=("listeners",),
    topology="orchestrator",
)
def listener(facts: Facts) -> Iterator[Observation]:
    """The listener is the way in."""
    built = facts.expected.outputs.orchestrator
    if built is None:
        return
    right = [
        one
        for one in facts.listeners
        if one.port == built.port and one.protocol == "TCP" and built.target_group_arn in one.target_group_arns
    ]
    others = [f"{one.protocol} {one.port}" for one in facts.listeners if one not in right]
    found = ", ".join(f"{one.protocol} {one.port} → {', '.join(one.target_group_arns)}" for one in facts.listeners)
    yield judged(
        built.load_balancer_arn,
        len(right) == 1 and not others,
        expected=f"TCP {built.port} → {built.target_group_arn} and no other listener",
        found=found or "no listener",
        fix=PUT_BACK,
    )


@CHECKS.check(
    "load-balancer.target-healthy",
    title="Every running orchestrator is a healthy target",
    docs=_HEALTH,
    needs=("targets", "services"),
    topology="orchestrator",
    settles=True,
)
def target_healthy(facts: Facts) -> Iterator[Observation]:
    """Agents are sent to healthy targets only; without one nothing is detected."""
    built = facts.expected.outputs.orchestrator
    if built is None:
        return
    service = facts.services.get(built.service_arn)
    wanted = service.running_count if service else 0
    healthy = [target for target in facts.targets if target.state == "healthy"]
    states = ", ".join(f"{t.address}:{t.port} {t.state} {t.reason}".strip() for t in facts.targets)
    yield judged(
        built.target_group_arn,
        bool(healthy) and len(healthy) >= wanted,
        expected=f"{max(wanted, 1)} healthy",
        found=states or "no target",
        fix=f"read the orchestrator's log: `aws logs tail {built.log_group_name} --since 1h`;"
        " a port that stays closed means that the agent did not start",
    )
