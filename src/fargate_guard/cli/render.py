"""``fguard render``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.terraform_options import (
    DEFAULT_LOCK_TIMEOUT,
    MethodOption,
    open_deployment,
)
from fargate_guard.errors import UsageError

if TYPE_CHECKING:
    from fargate_guard.workflows.context import Context

FRESH = "Without fguard.yaml"

EXAMPLE = """\
fguard render -c examples/quickstart/fguard.yaml -o ./rendered
  fguard render --workload web.json --sysdig-region us1 --region us-east-1 -o ./fresh"""


@command("render", example=EXAMPLE)
def render(
    run: Invocation,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write.")],
    method: MethodOption = None,
    workload: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Render for this task definition alone, and write the fguard.yaml for it beside the module.",
            rich_help_panel=FRESH,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of that deployment [the file's].", rich_help_panel=FRESH)
    ] = None,
    sysdig_region: Annotated[
        str | None, typer.Option(help="Sysdig Secure region, such as us1 or eu1.", rich_help_panel=FRESH)
    ] = None,
) -> Result:
    """Write the Terraform root module, readable and usable without fguard; needs no AWS account.

    With --method cloudformation, the template and its parameters for `aws cloudformation deploy`. With --workload
    it needs no fguard.yaml either.
    """
    from fargate_guard.workflows.methods import Method, named_method

    stack = method is not None and named_method(method) is Method.CLOUDFORMATION
    if workload is not None:
        if stack:
            raise UsageError(
                "--workload renders Terraform only",
                fix="write a fguard.yaml for the template: fguard init",
            )
        return _render_fresh(run, workload, output, name, sysdig_region)
    if name or sysdig_region:
        raise UsageError("--name and --sysdig-region go with --workload", fix="set name and sysdig in fguard.yaml")
    context = open_deployment(run, None, DEFAULT_LOCK_TIMEOUT)
    write = _write_stack if stack else _write
    return Result({"directory": str(output), "files": write(run, context, output)})


def _write_stack(run: Invocation, context: Context, output: Path) -> list[str]:
    """Write template and parameters, and say what to do with them; returns the files."""
    from fargate_guard.workflows.module import unknown_access_key
    from fargate_guard.workflows.stack_deploy import render_stack
    from fargate_guard.workflows.stack_files import (
        PARAMETERS_FILE,
        missing_parameters,
        stack_files,
        write_stack_files,
    )

    access_key = context.config.sysdig.access_key
    reference = access_key.secret_arn or access_key.parameter_arn
    template = render_stack(context, access_key_value_from=reference or unknown_access_key(context.region))
    files = stack_files(context, template)
    write_stack_files(output, files)
    if not reference:
        run.screen.warning(
            f"{output}/{PARAMETERS_FILE} names a secret that does not exist: store the access key in Secrets "
            "Manager and put its ARN there, or let fguard deploy do both"
        )
    missing = missing_parameters(template)
    if missing:
        lacking = ", ".join(missing)
        run.screen.warning(f"{output}/{PARAMETERS_FILE} has no value for {lacking}; fguard deploy looks it up")
    run.screen.success(f"wrote {len(files)} files to {output}; README.md there says how to use them")
    return sorted(files)


def _write(run: Invocation, context: Context, output: Path) -> list[str]:
    """Write the module and say what to do with it; returns its files."""
    from fargate_guard.workflows.module import render_module, unknown_access_key

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
    return sorted(module.files)


def _render_fresh(
    run: Invocation, workload: Path, output: Path, name: str | None, sysdig_region: str | None
) -> Result:
    from fargate_guard.cli.progress import ProgressObserver
    from fargate_guard.config.sysdig import SysdigRegion
    from fargate_guard.workflows.fresh_module import before_the_folder_exists, fresh_context

    if run.config_given:
        raise UsageError(
            "--workload is for those without a fguard.yaml", fix="name the file under workloads in it"
        )
    if sysdig_region not in get_args(SysdigRegion):
        raise UsageError(
            f"--sysdig-region is {sysdig_region!r}" if sysdig_region else "--sysdig-region is missing",
            fix=f"use one of: {', '.join(get_args(SysdigRegion))}",
        )
    context, text = fresh_context(
        workload,
        output,
        name=name,
        sysdig_region=sysdig_region,  # type: ignore[arg-type]
        region=run.region,
        profile=run.profile,
        environ=run.environ,
        observer=ProgressObserver(run.screen),
    )
    files = _write(run, before_the_folder_exists(context, workload), output)
    context.config_file.write_text(text, encoding="utf-8")
    run.screen.success(f"wrote {context.config_file}; change it, and render again with -c {context.config_file}")
    return Result({"directory": str(output), "files": files, "configuration": str(context.config_file)})
