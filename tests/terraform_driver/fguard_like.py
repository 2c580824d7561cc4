"""Uses the driver the way fguard does, as a process of its own that tests can signal.

``python fguard_like.py ENGINE MODULE plan|apply|destroy [LOCK_TIMEOUT]``: events go to standard output as JSON
lines, an error to standard error as one JSON document; exits with the error's exit code.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fargate_guard.errors import FguardError
from fargate_guard.terraform.driver import Driver
from fargate_guard.terraform.engine import find_engine

if TYPE_CHECKING:
    from fargate_guard.terraform.events import Event


def main() -> int:
    """Run one command on one module."""
    engine, module, command = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    lock_timeout = float(sys.argv[4]) if len(sys.argv) > 4 else 60.0
    # Tests may run in a shell's background job or under nohup, which ignore these for all their children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        driver = Driver(
            module,
            engine=find_engine(engine, os.environ),
            environ=os.environ,
            run_log_dir=module / "logs",
            observer=report,
            lock_timeout=lock_timeout,
        )
        plan = driver.plan(module / "saved.tfplan", destroy=command == "destroy", variables={"secret": "hunter2"})
        if command != "plan":
            driver.apply(plan.path)
    except FguardError as error:
        document = {"type": type(error).__name__, "message": error.message, "why": error.why, "fix": error.fix}
        sys.stderr.write(json.dumps(document))
        return int(error.exit_code)
    return 0


def report(event: Event) -> None:
    """Write one event as a line."""
    line = {"type": type(event).__name__, "message": event.message}
    for name in ("address", "command", "pid", "level"):
        if hasattr(event, name):
            line[name] = getattr(event, name)
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
