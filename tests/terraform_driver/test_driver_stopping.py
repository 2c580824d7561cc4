"""Stopping the driver in other ways than the matrix of signals: twice, from a thread, too early, by force."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from fargate_guard.errors import Interrupted
from fargate_guard.terraform.errors import TerraformKilledError
from fargate_guard.terraform.events import (
    CommandStarted,
    Event,
    Notice,
    PlannedChange,
    ProvisionOutput,
    ResourceCompleted,
    ResourceStarted,
    VersionReported,
)
from fargate_guard.terraform.interruption import after_end
from fargate_guard.terraform.process import Ended
from fargate_guard.terraform.run_log import ActiveRun, PreviousRunActiveError, RunLog
from tests.terraform_driver.driver_harness import (
    ANY_MOMENT,
    EVERYTHING,
    FguardLike,
    SlowStateServer,
    group_exists,
    lock_is_free,
    resources_in_state,
    until,
    write_chain,
    write_slow_plan,
)
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fargate_guard.terraform.driver import Driver

    OpenDriver = Callable[..., Driver]


def test_signals_in_one_second_are_one_request(module: Path) -> None:
    write_chain(module, create=ANY_MOMENT)
    fguard = FguardLike.start("embedded", module, "apply")
    fguard.await_event("ProvisionOutput", address="terraform_data.slow")

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM):
        os.kill(fguard.process.pid, number)

    assert fguard.await_exit() == 143
    assert [event["message"][:9] for event in fguard.events() if event.get("level") == "warning"] == ["Stopping:"]
    assert lock_is_free(module)


def test_second_request_makes_terraform_exit_at_once(engine_name: str, module: Path) -> None:
    with SlowStateServer() as never_answering:
        write_slow_plan(module, never_answering.address)
        fguard = FguardLike.start(engine_name, module, "plan")
        wait_until(never_answering.asked.is_set, "plan is under way")

        os.kill(fguard.process.pid, signal.SIGINT)
        fguard.await_event("Notice", level="warning")
        time.sleep(1.1)  # within the first second it would be the same wish
        os.kill(fguard.process.pid, signal.SIGINT)

        assert fguard.await_exit() == 130
        warnings = [event["message"] for event in fguard.events() if event.get("level") == "warning"]
        assert warnings[1].startswith("Second request to stop: Terraform was told to exit at once.")
        assert not group_exists(fguard.terraform_pids()[-1])


def test_second_request_names_what_may_be_lost() -> None:
    events = (
        PlannedChange(address="aws_vpc.a", action="create"),
        PlannedChange(address="aws_lb.b", action="create"),
        ResourceStarted(address="aws_vpc.a", action="create"),
        ResourceCompleted(address="aws_vpc.a", action="create"),
        ResourceStarted(address="aws_lb.b", action="create"),
    )
    ended = Ended(returncode=1, seconds=3, stopped_by=signal.SIGINT, interrupts=2)

    why = after_end("apply", ended, signal.SIGINT, events).why

    assert why is not None
    assert why.startswith("1 of 2 changes were made")
    assert why.endswith("perhaps in AWS but not in the state: aws_lb.b")


def test_driver_in_a_thread_is_interrupted_by_its_method(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module, create=ANY_MOMENT)
    under_way = threading.Event()
    raised: list[BaseException] = []

    def look(event: Event) -> None:
        if isinstance(event, ProvisionOutput):
            under_way.set()

    driver = open_driver(observer=look)

    def work() -> None:
        try:
            driver.apply(driver.plan(module / "saved.tfplan").path)
        except Interrupted as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert under_way.wait(60)
    driver.interrupt()
    thread.join(60)

    assert "2 of 5 changes" in str(getattr(raised[0], "why", ""))
    assert lock_is_free(module)


def test_request_before_the_start_starts_nothing(
    open_driver: OpenDriver, module: Path, events: list[Event]
) -> None:
    write_chain(module)
    driver = open_driver(observer=events.append)
    driver.interrupt()

    with pytest.raises(Interrupted, match="before terraform plan was started"):
        driver.plan(module / "saved.tfplan")

    assert not [event for event in events if isinstance(event, CommandStarted)]
    assert driver.plan(module / "saved.tfplan").has_changes, "the request was met once, not for ever"


def test_signal_handlers_are_restored(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    during: list[object] = []
    driver = open_driver(observer=lambda _: during.append(signal.getsignal(signal.SIGTERM)))

    driver.plan(module / "saved.tfplan")

    assert [signal.getsignal(number) for number in numbers] == before
    assert before[1] not in during


def test_ignored_signal_stays_ignored(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module)

    def hang_up(event: Event) -> None:
        if isinstance(event, CommandStarted):
            os.kill(os.getpid(), signal.SIGHUP)

    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert open_driver(observer=hang_up).plan(module / "saved.tfplan").has_changes
    finally:
        signal.signal(signal.SIGHUP, former)


def test_terraform_killed_by_something_else_is_explained_and_leaves_no_children(
    open_driver: OpenDriver, module: Path, events: list[Event]
) -> None:
    write_chain(module, create=30)

    def look(event: Event) -> None:
        is_first_output = not any(isinstance(seen, ProvisionOutput) for seen in events)
        events.append(event)
        if isinstance(event, ProvisionOutput) and is_first_output:
            os.kill(next(e.pid for e in reversed(events) if isinstance(e, CommandStarted)), signal.SIGKILL)

    driver = open_driver(observer=look)
    plan = driver.plan(module / "saved.tfplan")
    with pytest.raises(TerraformKilledError) as killed:
        driver.apply(plan.path)

    assert killed.value.message == "Terraform was ended by SIGKILL (often the kernel, for want of memory)."
    assert set(killed.value.completed) == {"terraform_data.first[0]", "terraform_data.first[1]"}
    assert "locked" in str(killed.value.fix)
    pid = next(event.pid for event in reversed(events) if isinstance(event, CommandStarted))
    wait_until(lambda: not group_exists(pid), "the provisioner is gone")

    write_chain(module)
    again = open_driver()
    again.apply(again.plan(module / "saved.tfplan").path)
    assert resources_in_state(module) == EVERYTHING


@pytest.mark.parametrize("moment", ["at the start", "under way"])
def test_observer_that_fails_stops_terraform_cleanly(open_driver: OpenDriver, module: Path, moment: str) -> None:
    write_chain(module, create=30)
    pids: list[int] = []

    def look(event: Event) -> None:
        if isinstance(event, CommandStarted) and event.command == "apply":
            pids.append(event.pid)
        slow = isinstance(event, ResourceStarted) and event.address == "terraform_data.slow"
        if slow or (pids and moment == "at the start"):
            raise BrokenPipeError("the screen went away")

    driver = open_driver(observer=look)
    plan = driver.plan(module / "saved.tfplan")
    with pytest.raises(BrokenPipeError):
        driver.apply(plan.path)

    assert not group_exists(pids[0])
    assert lock_is_free(module)
    if moment == "under way":
        assert {"first[0]", "first[1]"} <= resources_in_state(module)


def test_a_request_that_comes_while_terraform_begins_is_heeded(
    open_driver: OpenDriver, module: Path, events: list[Event]
) -> None:
    write_chain(module, create=30)

    def look(event: Event) -> None:
        events.append(event)
        if isinstance(event, VersionReported):
            driver.interrupt()

    plan = open_driver().plan(module / "saved.tfplan")
    driver = open_driver(observer=look)
    with pytest.raises(Interrupted):
        driver.apply(plan.path)

    assert "last[0]" not in resources_in_state(module)
    assert lock_is_free(module)


def test_two_drivers_on_one_folder_take_turns(open_driver: OpenDriver, module: Path, events: list[Event]) -> None:
    gate = module / "go-on"
    write_chain(module, create=until(gate))
    first = FguardLike.start("embedded", module, "apply")
    first.await_event("ProvisionOutput", address="terraform_data.slow")

    with pytest.raises(PreviousRunActiveError) as refused:
        open_driver(previous_run_timeout=0).plan(module / "other.tfplan")
    assert f"kill -INT {first.terraform_pids()[-1]}" in str(refused.value.fix)

    def go_on(event: Event) -> None:
        events.append(event)
        if isinstance(event, Notice):
            gate.touch()

    plan = open_driver(observer=go_on).plan(module / "other.tfplan")
    assert [event.message[:14] for event in events if isinstance(event, Notice)] == ["A previous run"]
    assert not plan.has_changes
    assert first.await_exit() == 0


def test_lock_inherited_by_a_process_that_outlives_terraform_does_not_block(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "logs")
    log.create()
    with log.exclusive(wait_seconds=0, on_wait=lambda _: True) as leaked:
        gone = 2**22 + 1
        log.record(leaked, ActiveRun(gone, "apply", "2026-01-01T00:00:00", "x"))

        with log.exclusive(wait_seconds=5, on_wait=lambda _: True):
            pass
