"""What events are asked for: as a filter of Sysdig's where that supports it, and as a test of every event here.

The filter language, from the description of ``GET /secure/events/v1/events``: ``attribute op "value"``, joined by
``and``, ``or``, ``not``; values stand in double quotes, in them ``"`` and ``\\`` after a ``\\``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeAlias

from fargate_guard.sysdig.event import CLUSTER_LABEL, LEVELS, SERVERLESS, TASK_LABEL

if TYPE_CHECKING:
    from fargate_guard.sysdig.event import Event

Supported: TypeAlias = Mapping[str, frozenset[str]]
"""Each attribute that Sysdig filters by, with its operators; none listed means that all are."""
OPERATORS = frozenset({"=", "!=", ">", ">=", "<", "<=", "in", "contains", "startsWith", "exists"})
_WILDCARDS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events; an empty tuple, or None, leaves that open. Names may have ``*`` and ``?``."""

    severity: str | None = None
    """A level; it and worse ones."""
    rules: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    """Names or ARNs."""
    tasks: tuple[str, ...] = ()
    """Ids or ARNs."""
    all_sources: bool = False
    """Not only what agents on Fargate saw."""

    def matches(self, event: Event) -> bool:
        """Whether an event is one of them."""
        return (
            (self.all_sources or event.is_serverless)
            and (self.severity is None or event.is_at_least(self.severity))
            and _any(self.rules, event.rule)
            and _any(self.policies, event.policy)
            and _any(self.containers, event.container)
            and (not self.clusters or any(_is_arn(event.cluster_arn, one) for one in self.clusters))
            and (not self.tasks or any(_is_arn(event.task_arn, one) for one in self.tasks))
        )

    def server_filter(self, supported: Supported) -> str | None:
        """Return the filter for Sysdig: as narrow as it supports, never narrower than :meth:`matches`."""
        parts = [
            self._source(supported),
            self._levels(supported),
            _names(("ruleName",), self.rules, supported),
            _names(("policyName", "name"), self.policies, supported),
            _names(("container.name",), self.containers, supported),
            _arns(CLUSTER_LABEL, self.clusters, ":cluster/", supported),
            _arns(TASK_LABEL, self.tasks, "/", supported),
        ]
        return " and ".join(part for part in parts if part) or None

    def _source(self, supported: Supported) -> str | None:
        if self.all_sources or self.tasks or self.clusters:  # those have the labels of Fargate anyway
            return None
        tests = []
        if can_filter(supported, "rawEventOriginator", "="):
            tests.append(f"rawEventOriginator = {quoted(SERVERLESS)}")
        if can_filter(supported, TASK_LABEL, "exists"):
            tests.append(f"{TASK_LABEL} exists")
        return _joined(tests)

    def _levels(self, supported: Supported) -> str | None:
        if self.severity in (None, "info") or not can_filter(supported, "severity", "in"):
            return None
        return f"severity in ({', '.join(quoted(str(one)) for one in range(LEVELS[str(self.severity)].stop))})"


def quoted(value: str) -> str:
    """Return a value as the filter language wants it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def task_id(arn: str) -> str:
    """Return the last part of a task's or cluster's ARN; a name stays as it is."""
    return arn.rpartition("/")[2]


def can_filter(supported: Supported, attribute: str, operator: str) -> bool:
    """Whether Sysdig lists the operator; where it lists none by its sign, all that the language has are taken."""
    if attribute not in supported:
        return False
    listed = supported[attribute] & OPERATORS
    return not listed or operator in listed


def _joined(tests: list[str]) -> str | None:
    return f"({' or '.join(tests)})" if len(tests) > 1 else (tests[0] if tests else None)


def _any(patterns: tuple[str, ...], name: str) -> bool:
    return not patterns or any(one == name or fnmatchcase(name, one) for one in patterns)


def _is_arn(arn: str | None, wanted: str) -> bool:
    return arn is not None and (arn == wanted or (not wanted.startswith("arn:") and task_id(arn) == wanted))


def _names(attributes: tuple[str, ...], names: tuple[str, ...], supported: Supported) -> str | None:
    if not names or any(_WILDCARDS & set(name) for name in names):
        return None
    for attribute in attributes:
        if len(names) > 1 and can_filter(supported, attribute, "in"):
            return f"{attribute} in ({', '.join(map(quoted, names))})"
        if can_filter(supported, attribute, "="):
            return _joined([f"{attribute} = {quoted(name)}" for name in names])
    return None


def _arns(attribute: str, wanted: tuple[str, ...], before: str, supported: Supported) -> str | None:
    """Return a test of a label: by ``contains`` where only the end of the ARN is known."""
    if not wanted:
        return None
    tests = []
    for one in wanted:
        is_arn = one.startswith("arn:")
        operator, value = ("=", one) if is_arn else ("contains", f"{before}{one}")
        if not can_filter(supported, attribute, operator):
            return None
        tests.append(f"{attribute} {operator} {quoted(value)}")
    return _joined(tests)
