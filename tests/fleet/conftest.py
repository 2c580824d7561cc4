"""A deployment in the embedded AWS, and room for others beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fargate_guard.sandbox import Sandbox
from tests.verify.deployed_stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def deployed_sandbox() -> Iterator[Stack]:
    with Sandbox.start(speed=20) as sandbox:
        yield Stack(sandbox)
