"""What IAM, Secrets Manager, SSM and CloudWatch Logs say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a role may do something with something."""

    allowed: bool
    how: str
    """What was evaluated, and by whom."""


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role with everything that is attached to it."""

    arn: str
    trusted_services: tuple[str, ...]
    """Service principals that may assume it."""
    policies: tuple[tuple[str, Json], ...]
    """Name and document of each inline and attached policy."""
    decisions: dict[tuple[str, str], Decision]
    """By IAM action and resource ARN."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What a ``valueFrom`` points to, without its value."""

    arn: str
    """As the reference has it, up to the secret's name."""
    region: str
    """Empty for an SSM parameter that is named without its ARN."""
    exists: bool
    has_value: bool
    """Whether the referenced version is there: ``AWSCURRENT`` unless the reference names another."""
    kms_key: str | None
    """The customer managed key that encrypts it; None for the AWS managed one."""
    detail: str = ""
    """What is wrong, where something is."""


@dataclass(frozen=True, slots=True)
class LogGroup:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html."""

    name: str
    retention_days: int | None
    """None: logs are kept for ever."""
