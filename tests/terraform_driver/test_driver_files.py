"""The files that the driver writes and reads: private, and gone when they are no longer needed."""

from __future__ import annotations

import json
import logging
import stat
from typing import TYPE_CHECKING

import pytest

from fargate_guard.terraform.engine import Engine, EngineUnusableError
from fargate_guard.terraform.errors import TerraformError
from fargate_guard.terraform.events import (
    Event,
    VersionReported,
)
from tests.terraform_driver.driver_harness import write_chain
from tests.terraform_driver.test_driver_commands import OUTPUTS, deploy, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fargate_guard.terraform.driver import Driver

    OpenDriver = Callable[..., Driver]


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_of_state_and_backend_are_not_read_by_the_driver(open_driver: OpenDriver, module: Path) -> None:
    write(module, "this is no state {")
    (module / "terraform.tfstate").write_text("this is no state {")

    assert open_driver().version()


def test_variables_travel_in_a_private_file_that_is_gone_afterwards(open_driver: OpenDriver, module: Path) -> None:
    write(module, OUTPUTS)
    seen: list[tuple[int, dict[str, str]]] = []

    def look(event: Event) -> None:
        if isinstance(event, VersionReported):
            files = (module / "logs").glob("*.tfvars.json")
            seen.extend((permissions(path), json.loads(path.read_text())) for path in files)

    driver = open_driver(observer=look)
    plan = driver.plan(module / "saved.tfplan", variables={"secret": 'a"${b}%{c}\n é'})

    assert seen == [(0o600, {"secret": 'a"${b}%{c}\n é'})]
    assert driver.show_plan(plan.path)["variables"]["secret"]["value"] == 'a"${b}%{c}\n é'
    assert not list((module / "logs").glob("*.tfvars.json"))


def test_no_variables_means_no_file(open_driver: OpenDriver, module: Path) -> None:
    write(module, OUTPUTS)
    seen: list[Path] = []
    driver = open_driver(observer=lambda _: seen.extend((module / "logs").glob("*.tfvars.json")))

    driver.plan(module / "saved.tfplan", variables={})

    assert not seen


@pytest.mark.parametrize("broken", ["configuration", "engine", "observer"])
def test_variable_files_and_plans_never_outlive_a_failed_call(
    open_driver: OpenDriver, module: Path, engine: Engine, broken: str
) -> None:
    write(
        module,
        'resource "terraform_data" "x" { input = nothing.at.all }' if broken == "configuration" else OUTPUTS,
    )

    def fail(event: Event) -> None:
        if broken == "observer" and isinstance(event, VersionReported):
            raise BrokenPipeError("the screen went away")

    missing = Engine(("/nonexistent/terraform",), engine.version, engine.product, "requested")
    driver = open_driver(observer=fail, engine=missing if broken == "engine" else engine)
    expected = {
        "configuration": TerraformError,
        "engine": EngineUnusableError,
        "observer": BrokenPipeError,
    }[broken]

    with pytest.raises(expected):
        driver.plan(module / "saved.tfplan", variables={"secret": "hunter2"})

    assert not list((module / "logs").glob("*.tfvars.json"))
    assert not (module / "saved.tfplan").exists()


def test_variable_file_left_by_a_killed_run_is_swept_by_the_next(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module)
    (module / "logs").mkdir()
    left = module / "logs" / "variables-abc.tfvars.json"
    left.write_text('{"secret": "hunter2"}')

    open_driver().plan(module / "saved.tfplan")

    assert not left.exists()


def test_variables_are_not_logged(open_driver: OpenDriver, module: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(module, OUTPUTS)
    caplog.set_level(logging.DEBUG)

    open_driver().plan(module / "saved.tfplan", variables={"secret": "hunter2"})

    assert "hunter2" not in caplog.text


def test_everything_written_is_private(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module)
    driver = open_driver()
    deploy(driver, module)

    assert permissions(module / "logs") == 0o700
    written = [module / "saved.tfplan", module / "terraform.tfstate", *(module / "logs").iterdir()]
    assert {permissions(path) for path in written} == {0o600}


def test_old_run_logs_are_deleted(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module)
    driver = open_driver()
    (module / "logs").mkdir()
    for number in range(30):
        (module / "logs" / f"20200101T0000{number:02}-plan.jsonl").touch()
        (module / "logs" / f"20200101T0000{number:02}-plan.stderr").touch()

    driver.plan(module / "saved.tfplan")

    assert len(list((module / "logs").glob("*.jsonl"))) == 20
    assert len(list((module / "logs").glob("*.stderr"))) == 20
