"""Checks are functions with a name: from facts to what was found. ``docs/checks.md`` is generated from here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from fargate_guard.verify.facts import Facts


PUT_BACK = "run `fguard deploy`: Terraform puts it back; what drifted from a stack, put back by hand"
"""The fix of what is not as it was deployed."""


class Severity(StrEnum):
    """What a failing check means."""

    ERROR = "ERROR"
    """Something does not work, is not protected, or is open too wide; ``verify`` ends with exit code 3."""
    WARNING = "WARNING"
    """Worth a look; the exit code stays 0."""


class Outcome(StrEnum):
    """Of one check on one resource."""

    OK = "OK"
    NG = "NG"
    """No good."""
    SKIP = "SKIP"
    """Could not be looked at, or does not apply; ``found`` says why."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a check says about one resource."""

    resource: str
    """ARN or id of what was looked at."""
    outcome: Outcome
    expected: str
    found: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """An observation with the check that made it; part of the JSON contract ``fguard.verify/v1``."""

    check: str
    """Stable identifier, for example ``load-balancer.target-healthy``."""
    severity: Severity
    title: str
    resource: str
    outcome: Outcome
    expected: str
    found: str
    fix: str | None
    """What to do; only where the outcome is NG."""
    docs: str
    """Where the reason is explained."""

    def document(self) -> dict[str, str | None]:
        """Return the JSON form."""
        return {
            "check": self.check,
            "severity": self.severity.value,
            "title": self.title,
            "resource": self.resource,
            "outcome": self.outcome.value,
            "expected": self.expected,
            "found": self.found,
            "fix": self.fix,
            "docs": self.docs,
        }


@dataclass(frozen=True, slots=True)
class Check:
    """A registered check."""

    id: str
    severity: Severity
    title: str
    """What is true when all is well."""
    docs: str
    needs: tuple[str, ...]
    """Fields of :class:`Facts` without which it cannot be decided."""
    topology: str | None
    """``orchestrator`` or ``direct`` when it concerns only one."""
    settles: bool
    """Whether it may fail for a moment after a deployment that went well."""
    look: Callable[[Facts], Iterable[Observation]]

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """Run the check; it always says something, if only why it was skipped."""
        said = False
        for seen in self._observations(facts):
            said = True
            fix = seen.fix if seen.outcome is Outcome.NG else None
            yield self._finding(seen.resource, seen.outcome, seen.expected, seen.found, fix)
        if not said:
            yield self._finding(
                facts.expected.name, Outcome.SKIP, self.title, "nothing of this kind is deployed", None
            )

    def _observations(self, facts: Facts) -> Iterable[Observation]:
        name = facts.expected.name
        if self.topology and self.topology != facts.expected.topology:
            return [skipped(name, f"not in the {facts.expected.topology} topology")]
        unknown = [facts.unknown[need] for need in self.needs if need in facts.unknown]
        if unknown:
            return [skipped(name, f"could not be looked at: {unknown[0]}")]
        return self.look(facts)

    def _finding(self, resource: str, outcome: Outcome, expected: str, found: str, fix: str | None) -> Finding:
        return Finding(
            self.id, self.severity, self.title, resource, outcome, expected or self.title, found, fix, self.docs
        )


class Registry:
    """The checks, in the order in which they are run and told."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def __iter__(self) -> Iterator[Check]:
        return iter(self._checks.values())

    def check(
        self,
        identifier: str,
        *,
        title: str,
        docs: str,
        needs: tuple[str, ...] = (),
        topology: str | None = None,
        settles: bool = False,
        severity: Severity = Severity.ERROR,
    ) -> Callable[[Callable[[Facts], Iterable[Observation]]], Callable[[Facts], Iterable[Observation]]]:
        """Register the decorated function as a check."""

        def register(look: Callable[[Facts], Iterable[Observation]]) -> Callable[[Facts], Iterable[Observation]]:
            if identifier in self._checks:
                raise ValueError(f"two checks are called {identifier}")
            self._checks[identifier] = Check(identifier, severity, title, docs, needs, topology, settles, look)
            return look

        return register


def judged(resource: str, good: bool, *, expected: str, found: str, fix: str) -> Observation:
    """Return OK or NG; ``fix`` is told only with NG."""
    return Observation(resource, Outcome.OK if good else Outcome.NG, expected, found, fix)


def skipped(resource: str, why: str) -> Observation:
    """Return an observation that says why nothing was decided."""
    return Observation(resource, Outcome.SKIP, "", why)


def summary(findings: Iterable[Finding]) -> Mapping[str, int]:
    """Count the outcomes."""
    counts = dict.fromkeys(("ok", "ng", "skip"), 0)
    for finding in findings:
        counts[finding.outcome.value.lower()] += 1
    return counts
