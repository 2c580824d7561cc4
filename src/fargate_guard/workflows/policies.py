"""Which policies of Sysdig Secure see what happens in the tasks of a deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.sysdig.errors import PermissionMissing
from fargate_guard.sysdig.policies import WORKLOAD_TYPES, read_policies, rule_coverage
from fargate_guard.sysdig.rules import read_names
from fargate_guard.sysdig.scope import Covers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fargate_guard.sysdig.client import SecureClient
    from fargate_guard.sysdig.policies import Policy, RuleCoverage
    from fargate_guard.sysdig.scope import Place, ScopeVerdict


@dataclass(frozen=True, slots=True)
class PolicyView:
    """One policy, and what it means for a place."""

    policy: Policy
    verdict: ScopeVerdict
    missing_rules: tuple[str, ...]
    """Rules that the policy names and Sysdig does not have."""

    @property
    def applies(self) -> bool | None:
        """Whether it raises events there; None where that depends on a scope."""
        if not self.policy.enabled or self.verdict.covers is Covers.NO:
            return False
        return True if self.verdict.covers is Covers.YES else None

    def document(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        policy = self.policy
        return {
            "id": policy.policy_id,
            "name": policy.name,
            "type": policy.kind,
            "type_in_words": WORKLOAD_TYPES.get(policy.kind),
            "for_workloads": policy.for_workloads,
            "enabled": policy.enabled,
            "managed": policy.managed,
            "severity": policy.severity,
            "scope": policy.scope,
            "covers": self.verdict.covers.value,
            "why": self.verdict.why,
            "applies": self.applies,
            "rules": [{"name": one.name, "enabled": one.enabled} for one in policy.rules],
            "disabled_rules": list(policy.disabled_rules),
            "missing_rules": list(self.missing_rules),
        }


@dataclass(frozen=True, slots=True)
class PoliciesReport:
    """All policies that were asked for."""

    place: Place
    views: tuple[PolicyView, ...]
    others: int
    """How many policies of other types there are: cloud logs, Kubernetes, hosts."""
    coverage: tuple[RuleCoverage, ...] = ()
    """Of each rule that was asked about."""

    @property
    def uncovered(self) -> tuple[RuleCoverage, ...]:
        """The rules asked about that no policy is certain to see."""
        return tuple(one for one in self.coverage if not one.covered)

    def document(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return {
            "cluster": self.place.cluster_arn,
            "policies": [view.document() for view in self.views],
            "other_policies": self.others,
            "rules": [
                {
                    "rule": one.rule,
                    "covered": one.covered,
                    "policies": [policy.name for policy in one.seen_by],
                    "perhaps": [policy.name for policy in one.perhaps_by],
                    "obstacles": list(one.obstacles),
                }
                for one in self.coverage
            ],
        }


def report_policies(
    client: SecureClient, place: Place, *, rules: Iterable[str] = (), every_type: bool = False
) -> PoliciesReport:
    """Return the policies for workloads, those that apply first.

    :param rules: rules to be seen in the place; ``*`` allowed.
    :param every_type: also policies that do not watch workloads.
    :raises SysdigError: when Sysdig refuses.
    """
    policies = read_policies(client)
    known = _known_rules(client)
    shown = [one for one in policies if every_type or one.for_workloads]
    views = [PolicyView(one, one.covers(place), _missing(one, known)) for one in shown]
    views.sort(key=lambda view: (_rank(view), view.policy.name.lower()))
    coverage = tuple(rule_coverage(policies, rule, place) for rule in rules)
    return PoliciesReport(place, tuple(views), sum(not one.for_workloads for one in policies), coverage)


def _known_rules(client: SecureClient) -> frozenset[str] | None:
    """Return the names of all rules; None where the token may not read them."""
    try:
        return read_names(client)["rule"]
    except PermissionMissing:
        return None


def _missing(policy: Policy, known: frozenset[str] | None) -> tuple[str, ...]:
    return () if known is None else tuple(rule.name for rule in policy.rules if rule.name not in known)


def _rank(view: PolicyView) -> int:
    return [True, None, False].index(view.applies)
