"""An embedded AWS whose clock the tests turn by hand, and CloudFormation in it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from fargate_guard.sandbox import Sandbox
from tests.sandbox.sandbox_account import ManualClock
from tests.sandbox_cloudformation.stacks import Stacks

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
def stacks(sandbox: Sandbox, clock: ManualClock) -> Iterator[Stacks]:
    """A stack's name of its own for every test; faults end with it."""
    yield Stacks(sandbox, clock)
    sandbox.faults.clear()
