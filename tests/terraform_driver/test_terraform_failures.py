"""Every known way to fail, provoked with the real engine: a clear error with its fix."""

from __future__ import annotations

import re
import resource
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fargate_guard.terraform.driver import Driver
from fargate_guard.terraform.errors import (
    DiskFullError,
    NotInitializedError,
    ProviderUnavailableError,
    StateDamagedError,
    StateLockedError,
    StateNotSavedError,
    StateTooNewError,
    TerraformCrashedError,
    TerraformError,
)
from fargate_guard.terraform.run_log import RunLogUnwritableError
from tests.terraform_driver.driver_harness import FguardLike, clean_environ, until, write_chain

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.terraform.engine import Engine

    OpenDriver = Callable[..., Driver]

ONE_VPC = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  max_retries = 1
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}
"""

BIG_STATE = """
resource "terraform_data" "big" {
  input = join("", [for line in range(1000) : join("", [for column in range(100) : "x"])])
}
"""


def deploy(driver: Driver, module: Path) -> None:
    driver.apply(driver.plan(module / "saved.tfplan").path)


# -- the state ---------------------------------------------------------------------------------------------------


def test_lock_held_by_someone_else_names_who_since_when_and_how_to_unlock(
    open_driver: OpenDriver, engine: Engine, module: Path
) -> None:
    gate = module / "go-on"
    write_chain(module, create=until(gate))
    other = FguardLike.start("embedded", module, "apply")
    other.await_event("ProvisionOutput", address="terraform_data.slow")

    # A run log of its own stands for a fguard on another machine, where only Terraform's lock is seen.
    with pytest.raises(StateLockedError) as locked:
        open_driver(run_log_dir=module / "elsewhere", lock_timeout=0).plan(module / "other.tfplan")

    gate.touch()
    error = locked.value
    assert error.lock is not None
    assert re.fullmatch(r"\S+@\S+", error.lock.who)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", error.lock.created)
    assert error.message == f"The state is locked by {error.lock.who} since {error.lock.created}."
    assert error.where == "terraform.tfstate"
    assert "OperationTypeApply is running there" in str(error.why)
    unlock = shlex.join([*engine.command, f"-chdir={module}", "force-unlock", error.lock.id])
    assert str(error.fix).endswith(unlock)
    assert other.await_exit() == 0


def test_lock_timeout_waits_for_the_other_run(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module, create=1)
    other = FguardLike.start("embedded", module, "apply")
    other.await_event("ProvisionOutput", address="terraform_data.slow")

    plan = open_driver(run_log_dir=module / "elsewhere", lock_timeout=30).plan(module / "other.tfplan")

    assert not plan.has_changes, "the other run had done everything"
    assert other.await_exit() == 0


def test_state_of_a_newer_terraform(open_driver: OpenDriver, engine: Engine, module: Path) -> None:
    write_chain(module)
    (module / "terraform.tfstate").write_text('{"version": 5, "terraform_version": "3.0.0", "serial": 1}')
    driver = open_driver()

    for attempt in (lambda: driver.plan(module / "saved.tfplan"), driver.show_state, driver.outputs):
        with pytest.raises(StateTooNewError) as refused:
            attempt()
        assert "created by Terraform" in str(refused.value.why)
        assert engine.name in str(refused.value.fix)


def test_state_file_that_was_cut_off(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module)
    (module / "terraform.tfstate").write_text('{"version": 4, "terra')

    with pytest.raises(StateDamagedError) as refused:
        open_driver().plan(module / "saved.tfplan")

    assert "terraform.tfstate.backup" in str(refused.value.fix)


def test_disk_that_fills_up_during_apply_is_told_with_what_was_not_saved(
    open_driver: OpenDriver, module: Path
) -> None:
    (module / "main.tf").write_text(BIG_STATE)
    driver = open_driver()
    plan = driver.plan(module / "saved.tfplan")

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    try:
        with pytest.raises(StateNotSavedError) as failed:
            driver.apply(plan.path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    error = failed.value
    assert error.message.endswith("and the rescued state is incomplete.")
    assert error.where == str(module / "errored.tfstate")
    assert error.completed == ("terraform_data.big",)
    assert str(error.log) in str(error.fix)
    assert "terraform_data.big: Creation complete" in Path(str(error.log)).read_text()


def test_rescued_state_blocks_every_further_run_until_it_is_pushed(
    open_driver: OpenDriver, engine: Engine, module: Path
) -> None:
    write_chain(module)
    driver = open_driver()
    plan = driver.plan(module / "saved.tfplan")
    driver.apply(plan.path)
    (module / "terraform.tfstate").rename(module / "errored.tfstate")

    for attempt in (lambda: driver.plan(module / "other.tfplan"), lambda: driver.apply(plan.path)):
        with pytest.raises(StateNotSavedError) as refused:
            attempt()

    command = str(refused.value.fix).split(": ", 1)[1].split(" and delete ")[0]
    assert command == shlex.join(
        [*engine.command, f"-chdir={module}", "state", "push", str(module / "errored.tfstate")]
    )
    subprocess.run(shlex.split(command), check=True, capture_output=True)
    (module / "errored.tfstate").unlink()
    assert not driver.plan(module / "saved.tfplan").has_changes


def test_full_disk_is_noticed_before_anything_starts(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module)
    driver = open_driver(minimum_free_bytes=2**62)

    with pytest.raises(DiskFullError, match="no space left") as refused:
        driver.plan(module / "saved.tfplan")

    assert "nothing was started" in str(refused.value.why)


def test_run_log_that_cannot_be_written_starts_nothing(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module)
    (module / "file").touch()

    with pytest.raises(RunLogUnwritableError, match="nothing was started") as refused:
        open_driver(run_log_dir=module / "file" / "logs").plan(module / "saved.tfplan")

    assert refused.value.why == "Not a directory"


# -- Terraform itself --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "echo 'panic: runtime error: index out of range' >&2; echo 'goroutine 1 [running]:' >&2; exit 2",
            "index out of",
        ),
        ("echo '!!!!!!!!! TERRAFORM CRASH !!!!!!!!!' >&2; exit 11", "TERRAFORM CRASH"),
        ("exit 2", "exit code 2 without a message"),
    ],
)
def test_terraform_that_crashes_is_not_taken_for_a_plan_with_changes(
    open_driver: OpenDriver, engine: Engine, module: Path, tmp_path: Path, script: str, message: str
) -> None:
    from dataclasses import replace

    crashing = tmp_path / "terraform"
    crashing.write_text(f"#!/bin/sh\n{script}\n")
    crashing.chmod(0o755)

    with pytest.raises(TerraformCrashedError) as crashed:
        open_driver(engine=replace(engine, command=(str(crashing),))).plan(module / "saved.tfplan")

    assert message in str(crashed.value.why)


def test_mistake_in_the_configuration_keeps_summary_detail_and_source_line(
    open_driver: OpenDriver, module: Path
) -> None:
    (module / "main.tf").write_text('resource "terraform_data" "x" {\n  input = local.nothing\n}\n')

    with pytest.raises(TerraformError) as failed:
        open_driver().plan(module / "saved.tfplan")

    error = failed.value
    (diagnostic,) = error.diagnostics
    assert (error.message, error.where) == ("Reference to undeclared local value", "main.tf:2")
    assert error.why == f"{diagnostic.detail}\nin main.tf:2: input = local.nothing"


def test_failed_resource_is_named_with_its_address(open_driver: OpenDriver, module: Path) -> None:
    (module / "main.tf").write_text(
        'resource "terraform_data" "x" {\n  provisioner "local-exec" {\n    command = "exit 7"\n  }\n}\n'
    )

    with pytest.raises(TerraformError) as failed:
        deploy(open_driver(), module)

    assert (failed.value.message, failed.value.where) == ("local-exec provisioner error", "terraform_data.x")
    assert "exit status 7" in str(failed.value.why)


def test_folder_that_was_not_initialised(open_driver: OpenDriver, module: Path) -> None:
    (module / "main.tf").write_text(ONE_VPC)

    with pytest.raises(NotInitializedError) as refused:
        open_driver().plan(module / "saved.tfplan")

    assert "init" in str(refused.value.fix)


def test_provider_that_cannot_be_had_without_network(engine_name: str, module: Path, tmp_path: Path) -> None:
    from fargate_guard.terraform.engine import find_engine

    (module / "main.tf").write_text(ONE_VPC)
    environ = {**clean_environ(), "HTTPS_PROXY": "http://127.0.0.1:9", "HOME": str(tmp_path)}
    driver = Driver(module, engine=find_engine(engine_name, environ), environ=environ, run_log_dir=module / "logs")

    with pytest.raises(ProviderUnavailableError) as failed:
        driver.init()

    assert "hashicorp/aws" in str(failed.value.why)
    assert "HTTPS_PROXY" in str(failed.value.fix)
