"""An interrupt waits for the moment in which no request that creates something can be cut off."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from fargate_guard.terraform.events import (
    PlannedChange,
    RefreshStarted,
    ResourceCompleted,
    ResourceErrored,
    ResourceStarted,
    VersionReported,
)
from fargate_guard.terraform.interruption import BEGINNING_SECONDS, SETTLING_SECONDS, Beginning, Creations
from fargate_guard.terraform.process import SAME_REQUEST_SECONDS, StopRequests, TerraformProcess

if TYPE_CHECKING:
    from pathlib import Path

    from fargate_guard.terraform.events import Event

INTERRUPTED = 7
UNTIL_INTERRUPTED = ["sh", "-c", f"trap 'exit {INTERRUPTED}' INT; while :; do sleep 0.05; done"]
"""Stands in for a Terraform that creates something."""


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def started(address: str, action: str = "create", resource_type: str = "aws_subnet") -> ResourceStarted:
    return ResourceStarted(address=address, action=action, resource_type=resource_type)


def test_a_creation_has_settled_when_it_ended_or_its_answer_must_have_come() -> None:
    clock = Clock()
    creations = Creations(clock)
    assert creations.all_have_settled()
    creations.see(started("aws_subnet.a"))
    creations.see(started("aws_lb.this"))
    assert not creations.all_have_settled()
    creations.see(ResourceCompleted(address="aws_subnet.a", action="create"))
    clock.now += SETTLING_SECONDS
    assert creations.all_have_settled()
    creations.see(started("aws_eip.late"))
    assert not creations.all_have_settled()
    creations.see(ResourceErrored(address="aws_eip.late", action="create"))
    assert creations.all_have_settled()


def test_only_what_a_provider_creates_is_waited_for() -> None:
    creations = Creations(Clock())
    creations.see(started("aws_subnet.a", action="delete"))
    creations.see(started("data.aws_region.here", action="read"))
    creations.see(started("terraform_data.local", resource_type="terraform_data"))
    assert creations.all_have_settled()
    creations.see(started("aws_subnet.b", action="replace"))
    assert not creations.all_have_settled()


@pytest.mark.parametrize("first", [started("aws_vpc.this"), RefreshStarted(address="aws_vpc.this")], ids=repr)
def test_terraform_has_begun_when_it_works_on_a_resource(first: Event) -> None:
    beginning = Beginning("apply", Clock())
    beginning.see(VersionReported(engine_version="1.11.4", ui_version="1.2"))
    beginning.see(PlannedChange(address="aws_vpc.this", action="create"))
    assert not beginning.is_over()
    beginning.see(first)
    assert beginning.is_over()


def test_a_silent_beginning_is_waited_for_only_so_long() -> None:
    clock = Clock()
    beginning = Beginning("plan", clock)
    clock.now += BEGINNING_SECONDS - 0.1
    assert not beginning.is_over()
    clock.now += 0.1
    assert beginning.is_over()


def test_init_heeds_an_interrupt_from_the_first() -> None:
    assert Beginning("init", Clock()).is_over()


@pytest.mark.parametrize("again", [False, True], ids=["one request waits", "a second does not"])
def test_the_interrupt_is_sent_at_a_good_moment_or_at_the_second_request(again: bool, tmp_path: Path) -> None:
    requests = StopRequests()
    began = time.monotonic()
    sent: list[tuple[int, bool]] = []
    asked: list[float] = []

    def is_good_moment() -> bool:
        return not again and time.monotonic() - began > 2 * SAME_REQUEST_SECONDS

    def ask(_last: bool) -> None:
        wanted = 2 if again else 1
        if len(asked) < wanted and (not asked or time.monotonic() - asked[-1] > SAME_REQUEST_SECONDS):
            asked.append(time.monotonic())
            requests.add(signal.SIGINT)

    with (
        tempfile.TemporaryFile() as out,
        TerraformProcess(
            UNTIL_INTERRUPTED, working_dir=tmp_path, environ=os.environ, stdout=out, stderr=out, requests=requests
        ) as process,
    ):
        ended = process.follow(
            on_tick=ask,
            on_interrupt=lambda count: sent.append((count, is_good_moment())),
            is_good_moment=is_good_moment,
        )
    assert sent == [(0, False), (1, not again)]
    assert (ended.returncode, ended.interrupts, ended.stopped_by) == (INTERRUPTED, 1, signal.SIGINT)
