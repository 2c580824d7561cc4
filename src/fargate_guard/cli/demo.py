"""``fguard demo``."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.sandbox import require_sandbox
from fargate_guard.cli.terraform_options import MethodOption, TerraformOption
from fargate_guard.errors import ExitCode, FguardError
from fargate_guard.package_files import package_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.sandbox import Sandbox
    from fargate_guard.workflows.methods import Method

DEMO_KEY = "demo-access-key-that-works-nowhere"

ON_AWS = """\
The same on AWS, with credentials that boto3 finds:
  export SYSDIG_ACCESS_KEY=...      # Sysdig Secure: Integrations > Agent Installation
  fguard init                       # writes fguard.yaml; or start from examples/quickstart
  fguard deploy --method {method}
  fguard status
  fguard destroy"""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the demo."""

    title: str
    arguments: tuple[str, ...]
    expected: ExitCode = ExitCode.DONE


def story(method: Method) -> tuple[Step, ...]:
    """Return the commands of the demo, with Terraform or with CloudFormation."""
    chosen = ("--method", method.value)
    rendered = "The CloudFormation template" if method.value == "cloudformation" else "The Terraform"
    return (
        Step("What this machine has", ("doctor", *chosen)),
        Step(f"{rendered} that is applied, to read and keep", ("render", *chosen, "-o", "rendered")),
        Step("What would change (exit code 2: something would)", ("plan", *chosen), ExitCode.CHANGES_PENDING),
        Step("Deploy: VPC, orchestrator agent, instrumented workload", ("deploy", *chosen, "--yes")),
        Step("Verify with boto3 that ECS runs them", ("verify",)),
        Step("What is deployed and covered", ("status",)),
        Step(
            "Instrument a task definition by hand",
            ("instrument", "writer-to-bin.json", "--execution-role-supplied", "--diff"),
        ),
        Step("Take everything away and look for leftovers", ("destroy", "--yes")),
    )


@command("demo", example="fguard demo")
def demo(run: Invocation, method: MethodOption = None, terraform: TerraformOption = None) -> Result:
    """Show the whole story on the embedded AWS: deploy, verify, instrument, destroy; needs no account."""
    from fargate_guard.workflows.methods import Method, named_method

    chosen = named_method(method) if method else Method.TERRAFORM
    steps = story(chosen)
    require_sandbox()
    from fargate_guard.sandbox import NOTICE, Sandbox

    run.screen.title("fguard demo")
    run.screen.message(NOTICE)
    started = time.monotonic()
    with Sandbox.start() as sandbox, _quickstart(sandbox, terraform):
        ran = [_run_step(run, f"{number}/{len(steps)}", step) for number, step in enumerate(steps, start=1)]
    run.screen.success(f"\nAll of it in {time.monotonic() - started:.0f} seconds, simulated on this machine.")
    return Result({"simulated": True, "steps": ran}, ON_AWS.format(method=chosen.value))


@contextlib.contextmanager
def _quickstart(sandbox: Sandbox, terraform: str | None) -> Iterator[None]:
    """Work in a copy of the quickstart, in an environment that reaches the sandbox and nothing else."""
    from fargate_guard.sandbox.environment import UNSET

    folder = Path(tempfile.mkdtemp(prefix="fguard-demo-"))
    before, environ = Path.cwd(), dict(os.environ)
    try:
        shutil.copytree(package_folder("examples") / "quickstart", folder, dirs_exist_ok=True)
        os.chdir(folder)
        os.environ.update(sandbox.environment(os.environ), SYSDIG_ACCESS_KEY=DEMO_KEY)
        os.environ["XDG_CACHE_HOME"] = str(folder / ".cache")  # the demo leaves nothing behind
        for name in (*UNSET, "FGUARD_CONFIG", "FGUARD_REGION", "FGUARD_PROFILE"):
            os.environ.pop(name, None)
        if terraform:
            os.environ["FGUARD_TERRAFORM"] = terraform
        yield
    finally:
        os.environ.clear()
        os.environ.update(environ)
        os.chdir(before)
        shutil.rmtree(folder, ignore_errors=True)


def _run_step(run: Invocation, number: str, step: Step) -> dict[str, Any]:
    from fargate_guard.cli.main import run as run_fguard

    run.screen.title(f"\n[{number}] {step.title}")
    run.screen.message(f"$ fguard {' '.join(step.arguments)}")
    arguments = [
        *step.arguments,
        *(["--json"] if run.screen.json else []),
        *(["--quiet"] if run.screen.quiet else []),
    ]
    started = time.monotonic()
    output = io.StringIO() if run.screen.json else sys.stdout
    with contextlib.redirect_stdout(output):
        code = run_fguard(arguments)
    if code != step.expected:
        raise FguardError(
            f"the demo stopped: `fguard {' '.join(step.arguments)}` ended with exit code {code}",
            fix="run it again with --verbose and report what it prints",
            exit_code=ExitCode(code),
        )
    document = json.loads(output.getvalue()) if isinstance(output, io.StringIO) else None
    return {
        "command": list(step.arguments),
        "exit_code": code,
        "seconds": time.monotonic() - started,
        "document": document,
    }
