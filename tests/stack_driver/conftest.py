"""One embedded AWS per file; every test has stacks of its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fargate_guard.sandbox import Sandbox
from tests.stack_driver.stack_harness import Stacks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def embedded_aws() -> Iterator[Sandbox]:
    """The embedded AWS, twenty times as fast as usual."""
    with Sandbox.start(speed=20) as sandbox:
        yield sandbox


@pytest.fixture
def stacks(embedded_aws: Sandbox, tmp_path: Path) -> Iterator[Stacks]:
    """Stacks without any fault yet."""
    yield Stacks(embedded_aws, tmp_path)
    embedded_aws.faults.clear()
