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


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("disconnected: proxy http://user:secretpw@proxy:3128", "secretpw"),
        ("proxy http://us:se@cretpw@proxy:3128", "cretpw"),
        ("user:secretpw@proxy:3128 refused", "secretpw"),
        ("Authorization: Basic dXNlcjpw", "dXNlcjpw"),
        ("id AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("password=abc", "abc"),
        ('{"access_key": "hunter2"}', "hunter2"),
        ('{"token": "a b c"}', "b c"),
        ("key 0123456789abcdef0123456789abcdef refused", "0123456789abcdef"),
        ("SYSDIG_ACCESS_KEY=zzz", "zzz"),
    ],
)
def test_whatever_looks_like_a_secret_is_hidden(line: str, hidden: str) -> None:
    assert hidden not in shown(line)
    assert "********" in shown(line)


@pytest.mark.parametrize(
    "line",
    [
        CONNECTED,
        REFUSED,
        "token expired",
        "arn:aws:ecs:us-east-1:1:task/c/0123456789abcdef0123456789abcdef stopped",
        f"image repo@sha256:{'0a' * 32} not found at https://quay.io:443/v2/",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert shown(line) == line


@given(st.text())
def test_whatever_a_line_has_it_stays_on_its_line(line: str) -> None:
    assert shown(line).isprintable()
