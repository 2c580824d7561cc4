"""The embedded AWS with an empty account, one per test module, and boto3 on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fargate_guard.sandbox import Sandbox
from tests.terraform_templates.account import Account, account_elsewhere
from tests.terraform_templates.existing_network import Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """An AWS account with the access key in Secrets Manager and nothing else."""
    with Sandbox.start(speed=10) as sandbox:
        yield Account(sandbox)


@pytest.fixture(scope="module")
def other_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Another one, to do the same with CloudFormation and to compare."""
    with account_elsewhere(tmp_path_factory.mktemp("sandbox")) as elsewhere:
        yield elsewhere


@pytest.fixture(scope="module")
def surroundings(account: Account) -> Surroundings:
    """A network of the user's own."""
    return Surroundings.build(account)
