"""An embedded AWS whose clock the tests turn by hand, and an account in it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from fargate_guard.sandbox import Sandbox
from tests.sandbox.sandbox_account import Account, ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock(time.time())


@pytest.fixture(scope="module")
def sandbox(clock: ManualClock) -> Iterator[Sandbox]:
    with Sandbox.start(clock=clock, sleep=clock.advance) as running:
        yield running


@pytest.fixture
def account(sandbox: Sandbox, clock: ManualClock) -> Iterator[Account]:
    """A VPC with two subnets, a cluster and a log group of its own for every test."""
    yield Account(sandbox, clock)
    sandbox.faults.clear()
