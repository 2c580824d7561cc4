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

_ACCOUNT = "https://docs.sysdig.com/en/docs/administration/saas-regions-and-ip-ranges/"
_FARGATE = "https://docs.sysdig.com/en/docs/installation/sysdig-secure/install-agent-components/ecs-on-fargate/"
_CONNECTION = "https://docs.sysdig.com/en/docs/installation/troubleshooting/agent-downtime-behavior/"
SILENT = "no line of the log tells (log level, an agent that words it otherwise, or the embedded AWS)"


def _no_agent_says(
    name: str, state: AgentState, what: str, *, why: str, docs: str, is_documented: bool = False
) -> None:
    """Register the check that no agent's newest telling line stands for a state.

    :param why: what follows where one does, for the documentation.
    :param is_documented: the wording is public; else the check is only a note.
    """

    def look(facts: Facts) -> Iterator[Observation]:
        for component in facts.expected.services:
            if facts.why_not_watched(component) is None:
                for task in facts.tasks_of(component):
                    yield _told_of(task.arn, facts, state)

    look.__doc__ = why
    CHECKS.check(
        f"agent-log.{name}",
        title=f"No agent says that {what}",
        docs=docs,
        needs=("tasks", "agent_log"),
        severity=Severity.ERROR if is_documented else Severity.WARNING,
        settles=is_documented,
    )(look)


def _told_of(task_arn: str, facts: Facts, state: AgentState) -> Observation:
    told = agent_state(facts.agent_log.get(task_arn, ()), facts.log_read_at)
    if told is None:
        return skipped(task_arn, SILENT)
    return judged(
        task_arn,
        told.state is not state,
        expected=AgentState.CONNECTED.value,
        found=f"{told.state.value}: {shown(told.line)}",
        fix=FIXES.get(state, ""),
    )


_no_agent_says(
    "access-key",
    AgentState.BAD_KEY,
    "its access key is refused",
    why="The key is wrong, revoked, or of another region: the agent connects, is refused, and sees nothing.",
    docs=_ACCOUNT,
    is_documented=True,
)
_no_agent_says(
    "connection",
    AgentState.DISCONNECTED,
    "it is disconnected",
    why="What happens meanwhile is not detected in time. Only a note: Sysdig does not document the wording.",
    docs=_CONNECTION,
)
_no_agent_says(
    "certificate",
    AgentState.CERTIFICATE_REFUSED,
    "it refuses the collector's certificate",
    why="A proxy that looks into TLS, or a collector of one's own. Only a note: the wording is not documented.",
    docs=_FARGATE,
)
_no_agent_says(
    "version",
    AgentState.VERSION_MISMATCH,
    "versions do not fit",
    why="Agent, orchestrator and collector speak a protocol with versions. Only a note: likewise.",
    docs=_FARGATE,
)
