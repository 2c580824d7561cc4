"""An empty account in the embedded AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fargate_guard.aws.session import Aws
from fargate_guard.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start() as running:
        yield running


@pytest.fixture
def aws(sandbox: Sandbox) -> Iterator[Aws]:
    yield Aws(environ=sandbox.environment())
    sandbox.faults.clear()
