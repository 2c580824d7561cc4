"""State in S3 with native locking, against moto's S3."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import boto3
import pytest

from fargate_guard.terraform.driver import Driver
from fargate_guard.terraform.engine import find_engine
from fargate_guard.terraform.errors import StateLockedError, StateNotSavedError
from tests.terraform_driver.driver_harness import FguardLike, clean_environ, until, write_chain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUCKET = "fguard-states"

BACKEND = """
terraform {
  backend "s3" {
    bucket       = "fguard-states"
    key          = "training.tfstate"
    use_lockfile = true
  }
}
"""


@pytest.fixture
def aws() -> Iterator[dict[str, str]]:
    """The environment that leads to an S3 with an empty bucket for states."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environ = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    # moto keeps its objects per process, not per server.
    urlopen(Request(f"{environ['AWS_ENDPOINT_URL']}/moto-api/reset", method="POST"), timeout=10).close()
    s3(environ).create_bucket(Bucket=BUCKET)
    yield environ
    server.stop()


def s3(environ: dict[str, str]):  # type: ignore[no-untyped-def]  # boto3 has no types
    return boto3.client(
        "s3",
        endpoint_url=environ["AWS_ENDPOINT_URL"],
        region_name=environ["AWS_REGION"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two checkouts of one deployment, as on two machines; an apply of it stops until :func:`go_on`."""
    gate = until(tmp_path / "go-on")
    mine, theirs = (write_chain(tmp_path / name, create=gate) for name in ("mine", "theirs"))
    for folder in (mine, theirs):
        (folder / "backend.tf").write_text(BACKEND)
    return mine, theirs


def go_on(folder: Path) -> None:
    folder.with_name("go-on").touch()


def keys(aws: dict[str, str]) -> set[str]:
    return {item["Key"] for item in s3(aws).list_objects_v2(Bucket=BUCKET).get("Contents", ())}


def open_driver(engine_name: str, folder: Path, aws: dict[str, str], *, lock_timeout: float = 0) -> Driver:
    environ = {**clean_environ(), **aws}
    return Driver(
        folder,
        engine=find_engine(engine_name, environ),
        environ=environ,
        run_log_dir=folder / "logs",
        lock_timeout=lock_timeout,
    )


def test_of_two_runs_on_one_state_one_wins_and_the_other_tells_or_waits(
    engine_name: str, folders: tuple[Path, Path], aws: dict[str, str]
) -> None:
    mine, theirs = folders
    open_driver(engine_name, theirs, aws).init()
    open_driver(engine_name, mine, aws).init()
    winner = FguardLike.start(engine_name, theirs, "apply", environ=aws)
    winner.await_event("ProvisionOutput", address="terraform_data.slow")

    with pytest.raises(StateLockedError) as locked:
        open_driver(engine_name, mine, aws).plan(mine / "saved.tfplan")
    assert locked.value.where == f"{BUCKET}/training.tfstate"
    assert "OperationTypeApply is running there" in str(locked.value.why)

    go_on(mine)
    patient = open_driver(engine_name, mine, aws, lock_timeout=30)
    assert not patient.plan(mine / "saved.tfplan").has_changes, "everything was deployed when it got the lock"
    assert winner.await_exit() == 0
    assert keys(aws) == {"training.tfstate"}, "the lock file is gone"


def test_interrupted_run_releases_the_lock_in_s3(
    engine_name: str, folders: tuple[Path, Path], aws: dict[str, str]
) -> None:
    mine, _ = folders
    open_driver(engine_name, mine, aws).init()
    fguard = FguardLike.start(engine_name, mine, "apply", environ=aws)
    fguard.await_event("ProvisionOutput", address="terraform_data.slow")
    assert "training.tfstate.tflock" in keys(aws)

    os.kill(fguard.process.pid, signal.SIGTERM)

    assert fguard.await_exit() == 143
    assert keys(aws) == {"training.tfstate"}
    assert open_driver(engine_name, mine, aws).state_resources()


def test_lock_left_by_a_killed_terraform_is_removed_with_the_command_in_the_error(
    engine_name: str, folders: tuple[Path, Path], aws: dict[str, str]
) -> None:
    mine, _ = folders
    open_driver(engine_name, mine, aws).init()
    fguard = FguardLike.start(engine_name, mine, "apply", environ=aws)
    fguard.await_event("ProvisionOutput", address="terraform_data.slow")
    os.kill(fguard.terraform_pids()[-1], signal.SIGKILL)
    assert fguard.await_exit() == 1
    assert fguard.error()["type"] == "TerraformKilledError"

    with pytest.raises(StateLockedError) as locked:
        open_driver(engine_name, mine, aws).plan(mine / "saved.tfplan")
    command = str(locked.value.fix).rsplit(": ", 1)[1]
    subprocess.run(
        shlex.split(command),
        input="yes\n",
        text=True,
        env={**clean_environ(), **aws},
        check=True,
        capture_output=True,
    )

    assert open_driver(engine_name, mine, aws).plan(mine / "saved.tfplan").has_changes


def test_state_that_s3_did_not_take_is_rescued_and_pushed_with_the_command_in_the_error(
    engine_name: str, folders: tuple[Path, Path], aws: dict[str, str]
) -> None:
    mine, _ = folders
    open_driver(engine_name, mine, aws).init()
    fguard = FguardLike.start(engine_name, mine, "apply", environ=aws)
    fguard.await_event("ProvisionOutput", address="terraform_data.slow")
    everything = s3(aws)
    for key in keys(aws):
        everything.delete_object(Bucket=BUCKET, Key=key)
    everything.delete_bucket(Bucket=BUCKET)
    go_on(mine)

    assert fguard.await_exit() == 1
    error = fguard.error()
    assert error["type"] == StateNotSavedError.__name__
    assert "Terraform rescued the state into that file" in error["why"]

    everything.create_bucket(Bucket=BUCKET)
    command = error["fix"].split(": ", 1)[1].split(" and delete ")[0]
    subprocess.run(shlex.split(command), env={**clean_environ(), **aws}, check=True, capture_output=True)
    (mine / "errored.tfstate").unlink()

    assert len(open_driver(engine_name, mine, aws).state_resources()) == 5
