"""One runtime event of Sysdig Secure, typed; what is not known here stays in ``raw``.

Fields and their meaning: the API's description of ``GET /secure/events/v1/events``, schema ``Event``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from fargate_guard.sysdig.errors import BrokenAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

TASK_LABEL = "aws.fargate.task.arn"
CLUSTER_LABEL = "aws.fargate.cluster.arn"
SERVERLESS = "serverlessAgent"
"""``rawEventOriginator`` of the agents on Fargate."""
LEVELS: dict[str, range] = {
    "high": range(4),
    "medium": range(4, 6),
    "low": range(6, 7),
    "info": range(7, 8),
}
"""Sysdig's severities, 0 to 7, by the name they have in its interface; the worst first."""
UNKNOWN = "unknown"
LATEST = 2**63
"""Nanoseconds since 1970 that fit where Sysdig keeps them: the year 2262."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, where, and the rule and policy that noticed it."""

    event_id: str
    timestamp: int
    """Nanoseconds since 1970."""
    severity: int | None
    """0 (worst) to 7; None where Sysdig sent none."""
    policy: str
    rule: str
    output: str
    """The rule's message, with the values of this case. Text of the workload: not to be trusted."""
    engine: str = ""
    """``falco``, ``drift``, ``malware``, ``list``, ``machineLearning``."""
    raw_originator: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Falco's fields, for example ``proc.cmdline``."""
    labels: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The event as Sysdig sent it."""

    @classmethod
    def of(cls, document: Any) -> Self:
        """Read one element of ``data``.

        :raises BrokenAnswer: when it has no id or no time stamp, without which events cannot be told apart.
        """
        if not isinstance(document, dict):
            raise BrokenAnswer("Sysdig Secure's answer has an event that is no object", why=repr(document)[:200])
        content = _mapping(document.get("content"))
        timestamp = document.get("timestamp")
        if not document.get("id") or not isinstance(timestamp, int) or not 0 <= timestamp < LATEST:
            raise BrokenAnswer(
                "Sysdig Secure's answer has an event without id or time stamp", why=f"it has {', '.join(document)}"
            )
        return cls(
            event_id=str(document["id"]),
            timestamp=timestamp,
            severity=_severity(document.get("severity")),
            policy=str(document.get("name") or ""),
            rule=str(content.get("ruleName") or ""),
            output=str(content.get("output") or document.get("description") or ""),
            engine=str(document.get("engine") or ""),
            raw_originator=str(document.get("rawEventOriginator") or ""),
            fields={key: str(value) for key, value in _mapping(content.get("fields")).items()},
            labels={key: str(value) for key, value in _mapping(document.get("labels")).items()},
            raw=document,
        )

    @property
    def level(self) -> str:
        """``high``, ``medium``, ``low``, ``info``, or ``unknown``."""
        return next((name for name, numbers in LEVELS.items() if self.severity in numbers), UNKNOWN)

    @property
    def time(self) -> datetime:
        """When it happened, in UTC."""
        return datetime.fromtimestamp(self.timestamp // 10**9, UTC).replace(
            microsecond=self.timestamp % 10**9 // 1000
        )

    @property
    def task_arn(self) -> str | None:
        """The Fargate task it happened in."""
        return self.labels.get(TASK_LABEL) or None

    @property
    def cluster_arn(self) -> str | None:
        """The cluster of that task."""
        return self.labels.get(CLUSTER_LABEL) or None

    @property
    def container(self) -> str:
        """The container's name, empty where Sysdig sent none."""
        return self.labels.get("container.name") or self.fields.get("container.name") or ""

    @property
    def image(self) -> str:
        """The container's image, as far as Sysdig sent it."""
        repository, tag = self.labels.get("container.image.repo", ""), self.labels.get("container.image.tag")
        return f"{repository}:{tag}" if repository and tag else repository

    @property
    def is_serverless(self) -> bool:
        """Whether an agent on Fargate saw it."""
        return self.task_arn is not None or self.raw_originator == SERVERLESS

    def is_at_least(self, level: str) -> bool:
        """Whether it is as bad as ``level`` or worse; one of unknown severity counts as the worst."""
        return self.severity is None or self.severity < LEVELS[level].stop


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _severity(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    return (
        value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LEVELS["info"].stop
        else None
    )
