"""``fguard doctor``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.terraform_options import TerraformOption
from fargate_guard.errors import ExitCode


@command("doctor", example="fguard doctor -c examples/quickstart/fguard.yaml")
def doctor(
    run: Invocation,
    method: Annotated[
        str | None,
        typer.Option("--method", help="terraform or cloudformation, which needs no Terraform [terraform]."),
    ] = None,
    terraform: TerraformOption = None,
) -> Result:
    """Tell what this machine and account lack, each with its fix; exit 4 when something is missing."""
    from fargate_guard.workflows.doctor import Patient, examine
    from fargate_guard.workflows.methods import Method, named_method

    with_terraform = method is None or named_method(method) is Method.TERRAFORM
    patient = Patient(run.config_file, run.environ, run.region, run.profile, terraform, with_terraform)
    diagnoses = list(examine(patient))
    lines = []
    for diagnosis in diagnoses:
        lines.append(f"{'ok' if diagnosis.ok else 'MISSING':<8} {diagnosis.need}: {diagnosis.found}")
        lines += [f"         fix: {diagnosis.fix}"] if diagnosis.fix else []
    healthy = all(diagnosis.ok for diagnosis in diagnoses)
    return Result(
        {"diagnoses": [asdict(diagnosis) for diagnosis in diagnoses]},
        "\n".join(lines),
        ExitCode.DONE if healthy else ExitCode.PREFLIGHT_REFUSED,
    )
