"""Starts, finds and stops a sandbox that runs in the background."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fargate_guard.errors import FguardError, UsageError
from fargate_guard.sandbox import state_file
from fargate_guard.sandbox.loopback import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fargate_guard.sandbox.state_file import Running

START_SECONDS = 60.0
STOP_SECONDS = 10.0
ANSWER_SECONDS = 10.0
POLL_SECONDS = 0.05
DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Started:
    """What :meth:`BackgroundSandbox.start` found or did."""

    running: Running
    already: bool
    """It was running before."""


@dataclass(frozen=True, slots=True)
class BackgroundSandbox:
    """The one background sandbox that a state file stands for."""

    state_file: Path
    """Injected: the command line knows the user's folders."""

    def start(
        self,
        environ: Mapping[str, str],
        *,
        host: str = LOOPBACK,
        port: int = 0,
        region: str | None = None,
        speed: float = 1.0,
    ) -> Started:
        """Start it unless it runs, and wait until it answers.

        :param environ: the process's environment; AWS settings are left out.
        :param region: None takes the running sandbox's, or :data:`DEFAULT_REGION`.
        :raises UsageError: for any other host than 127.0.0.1, or when another port or region is asked for than
            the running sandbox has.
        :raises FguardError: when it does not come up, with what it printed.
        """
        if host != LOOPBACK:
            message = f"The sandbox listens on {LOOPBACK} only, not on {host}."
            raise UsageError(message, why="It accepts every caller, so it must not be reachable from elsewhere.")
        with self._lock():
            running = self.find()
            if running is not None:
                _refuse_another(running, port, region)
                return Started(running, already=True)
            return Started(
                self._launch(environ, port=port, region=region or "us-east-1", speed=speed), already=False
            )

    def find(self) -> Running | None:
        """Return the sandbox that runs; None when there is none, whatever the state file says.

        A file left behind by a killed sandbox is recognised by asking: nobody answers at its endpoint, or
        someone else does, even if its process ID has been given to another process.
        """
        running = state_file.read(self.state_file)
        if running is None:
            return None
        report = _ask(running)
        if report is not None and report.get("pid") == running.pid:
            return running
        state_file.remove(self.state_file, running)
        return None

    def report(self) -> dict[str, Any] | None:
        """Return what runs in the sandbox and for how long it has been up; None when there is none."""
        running = self.find()
        return None if running is None else _ask(running)

    def stop(self) -> Running | None:
        """Stop it and wait until it is gone; None when none was running.

        :raises FguardError: when it is still there afterwards.
        """
        with self._lock():
            running = self.find()
            if running is None:
                return None
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(running.pid, number)
                if _wait_until_gone(running):
                    state_file.remove(self.state_file, running)
                    return running
        message = f"The sandbox (process {running.pid}) does not stop."
        raise FguardError(message, where=running.endpoint, fix=f"kill -9 {running.pid}")

    def _launch(self, environ: Mapping[str, str], *, port: int, region: str, speed: float) -> Running:
        log = self.state_file.with_suffix(".log")
        options = {"--port": port, "--region": region, "--speed": speed, "--state-file": self.state_file}
        arguments = [str(part) for option in options.items() for part in option]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "fargate_guard.sandbox.server", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={k: v for k, v in environ.items() if not k.startswith(("AWS_", "MOTO_"))},
                start_new_session=True,
            )
        try:
            running = self._wait_until_it_answers(process)
        except BaseException:  # interrupted: nobody would know that it runs
            process.kill()
            process.wait()
            raise
        if running is not None:
            return running
        process.kill()
        process.wait()
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        message = "The sandbox did not start."
        raise FguardError(message, where=str(log), why="\n".join(said) or "it printed nothing")

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> Running | None:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            running = state_file.read(self.state_file)
            if running is not None and running.pid == process.pid and _ask(running) is not None:
                return running
            time.sleep(POLL_SECONDS)
        return None

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """One start or stop at a time."""
        folder = self.state_file.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / f"{self.state_file.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _refuse_another(running: Running, port: int, region: str | None) -> None:
    if port not in (0, urlsplit(running.endpoint).port):
        message = f"A sandbox is already running, but not on port {port}."
        raise UsageError(message, where=running.endpoint, fix="fguard sandbox stop")
    if region not in (None, running.region):
        message = f"A sandbox is already running, for the region {running.region}, not {region}."
        raise UsageError(message, where=running.endpoint, fix="fguard sandbox stop")


def _ask(running: Running) -> dict[str, Any] | None:
    """Return the sandbox's own report; None when nobody, or someone else, answers at its endpoint."""
    parts = urlsplit(running.endpoint)
    connection = http.client.HTTPConnection(parts.hostname or LOOPBACK, parts.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/_fguard/status")
        document = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return document if isinstance(document, dict) else None


def _wait_until_gone(running: Running) -> bool:
    """Closing its port is the last thing a sandbox does; its process ID may linger unreaped."""
    parts = urlsplit(running.endpoint)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection((parts.hostname, parts.port), timeout=ANSWER_SECONDS).close()
        except ConnectionRefusedError:
            return True
        except OSError:  # reset while it closes: look again
            pass
        time.sleep(POLL_SECONDS)
    return False
