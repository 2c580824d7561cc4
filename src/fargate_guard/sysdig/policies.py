"""Policies of Sysdig Secure: which there are, their rules, and whether one sees what happens in a Fargate cluster.

``GET /api/v2/policies`` answers a list of policies; the fields are those of Sysdig's Terraform provider
(https://github.com/sysdiglabs/terraform-provider-sysdig, ``sysdig/internal/client/v2/model.go``). There is no kind
of policy for Fargate: ordinary workload policies apply, those with Falco rules first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Self

from fargate_guard.sysdig.errors import BrokenAnswer
from fargate_guard.sysdig.scope import Covers, Place, ScopeVerdict, scope_covers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fargate_guard.sysdig.client import SecureClient

POLICIES = "/api/v2/policies"
READ_POLICIES = "policies.read"
WORKLOAD_TYPES = {
    "falco": "workload policy with Falco rules",
    "drift": "drift: executables that were not in the image",
    "malware": "malware: files known to be malicious",
    "list_matching": "list matching (deprecated by Sysdig)",
}
"""Types of policies that agents on Fargate apply, by the API's name; an agent's version decides which of drift and
malware it supports. Others watch cloud logs, Kubernetes or hosts."""
FALCO = "falco"


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """A rule within a policy."""

    name: str
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy."""

    policy_id: int
    name: str
    kind: str
    """The API's ``type``: ``falco``, ``drift``, ``malware``, ``k8s_audit``…"""
    enabled: bool
    severity: int | None
    """0 (worst) to 7, as for events."""
    scope: str
    """Empty: everything."""
    rules: tuple[PolicyRule, ...] = ()
    origin: str = ""
    managed: bool = False
    """Kept up to date by Sysdig; its rules can be switched off, not changed."""
    version: int | None = None
    description: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """As Sysdig sent it."""

    @classmethod
    def of(cls, document: Any) -> Self:
        """Read one policy.

        :raises BrokenAnswer: when it has no id, name or type.
        """
        named = isinstance(document, dict) and all(document.get(key) for key in ("name", "type"))
        if not named or not isinstance(document.get("id"), int):
            raise BrokenAnswer(
                "Sysdig Secure's answer has a policy without id, name or type", where=POLICIES, why=_has(document)
            )
        return cls(
            policy_id=document["id"],
            name=str(document["name"]),
            kind=str(document["type"]),
            enabled=bool(document.get("enabled")),
            severity=document["severity"] if isinstance(document.get("severity"), int) else None,
            scope=str(document.get("scope") or ""),
            rules=_rules(document),
            origin=str(document.get("origin") or ""),
            managed=_managed(document),
            version=document["version"] if isinstance(document.get("version"), int) else None,
            description=str(document.get("description") or ""),
            raw=document,
        )

    @property
    def for_workloads(self) -> bool:
        """Whether agents on Fargate apply policies of this type."""
        return self.kind in WORKLOAD_TYPES

    @property
    def disabled_rules(self) -> tuple[str, ...]:
        """The names of the rules that are switched off in it."""
        return tuple(rule.name for rule in self.rules if not rule.enabled)

    def rule(self, name: str) -> PolicyRule | None:
        """Return one of its rules, ``*`` and ``?`` allowed; of several an enabled one."""
        named = [one for one in self.rules if one.name == name or fnmatchcase(one.name, name)]
        return next((one for one in named if one.enabled), next(iter(named), None))

    def covers(self, place: Place) -> ScopeVerdict:
        """Tell whether its scope covers a place; whether it is enabled is another question."""
        return scope_covers(self.scope, place)


def read_policies(client: SecureClient) -> tuple[Policy, ...]:
    """Return every policy of this account.

    :raises SysdigError: when Sysdig refuses, or answers with something else.
    """
    document = client.get(POLICIES, permission=READ_POLICIES)
    if not isinstance(document, list):
        raise BrokenAnswer("Sysdig Secure's answer is no list of policies", where=POLICIES, why=_has(document))
    return tuple(Policy.of(one) for one in document)


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """Whether a rule would raise an event in a place, and if not, what is in the way."""

    rule: str
    seen_by: tuple[Policy, ...]
    """Enabled policies of workloads that have the rule enabled and cover the place for certain."""
    perhaps_by: tuple[Policy, ...]
    """Likewise, where the scope depends on what is not known here."""
    obstacles: tuple[str, ...]
    """One sentence for each policy that has the rule and does not raise it there, or that says there is none."""

    @property
    def covered(self) -> bool | None:
        """True, False, or None where it depends on a scope."""
        return True if self.seen_by else (None if self.perhaps_by else False)


def rule_coverage(policies: Iterable[Policy], rule: str, place: Place) -> RuleCoverage:
    """Tell whether there is an enabled policy with a rule (``*`` allowed) that applies to a cluster."""
    having = [policy for policy in policies if policy.kind == FALCO and policy.rule(rule)]
    verdicts = {policy.policy_id: policy.covers(place).covers for policy in having}
    obstacles = {policy.policy_id: _obstacle(policy, rule, place) for policy in having}
    able = [policy for policy in having if obstacles[policy.policy_id] is None]
    seen = tuple(policy for policy in able if verdicts[policy.policy_id] is Covers.YES)
    named = tuple(why for why in obstacles.values() if why)
    if not having:
        named = (f"no workload policy has the rule {rule!r}",)
    return RuleCoverage(rule, seen, tuple(one for one in able if one not in seen), named)


def _obstacle(policy: Policy, rule: str, place: Place) -> str | None:
    found = policy.rule(rule)
    if not policy.enabled:
        return f"the policy {policy.name!r} is not enabled"
    if found is not None and not found.enabled:
        return f"the rule {found.name!r} is switched off in the policy {policy.name!r}"
    verdict = policy.covers(place)
    return f"the policy {policy.name!r}: {verdict.why}" if verdict.covers is Covers.NO else None


def _rules(document: Mapping[str, Any]) -> tuple[PolicyRule, ...]:
    """Return the rules: ``rules`` says of each whether it is enabled; old installations have ``ruleNames``."""
    listed = document.get("rules")
    if isinstance(listed, list) and listed:
        named = [one for one in listed if isinstance(one, dict) and one.get("ruleName")]
        return tuple(PolicyRule(str(one["ruleName"]), bool(one.get("enabled", True))) for one in named)
    names = document.get("ruleNames")
    return tuple(PolicyRule(str(name)) for name in names) if isinstance(names, list) else ()


def _managed(document: Mapping[str, Any]) -> bool:
    """Tell whether Sysdig keeps it: only such a policy is made of a template, without a copy of its own rules."""
    return bool(document.get("isDefault")) or bool(document.get("templateId"))


def _has(document: Any) -> str:
    if isinstance(document, dict):
        return f"it has {', '.join(map(str, document)) or 'nothing'}"
    return f"it is {type(document).__name__}"
