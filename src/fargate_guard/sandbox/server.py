"""``python -m fargate_guard.sandbox.server``: the embedded AWS as a process of its own."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fargate_guard.errors import FguardError
from fargate_guard.sandbox.loopback import LOOPBACK
from fargate_guard.sandbox.sandbox import Sandbox
from fargate_guard.sandbox.state_file import Running, remove, write

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; the state file is there exactly while the sandbox answers."""
    parser = argparse.ArgumentParser(prog="fargate_guard.sandbox.server")
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--state-file", type=Path, required=True)
    options = parser.parse_args(arguments)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    try:
        sandbox = Sandbox.start(host=options.host, port=options.port, region=options.region, speed=options.speed)
    except FguardError as error:
        sys.stderr.write(f"{error.message} {error.why or ''}\n")
        return error.exit_code
    running = Running(os.getpid(), sandbox.endpoint, sandbox.region, time.time())
    write(options.state_file, running)
    stopping.wait()
    remove(options.state_file, running)
    sandbox.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
