"""Whatever stops fguard, and whenever: no lock stays, no finished resource is lost, the same command completes."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fguard_process import Fguard

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

TO_THE_GROUP = "SIGINT to the group"
STOPS: dict[str, tuple[signal.Signals, int]] = {
    TO_THE_GROUP: (signal.SIGINT, 130),
    "SIGINT": (signal.SIGINT, 130),
    "SIGTERM": (signal.SIGTERM, 143),
    "SIGHUP": (signal.SIGHUP, 143),
    "SIGKILL": (signal.SIGKILL, -9),
}
PATIENCE = 240.0
WHILE_THE_LOAD_BALANCER_IS_MADE = 0
"""What the first interrupt left to do begins with the load balancer, which takes a minute."""


@pytest.mark.parametrize("engine", ["terraform on PATH", "embedded"])
@pytest.mark.parametrize("stop", STOPS)
def test_plan_apply_and_destroy_survive(
    stop: str, engine: str, quickstart: Fguard, client: Callable[[str], Any]
) -> None:
    environ = {**quickstart.environ, **({"FGUARD_TERRAFORM": "embedded"} if engine == "embedded" else {})}
    interrupted = Interrupted(type(quickstart)(quickstart.folder, environ), stop)

    interrupted.run("deploy", "--yes", while_="plan", after=0)
    interrupted.run("deploy", "--yes", while_="apply", after=12)
    if stop != "SIGKILL":  # then Terraform went on to the end
        interrupted.run("deploy", "--yes", while_="apply", after=WHILE_THE_LOAD_BALANCER_IS_MADE)
    finished = interrupted.fguard("deploy", "--yes", timeout=600)
    assert finished.exit_code == 0, finished.stderr

    interrupted.run("destroy", "--yes", while_="apply", after=6)
    removed = interrupted.fguard("destroy", "--yes", "--json", timeout=600)
    assert removed.exit_code == 0, removed.stderr
    assert removed.document["leftovers"] == []
    assert client("secretsmanager").list_secrets()["SecretList"] == []


class Interrupted:
    """Runs commands and stops each in the middle."""

    def __init__(self, fguard: Fguard, stop: str) -> None:
        self.fguard = fguard
        self._stop = stop
        self._folder = fguard.folder / ".fguard" / "quickstart"

    def run(self, *arguments: str, while_: str, after: int) -> None:
        """Run a command, stop it while Terraform has finished ``after`` resources, and check what is left."""
        before = set(self._logs(while_))
        process = self.fguard.start(*arguments, start_new_session=True)
        wait_until(
            lambda: self._finished(while_, before, after) or process.poll() is not None, f"{while_} is under way"
        )
        assert process.poll() is None, process.communicate()
        self._send(process.pid)
        _, told = process.communicate(timeout=PATIENCE)
        assert process.returncode == STOPS[self._stop][1], told
        wait_until(self._no_terraform, "Terraform has ended", PATIENCE)
        self._nothing_lost(set(self._logs(while_)) - before, removing=arguments[0] == "destroy")
        assert not (self._folder / "terraform" / ".terraform.tfstate.lock.info").exists()

    def _send(self, pid: int) -> None:
        number = STOPS[self._stop][0]
        if self._stop == TO_THE_GROUP:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)

    def _logs(self, command: str) -> list[Path]:
        return sorted((self._folder / "logs").glob(f"*-{command}.jsonl"))

    def _finished(self, command: str, before: set[Path], after: int) -> bool:
        logs = set(self._logs(command)) - before
        return any(log.stat().st_size and len(completed(log)) >= after for log in logs)

    def _no_terraform(self) -> bool:
        lock = self._folder / "logs" / "running.lock"
        return not lock.exists() or not alive(json.loads(lock.read_text() or '{"pid": 0}')["pid"])

    def _nothing_lost(self, logs: set[Path], *, removing: bool) -> None:
        in_state = addresses(self._folder / "terraform" / "terraform.tfstate")
        for log in logs:
            done = completed(log)
            assert not done & in_state if removing else done <= in_state


def completed(log: Path) -> set[str]:
    """Addresses that a run reported as finished."""
    done = set()
    for line in log.read_text().splitlines():
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if message.get("type") == "apply_complete" and message["hook"]["action"] != "read":
            done.add(message["hook"]["resource"]["addr"])
    return done


def addresses(state_file: Path) -> set[str]:
    """Addresses in a state file."""
    if not state_file.exists():
        return set()
    return {
        ".".join(filter(None, (resource.get("module"), resource["type"], resource["name"]))) + index(instance)
        for resource in json.loads(state_file.read_text())["resources"]
        if resource["mode"] == "managed"
        for instance in resource["instances"]
    }


def index(instance: dict[str, Any]) -> str:
    return f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return bool(pid)
