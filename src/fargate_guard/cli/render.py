"""``fguard render``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.terraform_options import (
    DEFAULT_LOCK_TIMEOUT,
    MethodOption,
    check_method,
    open_deployment,
)


@command("render", example="fguard render -c examples/quickstart/fguard.yaml -o ./rendered")
def render(
    run: Invocation,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write.")],
    method: MethodOption = "terraform",
) -> Result:
    """Write the Terraform root module, readable and usable without fguard; needs no AWS account."""
    from fargate_guard.workflows.module import render_module

    check_method(method)
    context = open_deployment(run, None, DEFAULT_LOCK_TIMEOUT)
    module = render_module(context, access_key_value_from=None)
    module.write(output)
    run.screen.success(f"wrote {len(module.files)} files to {output}; README.md there says how to use them")
    return Result({"directory": str(output), "files": sorted(module.files)})
