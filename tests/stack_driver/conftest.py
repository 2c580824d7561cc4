"""One embedded AWS per file; every test has stacks of its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fargate_guard.sandbox import Sandbox
from tests.stack_driver.stack_harness import Account, Stacks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """The embedded AWS, forty times as fast as usual."""
    with Sandbox.start(speed=40) as sandbox:
        yield Account(sandbox)


@pytest.fixture
def stacks(account: Account, tmp_path: Path) -> Iterator[Stacks]:
    """Stacks without any fault yet."""
    yield Stacks(account, tmp_path)
    account.sandbox.faults.clear()
