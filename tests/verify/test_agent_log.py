"""What an agent's log tells, how much of it is read, and how it is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fargate_guard.aws.logs import LogLine
from fargate_guard.verify.agent_signs import AgentState, agent_state
from fargate_guard.verify.log_text import LONGEST, shown

NOW = 1_800_000_000_000
CONNECTED = "Information, connection_manager:352: Connected to collector"
REFUSED = "Error, error_message_handler:63: received ERR_INVALID_CUSTOMER_KEY (Unauthorized agent access key.)"
LOST = "Error, connection_manager: connect():IOException: Connection refused"


def state(*said: tuple[int, str]) -> AgentState | None:
    """The state after lines that were said so many seconds ago, oldest first."""
    lines = [LogLine(NOW - 1000 * ago, text) for ago, text in said]
    told = agent_state(lines[::-1], NOW)
    return told.state if told else None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], None),
        ([(9, "[fguard sandbox] container SysdigInstrumentation started (simulated)")], None),
        ([(9, CONNECTED)], AgentState.CONNECTED),
        ([(9, "Warning: Not Connected to collector")], None),
        ([(30, CONNECTED), (29, REFUSED)], AgentState.BAD_KEY),
        ([(30, CONNECTED), (29, REFUSED), (2, CONNECTED)], AgentState.BAD_KEY),
        ([(500, REFUSED), (400, CONNECTED), (1, "Sent msgtype=1 len=25188 to collector")], AgentState.CONNECTED),
        ([(30, CONNECTED), (2, LOST)], AgentState.DISCONNECTED),
        ([(30, LOST), (2, CONNECTED)], AgentState.CONNECTED),
        ([(9, "connect():IOException: SSL: certificate verify failed")], AgentState.CERTIFICATE_REFUSED),
        ([(9, CONNECTED), (8, "Protocol mismatch: Received error")], AgentState.VERSION_MISMATCH),
    ],
)
def test_the_newest_line_that_tells_counts(said: list[tuple[int, str]], expected: AgentState | None) -> None:
    assert state(*said) == expected


def test_a_line_is_shown_cut_harmless_and_without_keys() -> None:
    key = "01234567-89ab-cdef-0123-456789abcdef"
    line = f"\x1b[31mcustomer id: {key}, access_key=abcdefghijklmn, password: hunter2hunter2 \u202e{'x' * 400}"
    text = shown(line)
    assert key not in text
    assert "abcdefghijklmn" not in text
    assert "hunter2hunter2" not in text
    assert text.startswith("\\x1b[31mcustomer id: ****")
    assert "\\u202e" in text
    assert len(text) <= LONGEST + 40


@given(st.text())
def test_whatever_a_line_has_it_stays_on_its_line(line: str) -> None:
    assert shown(line).isprintable()
