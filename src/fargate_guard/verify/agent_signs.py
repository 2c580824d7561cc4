"""What an agent's log says about its connection: the lines that tell, newest first.

Sysdig documents no log line of its serverless agents. What stands here is the wording of agents in public logs,
with the page; what is only likely is marked as an assumption (no page), and never becomes an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fargate_guard.aws.logs import LogLine

STEADY_MS = 60_000
"""A connection that lasts so long was accepted: a wrong key is refused right after connecting."""


class AgentState(StrEnum):
    """How an agent is connected, by its own words."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    BAD_KEY = "access key refused"
    CERTIFICATE_REFUSED = "certificate refused"
    VERSION_MISMATCH = "version mismatch"


REFUSED_AFTER_CONNECTING = frozenset({AgentState.BAD_KEY, AgentState.VERSION_MISMATCH})


@dataclass(frozen=True, slots=True)
class Sign:
    """A wording, and what it means."""

    state: AgentState
    pattern: re.Pattern[str]
    source: str | None
    """A public page with the wording; None: an assumption."""


@dataclass(frozen=True, slots=True)
class Told:
    """The state that an agent's newest telling line stands for."""

    state: AgentState
    line: str
    at: int
    """Milliseconds since 1970."""
    source: str | None


_CONNECTED = "https://github.com/bcgov/platform-services/issues/589"
_WRONG_KEY = "https://github.com/draios/instruqt-assets/issues/21"

SIGNS: tuple[Sign, ...] = (
    Sign(AgentState.BAD_KEY, re.compile(r"INVALID_CUSTOMER_KEY"), _WRONG_KEY),
    Sign(AgentState.VERSION_MISMATCH, re.compile(r"PROTO_MISMATCH|(?i:\bprotocol mismatch\b)"), None),
    Sign(
        AgentState.CERTIFICATE_REFUSED,
        re.compile(
            r"(?i)certificate verify failed|certificate validation error|unacceptable certificate"
            r"|self[- ]signed certificate|unable to get local issuer certificate"
        ),
        None,
    ),
    Sign(
        AgentState.DISCONNECTED,
        re.compile(
            r"connect\(\):(?:IOException|Timeout)|Connection attempt (?:failed|timed out)"
            r"|SSL Handshake didn't complete|Disconnecting from collector|(?i:\blost connection\b)"
            r"|(?i:\bcould not connect to (?:the )?(?:collector|orchestrator)\b)"
        ),
        None,
    ),
    Sign(AgentState.CONNECTED, re.compile(r"(?<![Nn]ot )\bConnected to collector\b"), _CONNECTED),
    Sign(AgentState.CONNECTED, re.compile(r"\bSent msgtype=\d+ len=\d+ to collector\b"), _CONNECTED),
)
"""What refuses comes before what fails, and that before what is well: a line may fit two of them."""

FIXES = {
    AgentState.BAD_KEY: "the agent access key and the region must be of one account: compare the key with Sysdig"
    " Secure > Integrations > Agent Installation, and sysdig.region (or collector) of fguard.yaml with the"
    " address of Sysdig Secure; put the right one in place, then: fguard deploy",
    AgentState.CERTIFICATE_REFUSED: "a proxy or an on-premises collector with an authority of its own:"
    " name it in orchestrator.collector_ca_certificate (direct: agent.ca_certificate_path), then: fguard deploy",
    AgentState.VERSION_MISMATCH: "agents and orchestrator must fit each other: set agent.version (and"
    " orchestrator.version), see `fguard verify`: agent.version-matrix, then: fguard deploy",
    AgentState.DISCONNECTED: "nothing answers at the address: look at the checks of security groups, routes and"
    " load balancer (`fguard verify`), and at collector and proxy in fguard.yaml",
}
"""What to do, for each state that is not well."""


def sign_of(text: str) -> Sign | None:
    """Return what one line tells; None where it tells nothing of a connection."""
    return next((sign for sign in SIGNS if sign.pattern.search(text)), None)


def tells_something(lines: Iterable[LogLine]) -> bool:
    """Whether any of the lines tells how the agent is connected."""
    return any(sign_of(line.text) for line in lines)


def agent_state(lines: Iterable[LogLine], now_ms: int) -> Told | None:
    """Return how an agent is connected; None where no line tells.

    An agent whose key is refused connects first, is refused, and connects again: there, a connection only counts
    when it has lasted.

    :param lines: newest first.
    :param now_ms: when the log was read, milliseconds since 1970.
    """
    newest = oldest = None
    for line in lines:
        sign = sign_of(line.text)
        if sign is None:
            continue
        told = Told(sign.state, line.text, line.at, sign.source)
        if sign.state is AgentState.CONNECTED:
            newest, oldest = newest or told, told
            continue
        if newest is None or oldest is None:
            return told
        lasts = now_ms - oldest.at >= STEADY_MS
        return newest if lasts or sign.state not in REFUSED_AFTER_CONNECTING else told
    return newest
