"""What :func:`~fargate_guard.taskdef.explaining.explain` tells: plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fargate_guard.taskdef.result import Notice


class Instrumenter(StrEnum):
    """Who instrumented; the values are words for people."""

    NOBODY = "nobody"
    FGUARD = "fguard"
    SYSDIG = "Sysdig's Terraform provider or CloudFormation macro"
    BY_HAND = "by hand, after Sysdig's instructions"
    MIX = "a mix of tools"


class Certainty(StrEnum):
    """How far the original of a container is known; the values are words for people."""

    EXACT = "exactly as it was"
    ARGV = "what it ran is certain, the division into entryPoint and command is not"
    IMAGE = "the rest comes from the image"


class Severity(StrEnum):
    """How bad a problem is."""

    ERROR = "error"
    """The task does not start, the agent sees nothing, or a secret is exposed."""
    WARNING = "warning"
    INFO = "info"


class Problem(NamedTuple):
    """A notice with its severity."""

    where: str
    message: str
    severity: Severity = Severity.WARNING


@dataclass(frozen=True, slots=True)
class AgentExplanation:
    """The agent's container, where there is one, and what it is told."""

    container: str
    """The sidecar's name."""
    path: str
    image: str
    """Empty where it is not written as text."""
    version: str | None
    """``5.0.1``; None where the image's tag does not say it (a digest, ``latest``)."""
    topology: str | None
    """``orchestrator`` or ``direct``; None where no address is set."""
    endpoint: str | None
    """``host:port`` of the orchestrator or the collector."""
    access_key: str | None
    """``valueFrom`` of the secret; None where there is none. A key in plain text is never shown."""
    access_key_in_plain_text: bool


@dataclass(frozen=True, slots=True)
class ContainerExplanation:
    """One of the user's containers."""

    name: str
    path: str
    instrumented: bool
    by: Instrumenter
    """``NOBODY`` where it is not instrumented."""
    reason: str
    """Why it is instrumented, or why not."""
    entry_point: tuple[str, ...]
    """Its own entryPoint, without instrumentation; empty where it is the image's."""
    command: tuple[str, ...]
    """Its own command; empty where it is the image's, or where there is none."""
    runs: tuple[str, ...]
    """What it runs without the wrapper, also where that was written out of the image; empty: not known here."""
    certainty: Certainty
    missing: tuple[str, ...]
    """What an instrumented container lacks: ``the capability SYS_PTRACE``…"""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is instrumented in a task definition, by whom, with what, and what is wrong."""

    instrumented_by: Instrumenter
    agent: AgentExplanation | None
    """None without a sidecar."""
    pid_mode: str | None
    """The task's; None where it is not set, and for a bare array, which has none."""
    containers: tuple[ContainerExplanation, ...]
    """The user's, in their order; the sidecar is not among them."""
    problems: tuple[Problem, ...]
    """The worst first."""
    uncertain: tuple[Notice, ...]
    """What ``uninstrument`` would not give back with certainty; empty: the exact original."""
