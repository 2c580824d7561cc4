"""What the agents' own log lines tell of their connection; see ``verify/agent_signs.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.verify.agent_signs import FIXES, AgentState, agent_state
from fargate_guard.verify.log_text import shown
from fargate_guard.verify.registry import Registry, Severity, judged, skipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.verify.facts import Facts
    from fargate_guard.verify.registry import Observation

CHECKS = Registry()

_NEEDS = ("tasks", "agent_log")
_ACCOUNT = "https://docs.sysdig.com/en/docs/administration/saas-regions-and-ip-ranges/"
_FARGATE = "https://docs.sysdig.com/en/docs/installation/sysdig-secure/install-agent-components/ecs-on-fargate/"
_CONNECTION = "https://docs.sysdig.com/en/docs/installation/troubleshooting/agent-downtime-behavior/"
SILENT = "no line of the log tells (log level, an agent that words it otherwise, or the embedded AWS)"


@CHECKS.check(
    "agent-log.access-key", title="No agent says that its access key is refused", docs=_ACCOUNT, needs=_NEEDS,
    settles=True,
)  # fmt: skip
def access_key(facts: Facts) -> Iterator[Observation]:
    """The key is wrong, revoked, or of another region: the agent connects, is refused, and sees nothing."""
    yield from _not(facts, AgentState.BAD_KEY)


@CHECKS.check(
    "agent-log.connection",
    title="No agent says that it is disconnected",
    docs=_CONNECTION,
    needs=_NEEDS,
    severity=Severity.WARNING,
)
def connection(facts: Facts) -> Iterator[Observation]:
    """What happens meanwhile is not detected in time. Only a note: Sysdig does not document the wording."""
    yield from _not(facts, AgentState.DISCONNECTED)


@CHECKS.check(
    "agent-log.certificate",
    title="No agent says that it refuses the collector's certificate",
    docs=_FARGATE,
    needs=_NEEDS,
    severity=Severity.WARNING,
)
def certificate(facts: Facts) -> Iterator[Observation]:
    """A proxy that looks into TLS, or a collector of one's own. Only a note: the wording is not documented."""
    yield from _not(facts, AgentState.CERTIFICATE_REFUSED)


@CHECKS.check(
    "agent-log.version",
    title="No agent says that versions do not fit",
    docs=_FARGATE,
    needs=_NEEDS,
    severity=Severity.WARNING,
)
def version(facts: Facts) -> Iterator[Observation]:
    """Agent, orchestrator and collector speak a protocol with versions. Only a note: likewise."""
    yield from _not(facts, AgentState.VERSION_MISMATCH)


def _not(facts: Facts, state: AgentState) -> Iterator[Observation]:
    for component in facts.expected.services:
        if facts.why_not_watched(component) is not None:
            continue
        for task in facts.tasks_of(component):
            told = agent_state(facts.agent_log.get(task.arn, ()), facts.log_read_at)
            if told is None:
                yield skipped(task.arn, SILENT)
                continue
            yield judged(
                task.arn,
                told.state is not state,
                expected=AgentState.CONNECTED.value,
                found=f"{told.state.value}: {shown(told.line)}",
                fix=FIXES.get(state, ""),
            )
