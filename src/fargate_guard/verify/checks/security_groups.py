"""Workloads → load balancer → orchestrator → collector, and nobody else."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import TYPE_CHECKING

from fargate_guard.verify.registry import PUT_BACK, Registry, judged, skipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fargate_guard.deployment import OrchestratorOutputs
    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.facts.network import Rule
    from fargate_guard.verify.registry import Observation

CHECKS = Registry()

HTTPS = 443
_DOCS = "https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html"
_NLB_DOCS = "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html"
_NEEDS = ("security_groups",)


@CHECKS.check(
    "orchestrator.ingress",
    title="Only the load balancer reaches the orchestrator, on its port only",
    docs=_DOCS,
    needs=_NEEDS,
    topology="orchestrator",
)
def orchestrator_ingress(facts: Facts) -> Iterator[Observation]:
    """The orchestrator takes what it is sent as truth, so only workload agents may send."""
    built = _orchestrator(facts)
    group = facts.security_groups.get(built.security_group_id)
    rules = group.ingress if group else ()
    wrong = [
        rule for rule in rules if not _only(rule, built.port) or rule.peer != built.load_balancer_security_group_id
    ]
    admitted = any(rule.admits(built.port) for rule in rules if rule.peer == built.load_balancer_security_group_id)
    yield judged(
        built.security_group_id,
        group is not None and admitted and not wrong,
        expected=f"tcp {built.port} from {built.load_balancer_security_group_id} and nothing else",
        found=_told(rules) if group else "there is no such security group",
        fix=_mend(facts, built.security_group_id, wrong, enough=admitted),
    )


@CHECKS.check(
    "load-balancer.ingress",
    title="Only the workloads reach the load balancer, on the orchestrator's port only",
    docs=_NLB_DOCS,
    needs=(*_NEEDS, "vpc"),
    topology="orchestrator",
)
def load_balancer_ingress(facts: Facts) -> Iterator[Observation]:
    """Admit the workloads' subnets or security groups, never the whole internet."""
    built = _orchestrator(facts)
    if facts.vpc is None:
        yield skipped(built.load_balancer_security_group_id, "the VPC does not exist; see network.vpc")
        return
    group = facts.security_groups.get(built.load_balancer_security_group_id)
    rules = group.ingress if group else ()
    admitted = (*facts.vpc.cidrs, *facts.expected.client_cidr_blocks)
    wrong = [rule for rule in rules if not _only(rule, built.port) or not _inside(rule, admitted)]
    yield judged(
        built.load_balancer_security_group_id,
        group is not None and bool(rules) and not wrong,
        expected=f"tcp {built.port} from subnets or security groups of the VPC and nothing else",
        found=_told(rules) if group else "there is no such security group",
        fix=_mend(facts, built.load_balancer_security_group_id, wrong, enough=len(rules) > len(wrong)),
    )


@CHECKS.check(
    "load-balancer.egress",
    title="The load balancer may reach the orchestrator, and only it",
    docs=_NLB_DOCS,
    needs=_NEEDS,
    topology="orchestrator",
)
def load_balancer_egress(facts: Facts) -> Iterator[Observation]:
    """Traffic and health checks both leave through this rule."""
    built = _orchestrator(facts)
    group = facts.security_groups.get(built.load_balancer_security_group_id)
    rules = group.egress if group else ()
    wrong = [rule for rule in rules if not _only(rule, built.port) or rule.peer != built.security_group_id]
    reaches = any(rule.admits(built.port) for rule in rules if rule.peer == built.security_group_id)
    yield judged(
        built.load_balancer_security_group_id,
        reaches and not wrong,
        expected=f"tcp {built.port} to {built.security_group_id} and nothing else",
        found=_told(rules) if group else "there is no such security group",
        fix=_mend(facts, built.load_balancer_security_group_id, wrong, enough=reaches, direction="egress"),
    )


@CHECKS.check(
    "load-balancer.admits-workloads",
    title="The load balancer admits every workload's tasks",
    docs=_NLB_DOCS,
    needs=(*_NEEDS, "subnets"),
    topology="orchestrator",
)
def load_balancer_admits_workloads(facts: Facts) -> Iterator[Observation]:
    """A workload that is not admitted runs without anybody watching."""
    built = _orchestrator(facts)
    group = facts.security_groups.get(built.load_balancer_security_group_id)
    rules = [rule for rule in (group.ingress if group else ()) if rule.admits(built.port)]
    for component in facts.expected.workloads:
        if component.service_arn is None:
            continue
        shut_out = [
            subnet.subnet_id
            for subnet in facts.subnets.values()
            if not any(rule.peer == component.security_group_id or _contains(rule, subnet.cidr) for rule in rules)
        ]
        yield judged(
            component.service_arn,
            not shut_out,
            expected=f"tcp {built.port} admitted from its subnets or its security group",
            found=f"shut out: {', '.join(shut_out)}" if shut_out else "admitted",
            fix=PUT_BACK,
        )


