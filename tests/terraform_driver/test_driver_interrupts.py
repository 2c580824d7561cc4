"""{SIGINT to the group, SIGINT, SIGTERM, SIGHUP, SIGKILL} x {plan, apply, destroy} x {binary, embedded}.

Whatever happens to fguard: the lock is released, every finished resource is in the state, no Terraform stays
behind, and the same command run again completes.
"""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from tests.terraform_driver.driver_harness import (
    ANY_MOMENT,
    EVERYTHING,
    FguardLike,
    SlowStateServer,
    group_exists,
    lock_is_free,
    resources_in_state,
    slow_for,
    until,
    write_chain,
    write_slow_plan,
)
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STOPS = {
    "SIGINT to the group": (signal.SIGINT, 130),
    "SIGINT": (signal.SIGINT, 130),
    "SIGTERM": (signal.SIGTERM, 143),
    "SIGHUP": (signal.SIGHUP, 143),
}


@pytest.fixture
def state_server() -> Iterator[SlowStateServer]:
    with SlowStateServer() as server:
        yield server


def send(fguard: FguardLike, stop: str) -> int:
    """Send the signal; returns the exit code that fguard must end with."""
    number, exit_code = STOPS[stop]
    if stop.endswith("group"):
        os.killpg(fguard.process.pid, number)
    else:
        os.kill(fguard.process.pid, number)
    return exit_code


def assert_nothing_left(fguard: FguardLike) -> None:
    assert not [event for event in fguard.events() if "Two interrupts" in event["message"]]
    pids = fguard.terraform_pids()
    wait_until(lambda: not any(map(group_exists, pids)), f"Terraform {pids} and its children are gone")
    assert lock_is_free(fguard.module)
    assert not list((fguard.module / "logs").glob("*.tfvars.json"))


def run_to_the_end(engine_name: str, module: Path, command: str) -> FguardLike:
    fguard = FguardLike.start(engine_name, module, command)
    assert fguard.await_exit() == 0, fguard.errors.read_text()
    return fguard


@pytest.mark.parametrize("stop", STOPS)
def test_stopped_plan_changes_nothing_and_can_be_repeated(
    engine_name: str, module: Path, state_server: SlowStateServer, stop: str
) -> None:
    write_slow_plan(module, state_server.address)
    fguard = FguardLike.start(engine_name, module, "plan")
    wait_until(state_server.asked.is_set, "plan is under way")

    exit_code = send(fguard, stop)
    fguard.await_event("Notice", level="warning")
    assert fguard.process.poll() is None, "fguard went away before Terraform had ended"
    state_server.may_answer.set()

    assert fguard.await_exit() == exit_code
    assert "nothing was changed" in fguard.error()["why"]
    assert not (module / "saved.tfplan").exists()
    assert_nothing_left(fguard)
    run_to_the_end(engine_name, module, "plan")


@pytest.mark.parametrize("stop", STOPS)
def test_stopped_apply_keeps_what_is_finished_and_goes_on_next_time(
    engine_name: str, module: Path, stop: str
) -> None:
    write_chain(module, create=ANY_MOMENT)
    fguard = FguardLike.start(engine_name, module, "apply")
    fguard.await_event("ProvisionOutput", address="terraform_data.slow")

    assert send(fguard, stop) == fguard.await_exit()

    error = fguard.error()
    assert error["type"] == "Interrupted"
    assert "2 of 5 changes were made" in error["why"]
    assert "run the same command again" in error["fix"]
    assert {"first[0]", "first[1]"} <= resources_in_state(module) <= EVERYTHING
    assert_nothing_left(fguard)
    write_chain(module)
    run_to_the_end(engine_name, module, "apply")
    assert resources_in_state(module) == EVERYTHING


@pytest.mark.parametrize("stop", STOPS)
def test_stopped_destroy_forgets_only_what_is_gone_and_goes_on_next_time(
    engine_name: str, module: Path, deployed_chain: Path, stop: str
) -> None:
    shutil.copytree(deployed_chain, module, dirs_exist_ok=True)
    slow_for(module, ANY_MOMENT)
    fguard = FguardLike.start(engine_name, module, "destroy")
    fguard.await_event("ProvisionOutput", address="terraform_data.slow")

    assert send(fguard, stop) == fguard.await_exit()

    assert resources_in_state(module) == {"first[0]", "first[1]", "slow"}
    assert_nothing_left(fguard)
    slow_for(module, 0)
    run_to_the_end(engine_name, module, "destroy")
    assert resources_in_state(module) == set()


def test_killed_plan_ends_by_itself_and_the_next_one_waits_for_it(
    engine_name: str, module: Path, state_server: SlowStateServer
) -> None:
    write_slow_plan(module, state_server.address)
    fguard = FguardLike.start(engine_name, module, "plan")
    wait_until(state_server.asked.is_set, "plan is under way")

    os.kill(fguard.process.pid, signal.SIGKILL)
    fguard.await_exit()
    again = FguardLike.start(engine_name, module, "plan")
    notice = again.await_event("Notice")
    state_server.may_answer.set()

    assert f"A previous run (pid {fguard.terraform_pids()[0]}, terraform plan" in notice["message"]
    assert again.await_exit() == 0
    assert_nothing_left(fguard)
    assert_nothing_left(again)


def test_killed_apply_is_finished_by_terraform_and_the_next_one_waits_for_it(
    engine_name: str, module: Path
) -> None:
    gate = module / "go-on"
    write_chain(module, create=until(gate))
    fguard = FguardLike.start(engine_name, module, "apply")
    fguard.await_event("ProvisionOutput", address="terraform_data.slow")

    os.kill(fguard.process.pid, signal.SIGKILL)
    fguard.await_exit()
    again = FguardLike.start(engine_name, module, "apply")
    notice = again.await_event("Notice")
    gate.touch()

    assert f"pid {fguard.terraform_pids()[-1]}, terraform apply" in notice["message"]
    assert again.await_exit() == 0
    assert not [event for event in again.events() if event["type"] == "ResourceStarted"], "it had all been done"
    assert resources_in_state(module) == EVERYTHING
    assert_nothing_left(fguard)


def test_killed_destroy_is_finished_by_terraform_and_can_be_repeated(
    engine_name: str, module: Path, deployed_chain: Path
) -> None:
    shutil.copytree(deployed_chain, module, dirs_exist_ok=True)
    slow_for(module, 1)
    fguard = FguardLike.start(engine_name, module, "destroy")
    fguard.await_event("ProvisionOutput", address="terraform_data.slow")

    os.kill(fguard.process.pid, signal.SIGKILL)
    fguard.await_exit()
    run_to_the_end(engine_name, module, "destroy")

    assert resources_in_state(module) == set()
    assert_nothing_left(fguard)
