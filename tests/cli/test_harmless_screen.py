"""Somebody else's text on the streams: it commands no terminal, and breaks no document."""

from __future__ import annotations

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fargate_guard.cli.screen import Screen
from fargate_guard.errors import FguardError

EVIL = ["\x1b]0;pwn\x07", "\x9b2J", "\u202e", "\u2066", "\u2028", "\ud800", "\r"]


def screen() -> Screen:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
    return Screen(out, err, sys.stdin, {})


def written(stream: object) -> str:
    assert isinstance(stream, io.TextIOWrapper)
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()


@pytest.mark.parametrize("evil", EVIL)
def test_names_of_somebody_else_are_spelled_out_on_both_streams(evil: str) -> None:
    shown = screen()
    shown.result(f"policy\t{evil}name")
    shown.error(FguardError(f"Sysdig says {evil}", why=f"because {evil}"))
    for text in (written(shown.stdout), written(shown.stderr)):
        assert not any(character in text for character in [*EVIL, "\x1b", "\x07"])
        assert "\\x" in text or "\\u" in text or "\\r" in text
    assert written(shown.stdout).startswith("policy\t")


@given(st.text())
def test_a_document_says_what_it_was_given_whatever_that_is(text: str) -> None:
    shown = screen()
    shown.document("fguard.test/v1", {"text": text + "".join(EVIL)})
    document = written(shown.stdout)
    assert json.loads(document)["text"] == text + "".join(EVIL)
    assert not any(character in document for character in EVIL)
