"""``fguard sandbox``: the embedded AWS as a background process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from fargate_guard.sandbox.background import BackgroundSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fguard_process import Fguard

LOOK = "import boto3; print(len(boto3.client('ec2').describe_vpcs()['Vpcs']))"


@pytest.fixture
def home(fguard: Fguard) -> Iterator[Fguard]:
    """``fguard`` with a home folder of its own; a sandbox left running is stopped."""
    clean = type(fguard)(fguard.folder, {**fguard.environ, "XDG_RUNTIME_DIR": ""})
    yield clean
    clean("sandbox", "stop")


def state_file(home: Fguard) -> Path:
    return home.folder / ".local" / "state" / "fguard" / "sandbox.json"


def started(home: Fguard, *arguments: str) -> dict[str, Any]:
    ran = home("sandbox", "start", "--json", *arguments)
    assert ran.exit_code == 0, ran.stderr
    return ran.document


def answers(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=5).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return False
    return True


def test_start_status_env_and_stop(home: Fguard) -> None:
    first = started(home)
    assert first["schema"] == "fguard.sandbox/v1"
    assert first["endpoint"].startswith("http://127.0.0.1:")
    assert answers(first["endpoint"])
    assert state_file(home).stat().st_mode & 0o777 == 0o600

    again = started(home)
    assert (again["pid"], again["endpoint"], again["already"]) == (first["pid"], first["endpoint"], True)

    elsewhere = home("sandbox", "start", "--region", "eu-central-1")
    assert elsewhere.exit_code == 64
    assert "already running, for the region us-east-1" in elsewhere.stderr

    exports = home("sandbox", "env").stdout
    looked = subprocess.run(
        ["sh", "-c", f'{exports}\nexec "$PYTHON" -c "$LOOK"'],
        env={"PATH": os.environ["PATH"], "PYTHON": sys.executable, "LOOK": LOOK, "AWS_PROFILE": "none-such"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert looked.stdout == "1\n", looked.stderr
    assert home("sandbox", "env", "--json").document["environment"]["AWS_ENDPOINT_URL"] == first["endpoint"]

    status = home("sandbox", "status")
    assert first["endpoint"] in status.stdout
    assert "simulated" in status.stdout
    assert home("sandbox", "status", "--json").document["tasks"]["running"] == 0

    stopped = home("sandbox", "stop", "--json")
    assert stopped.document.get("stopped") is True, stopped
    assert not answers(first["endpoint"])
    assert not state_file(home).exists()
    assert home("sandbox", "stop", "--json").document["stopped"] is False
    assert home("sandbox", "status").exit_code == 1


def test_it_says_what_is_simulated(home: Fguard) -> None:
    assert "No container and no agent runs in it" in home("sandbox", "start").stderr


def test_a_killed_sandbox_is_noticed_and_another_one_started(home: Fguard) -> None:
    killed = started(home)
    os.kill(killed["pid"], signal.SIGKILL)
    while answers(killed["endpoint"]):
        time.sleep(0.05)
    assert state_file(home).exists()
    assert home("sandbox", "status").exit_code == 1
    assert started(home)["pid"] != killed["pid"]


def test_a_process_id_that_someone_else_has_by_now_is_left_alone(home: Fguard) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        state_file(home).parent.mkdir(parents=True)
        stale = {"pid": bystander.pid, "endpoint": f"http://127.0.0.1:{port}", "region": "x", "started_at": 0}
        state_file(home).write_text(json.dumps(stale))
        assert home("sandbox", "stop", "--json").document["stopped"] is False
        assert bystander.poll() is None
        assert not state_file(home).exists()
        bystander.communicate(b"\n")


def test_another_sandbox_at_the_same_port_is_not_taken_for_ours(home: Fguard, tmp_path: Path) -> None:
    ours = started(home)
    other = tmp_path / "other" / "sandbox.json"
    other.parent.mkdir()
    other.write_text(json.dumps({"pid": 1, "endpoint": ours["endpoint"], "region": "x", "started_at": 0}))
    assert BackgroundSandbox(other).stop() is None
    assert answers(ours["endpoint"])


def test_two_starts_at_once_make_one_sandbox(home: Fguard) -> None:
    both = [home.start("sandbox", "start", "--json") for _ in range(2)]
    documents = [json.loads(process.communicate(timeout=60)[0]) for process in both]
    assert documents[0]["pid"] == documents[1]["pid"]
    assert sorted(document["already"] for document in documents) == [False, True]


def test_any_other_address_is_refused(home: Fguard) -> None:
    ran = home("sandbox", "start", "--host", "0.0.0.0")
    assert ran.exit_code == 64
    assert "127.0.0.1 only" in ran.stderr
    assert not state_file(home).exists()


def test_a_port_that_is_taken_is_told(home: Fguard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = home("sandbox", "start", "--port", str(taken.getsockname()[1]))
    assert ran.exit_code == 1
    assert "cannot listen on port" in ran.stderr


def test_env_without_a_sandbox_names_the_command_that_starts_one(home: Fguard) -> None:
    ran = home("sandbox", "env")
    assert ran.exit_code == 1
    assert ran.stdout == ""
    assert "fguard sandbox start" in ran.stderr