@CHECKS.check(
    "orchestrator.egress",
    title="The orchestrator may reach the collector, the image registry and AWS",
    docs="https://docs.sysdig.com/en/docs/administration/saas-regions-and-ip-ranges/",
    needs=_NEEDS,
    topology="orchestrator",
)
def orchestrator_egress(facts: Facts) -> Iterator[Observation]:
    """Detections leave through here."""
    built = _orchestrator(facts)
    ports = [HTTPS]
    definition = facts.task_definitions.get(built.task_definition_arn)
    agent = definition.container(built.container_name) if definition else None
    environment = agent.environment if agent else {}
    out = environment.get("PROXY_PORT") or environment.get("COLLECTOR_PORT") or str(facts.expected.collector_port)
    if out.isdigit():
        ports.append(int(out))
    yield _reaches_out(facts, built.security_group_id, ports)


@CHECKS.check(
    "workload.egress",
    title="Every workload may reach the orchestrator (or the collector)",
    docs="https://docs.sysdig.com/en/docs/installation/sysdig-secure/install-agent-components/ecs-on-fargate/",
    needs=_NEEDS,
)
def workload_egress(facts: Facts) -> Iterator[Observation]:
    """The agent's connection leaves through the workload's security group."""
    built = facts.expected.outputs.orchestrator
    for component in facts.expected.workloads:
        if component.security_group_id is None:
            continue
        if built is None:
            yield _reaches_out(facts, component.security_group_id, [HTTPS, facts.expected.collector_port])
            continue
        group = facts.security_groups.get(component.security_group_id)
        rules = group.egress if group else ()
        yield judged(
            component.security_group_id,
            any(rule.admits(built.port) and _towards(facts, rule, built) for rule in rules),
            expected=f"tcp {built.port} to {built.load_balancer_security_group_id}",
            found=_told(rules) if group else "there is no such security group",
            fix=PUT_BACK,
        )


@CHECKS.check(
    "workload.ingress",
    title="No workload is open to every address in the world",
    docs=_DOCS,
    needs=_NEEDS,
)
def workload_ingress(facts: Facts) -> Iterator[Observation]:
    """What serves the public does so behind a load balancer."""
    for component in facts.expected.workloads:
        group = facts.security_groups.get(component.security_group_id or "")
        if component.security_group_id is None:
            continue
        if group is None:
            yield skipped(component.security_group_id, "there is no such security group")
            continue
        wide = [rule for rule in group.ingress if rule.anywhere]
        yield judged(
            group.group_id,
            not wide,
            expected="no ingress from 0.0.0.0/0 or ::/0",
            found=_told(group.ingress),
            fix=_mend(facts, group.group_id, wide, enough=True),
        )


def _orchestrator(facts: Facts) -> OrchestratorOutputs:
    built = facts.expected.outputs.orchestrator
    assert built is not None  # noqa: S101 - these checks are for the orchestrator topology
    return built


def _only(rule: Rule, port: int) -> bool:
    return rule.protocol == "tcp" and rule.from_port == rule.to_port == port


def _inside(rule: Rule, blocks: Iterable[str]) -> bool:
    if "/" not in rule.peer:
        return rule.peer.startswith("sg-")
    return any(_within(rule.peer, block) for block in blocks)


def _contains(rule: Rule, cidr: str) -> bool:
    return "/" in rule.peer and _within(cidr, rule.peer)


def _within(inner: str, outer: str) -> bool:
    small, large = ip_network(inner), ip_network(outer)
    return small.version == large.version and small.subnet_of(large)  # type: ignore[arg-type]


def _towards(facts: Facts, rule: Rule, built: OrchestratorOutputs) -> bool:
    if rule.peer == built.load_balancer_security_group_id or rule.anywhere:
        return True
    return "/" in rule.peer and all(_within(subnet.cidr, rule.peer) for subnet in facts.subnets.values())


def _reaches_out(facts: Facts, group_id: str, ports: Iterable[int]) -> Observation:
    group = facts.security_groups.get(group_id)
    rules = group.egress if group else ()
    closed = [port for port in ports if not any(rule.admits(port) for rule in rules)]
    return judged(
        group_id,
        group is not None and not closed,
        expected=f"egress to tcp {', '.join(map(str, ports))}",
        found=_told(rules) if group else "there is no such security group",
        fix=PUT_BACK,
    )


def _told(rules: Iterable[Rule]) -> str:
    return "; ".join(str(rule) for rule in rules) or "no rule"


def _mend(
    facts: Facts, group_id: str, surplus: Iterable[Rule], *, enough: bool, direction: str = "ingress"
) -> str:
    """Give the command that removes surplus rules: Terraform only puts back what is missing or was changed.

    :param enough: whether the rules that the deployment needs are there.
    """
    permissions = [rule.permission() for rule in surplus]
    steps = [] if enough else [PUT_BACK]
    if permissions:
        steps.append(
            f"`aws ec2 revoke-security-group-{direction} --group-id {group_id}"
            f" --ip-permissions '{json.dumps(permissions)}' --region {facts.expected.outputs.region}`"
            " removes what somebody added"
        )
    return "; ".join(steps) or PUT_BACK
