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
    from fargate_guard.workflows.module import render_module, unknown_access_key

    check_method(method)
    context = open_deployment(run, None, DEFAULT_LOCK_TIMEOUT)
    access_key = context.config.sysdig.access_key
    reference = access_key.secret_arn or access_key.parameter_arn
    module = render_module(context, access_key_value_from=reference or unknown_access_key(context.region))
    module.write(output)
    if not reference:
        run.screen.warning(
            f"{output}/terraform.tfvars.json names a secret that does not exist: store the access key in Secrets "
            "Manager and put its ARN there, or let fguard deploy do both"
        )
    run.screen.success(f"wrote {len(module.files)} files to {output}; README.md there says how to use them")
    return Result({"directory": str(output), "files": sorted(module.files)})
