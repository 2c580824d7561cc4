"""AWS's Session Manager plugin: the program that speaks to a session of ECS Exec, as the AWS CLI starts it.

It reads the session from a variable that its first argument names, so that the token is in nobody's list of
processes. It wants a terminal: without one it ends as soon as its input does
(https://github.com/aws/amazon-ssm-agent/issues/354), so it gets a pseudo-terminal of its own. Its exit code is 0
also where it failed; what it wrote tells. All this: session.go and shellsession_unix.go of
https://github.com/aws/session-manager-plugin.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fargate_guard.aws.exec_session import ExecSession

PROGRAM = "session-manager-plugin"
INSTALLATION = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
)
VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
OLDEST = (1, 2, 536, 0)
"""The first that reads the session from a variable: older ones take its token as an argument.
https://docs.aws.amazon.com/systems-manager/latest/userguide/plugin-version-history.html"""
VERSION_SECONDS = 20.0
"""Within which it says its version."""
CLOSING_SECONDS = 5.0
"""Within which it has to end once what was waited for has been seen."""
MOST_KEPT = 64 * 1024
"""Bytes of its output that are kept."""
_VERSION = re.compile(r"\d+(\.\d+){1,3}")
_LOOK_SECONDS = 0.2
_READ = 4096


@dataclass(frozen=True, slots=True)
class Plugin:
    """The program on this machine."""

    path: str
    version: tuple[int, ...]
    """Empty where it does not say one."""

    @property
    def is_new_enough(self) -> bool:
        """Whether it can be given a session without anybody else on this machine seeing the token."""
        return self.version >= OLDEST

    @property
    def refusal(self) -> str:
        """Why it is not used, where it is not new enough."""
        number = ".".join(map(str, self.version))
        return f"{PROGRAM} {number} is too old" if number else f"{PROGRAM} does not say which version it is"


@dataclass(frozen=True, slots=True)
class Ended:
    """One run of it."""

    output: str
    """What it and the command in the container wrote, without the session's token."""
    exit_code: int | None
    """None: it did not end in time, and was killed."""


def find_plugin(environ: Mapping[str, str]) -> Plugin | None:
    """Return the program that is in ``PATH``; None where there is none, or it cannot be run."""
    path = shutil.which(PROGRAM, path=environ.get("PATH"))
    if path is None:
        return None
    try:
        said = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=VERSION_SECONDS,
            check=False,
            env=dict(environ),
        )
    except subprocess.TimeoutExpired:
        return Plugin(path, ())
    except OSError:
        return None
    text = said.stdout.decode(errors="replace").strip()
    return Plugin(path, tuple(map(int, text.split("."))) if _VERSION.fullmatch(text) else ())


def run_session(
    plugin: Plugin,
    session: ExecSession,
    *,
    region: str,
    profile: str | None,
    endpoint: str,
    environ: Mapping[str, str],
    seconds: float,
    enough: Callable[[str], bool],
    closing: float = CLOSING_SECONDS,
) -> Ended:
    """Let the program speak to a session until it ends; whatever happens, nothing of it is left running.

    :param endpoint: of the Systems Manager API, to which it goes back when the connection breaks.
    :param environ: for the program; it signs with the credentials in it, or with those of the profile.
    :param seconds: after which it is killed.
    :param enough: told all that was written so far, whether that is all there will be.
    :param closing: how long it may take to end after that.
    """
    arguments = [plugin.path, VARIABLE, region, "StartSession", profile or ""]
    arguments += [json.dumps({"Target": session.target}), endpoint]
    terminal, its_side = os.openpty()
    try:
        try:
            process = subprocess.Popen(
                arguments,
                stdin=its_side,
                stdout=its_side,
                stderr=its_side,
                env={**environ, VARIABLE: session.response()},
                start_new_session=True,  # so that Ctrl-C reaches fguard alone, which ends it with all it started
            )
        finally:
            os.close(its_side)
        with _ended_at_last(process):
            written = _follow(process, terminal, time.monotonic() + seconds, enough, closing)
            exit_code = process.poll()
    finally:
        os.close(terminal)
    text = written.decode(errors="replace").replace("\r\n", "\n")
    return Ended(text.replace(session.token, "********").replace(session.stream_url, "********"), exit_code)


@contextlib.contextmanager
def _ended_at_last(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _follow(
    process: subprocess.Popen[bytes],
    terminal: int,
    deadline: float,
    enough: Callable[[str], bool],
    closing: float,
) -> bytes:
    """Return what it writes until it has ended, its time is up, or there is enough of it and it does not end."""
    written, satisfied = bytearray(), False
    while (left := deadline - time.monotonic()) > 0:
        over = process.poll() is not None  # asked before the look, so that what it wrote last is read
        ready, _, _ = select.select([terminal], [], [], 0 if over else min(left, _LOOK_SECONDS))
        piece = _read(terminal) if ready else b""
        written += piece[: MOST_KEPT - len(written)]
        if over and not piece:
            break
        if ready and not piece and not over:  # nobody has its terminal open any more; it is about to end
            _wait(process, min(left, _LOOK_SECONDS))
        if not satisfied and enough(written.decode(errors="replace")):
            satisfied, deadline = True, min(deadline, time.monotonic() + closing)
    return bytes(written)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, _READ)
    except OSError:  # Linux's way to say that the other side is closed
        return b""


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
