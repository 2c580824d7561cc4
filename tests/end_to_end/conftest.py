"""One embedded AWS per module, and the quickstart beside it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from fargate_guard.sandbox import Sandbox
from tests.end_to_end.small_stack import Place
from tests.fguard_process import Fguard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.end_to_end.small_stack import SmallStack

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"
ACCESS_KEY = "f7a1c3d9-access-key-0123456789-must-never-leak"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """The embedded AWS with an empty account."""
    with Sandbox.start(speed=4) as running:
        yield running


@pytest.fixture(scope="module")
def quickstart(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Fguard:
    """``fguard`` in a copy of the quickstart, on the embedded AWS."""
    folder = tmp_path_factory.mktemp("quickstart")
    shutil.copytree(QUICKSTART, folder, dirs_exist_ok=True)
    (folder / "tmp").mkdir()
    environ = {**sandbox.environment(), "SYSDIG_ACCESS_KEY": ACCESS_KEY, "TMPDIR": str(folder / "tmp")}
    return Fguard(folder, environ)


@pytest.fixture(scope="module")
def client(sandbox: Sandbox) -> Callable[[str], Any]:
    """Plain boto3 on the embedded AWS."""

    def make(service: str) -> Any:
        environ = sandbox.environment()
        return boto3.client(
            service,
            endpoint_url=sandbox.endpoint,
            region_name="us-east-1",
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        )

    return make


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """An embedded AWS, forty times as fast as usual, for small stacks."""
    with Sandbox.start(speed=40) as running:
        yield Place(running)


@pytest.fixture
def configured(place: Place, tmp_path: Path) -> Iterator[Callable[[str], SmallStack]]:
    """Deployments that are one small stack each and are not deployed yet, by names that no other test has."""
    yield lambda name: place.deployment(name, tmp_path / name)
    place.sandbox.faults.clear()
