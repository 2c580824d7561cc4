"""The embedded AWS with an empty account, one per test module, and boto3 on it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fargate_guard.sandbox import Sandbox
from fargate_guard.sandbox.background import BackgroundSandbox
from tests.terraform_templates.account import Account, Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """An AWS account with the access key in Secrets Manager and nothing else."""
    with Sandbox.start(speed=10) as sandbox:
        yield Account(sandbox)


@pytest.fixture(scope="module")
def other_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Another one, to do the same with CloudFormation and to compare; a process has one embedded AWS only."""
    background = BackgroundSandbox(tmp_path_factory.mktemp("sandbox") / "state.json")
    started = background.start(os.environ, speed=20)
    try:
        yield Account(Endpoint(started.running.endpoint))
    finally:
        background.stop()
