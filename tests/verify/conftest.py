"""A deployment in the embedded AWS that is as it should be; each test breaks one thing and puts it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fargate_guard.sandbox import Sandbox
from fargate_guard.verify.observe import observe
from tests.verify.deployed_stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.verify.facts import Facts


@pytest.fixture(scope="module")
def deployed_sandbox() -> Iterator[Stack]:
    with Sandbox.start(speed=20) as sandbox:
        yield Stack(sandbox)


@pytest.fixture(scope="module")
def healthy_facts(deployed_sandbox: Stack) -> Facts:
    return observe(deployed_sandbox.aws, deployed_sandbox.expected)
