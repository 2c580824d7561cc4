"""A Lambda function's package, run as Lambda runs it: by its handler, in a clean Python process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.resource_type import FunctionPackage

Json = Any
BOOT = """
import importlib, json, os, signal, sys, time, traceback
package, answer = sys.argv[1], int(sys.argv[2])
request = json.load(sys.stdin)
sys.path.insert(0, package)
class Context:
    def __init__(self, fields, deadline):
        self.__dict__.update(fields)
        self._deadline = deadline
    def get_remaining_time_in_millis(self):
        return max(0, int((self._deadline - time.monotonic()) * 1000))
signal.setitimer(signal.ITIMER_REAL, request["timeout"])
signal.signal(signal.SIGALRM, signal.SIG_DFL)
context = Context(request["context"], time.monotonic() + request["timeout"])
try:
    module, name = request["handler"].rsplit(".", 1)
    handler = getattr(importlib.import_module(module.replace("/", ".")), name)
    result = {"payload": handler(request["event"], context)}
    text = json.dumps(result)
except BaseException as error:
    print(f"[ERROR] {type(error).__name__}: {error}")
    traceback.print_exc(file=sys.stdout)
    lines = traceback.format_tb(error.__traceback__)
    failure = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": lines}
    text = json.dumps({"error": failure})
with open(answer, "wb", closefd=False) as file:
    file.write(text.encode())
"""
LONGEST_START_SECONDS = 10.0
"""What a process may take to start, on top of the function's time-out: Lambda does not count it either. The
time-out itself is an alarm within the process, which handlers have no reason to catch."""


@dataclass(frozen=True, slots=True)
class Run:
    """How a function ended."""

    payload: Json
    """What the handler returned; None after an error."""
    error: dict[str, Json] | None
    """``errorMessage``, ``errorType`` and, from Python, ``stackTrace``
    (https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html)."""
    log: str
    """What it printed."""


def run_function(package: FunctionPackage, event: Json, *, request_id: str, function_arn: str) -> Run:
    """Call the handler with an event, and wait for it as long as the function's time-out allows.

    The process has the standard library and the package, nothing of this one's environment or libraries.
    """
    request = {
        "event": event,
        "handler": package.handler,
        "timeout": package.timeout_seconds,
        "context": _context(package, request_id, function_arn),
    }
    with tempfile.TemporaryDirectory(prefix="fguard-function-") as folder:
        path = Path(folder, "package.zip")
        path.write_bytes(package.zip_file)
        answer = Path(folder, "answer")
        with answer.open("wb") as descriptor:
            log, ended = _process(package, path, json.dumps(request), descriptor.fileno())
        text = answer.read_text(encoding="utf-8")
    return _outcome(package, text, log, request_id, ended=ended)


def _context(package: FunctionPackage, request_id: str, function_arn: str) -> dict[str, Json]:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-context.html."""
    return {
        "function_name": package.name,
        "function_version": "$LATEST",
        "invoked_function_arn": function_arn,
        "memory_limit_in_mb": str(package.memory_mib),
        "aws_request_id": request_id,
        "log_group_name": f"/aws/lambda/{package.name}",
        "log_stream_name": request_id,
        "identity": None,
        "client_context": None,
    }


def _process(package: FunctionPackage, path: Path, request: str, descriptor: int) -> tuple[str, bool]:
    """Return what the process printed and whether it ended in time."""
    arguments = [sys.executable, "-I", "-S", "-u", "-c", BOOT, str(path), str(descriptor)]
    environment = {**_lambda_environment(package), **package.environment}
    try:
        done = subprocess.run(
            arguments,
            input=request,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(descriptor,),
            env=environment,
            cwd=path.parent,
            timeout=package.timeout_seconds + LONGEST_START_SECONDS,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        printed = error.stdout or ""
        return printed if isinstance(printed, str) else printed.decode("utf-8", "replace"), False
    return done.stdout, done.returncode != -signal.SIGALRM


def _lambda_environment(package: FunctionPackage) -> dict[str, str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "_HANDLER": package.handler,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{package.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": package.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(package.memory_mib),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    }


def _outcome(package: FunctionPackage, text: str, log: str, request_id: str, *, ended: bool) -> Run:
    if not ended:
        message = f"RequestId: {request_id} Error: Task timed out after {package.timeout_seconds:.2f} seconds"
        return Run(None, {"errorMessage": message, "errorType": "Sandbox.Timedout"}, f"{log}{message}\n")
    if not text:
        message = f"RequestId: {request_id} Error: Runtime exited without providing a reason"
        return Run(None, {"errorMessage": message, "errorType": "Runtime.ExitError"}, f"{log}{message}\n")
    document = json.loads(text)
    return Run(document.get("payload"), document.get("error"), log)
