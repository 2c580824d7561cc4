"""``fguard init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.errors import UsageError


@command("init", example="fguard init --name training --region us-east-1 --sysdig-region us1 -o training.yaml")
def init(
    run: Invocation,
    name: Annotated[
        str | None, typer.Option(help="Name of the deployment: prefix and tag of every resource.")
    ] = None,
    sysdig_region: Annotated[str | None, typer.Option(help="Sysdig Secure region, such as us1 or eu1.")] = None,
    topology: Annotated[
        str, typer.Option(help="orchestrator, or direct for agents of 6.0.0 and later.")
    ] = "orchestrator",
    access_key_env: Annotated[
        str, typer.Option(help="Variable that holds the agent access key; fguard stores it in Secrets Manager.")
    ] = "SYSDIG_ACCESS_KEY",
    secret_arn: Annotated[str | None, typer.Option(help="Secrets Manager ARN of the agent access key.")] = None,
    vpc_id: Annotated[str | None, typer.Option(help="An existing VPC [a new one].")] = None,
    subnet_id: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A subnet of that VPC; repeat it.")
    ] = None,
    task_definition: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="A task definition file to deploy; repeat it.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("fguard.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> Result:
    """Write a commented fguard.yaml; asks on a terminal, takes flags elsewhere."""
    from fargate_guard.workflows.init import Answers, write_configuration

    answers = Answers(
        name=name or _ask(run, "Name of the deployment", "--name", default="fguard"),
        region=run.region
        or run.environ.get("AWS_REGION")
        or _ask(run, "AWS Region", "--region", default="us-east-1"),
        sysdig_region=sysdig_region or _ask(run, "Sysdig Secure region", "--sysdig-region", default="us1"),  # type: ignore[arg-type]
        topology=_one_of("--topology", topology, ("orchestrator", "direct")),
        access_key_env=access_key_env,
        secret_arn=secret_arn,
        vpc_id=vpc_id,
        subnet_ids=tuple(subnet_id or ()),
        task_definitions=tuple(task_definition or ()),
    )
    write_configuration(output, answers, overwrite=force)
    for file in answers.task_definitions:
        if not (output.parent / file).exists():
            run.screen.warning(f"there is no {output.parent / file} yet; deploy needs it")
    run.screen.success(f"wrote {output}")
    run.screen.message("next: fguard doctor, then fguard plan")
    return Result({"path": str(output)})


def _ask(run: Invocation, question: str, flag: str, *, default: str) -> str:
    if not (run.screen.stdin.isatty() and run.screen.stderr.isatty()):
        raise UsageError(
            f"{flag} is missing, and there is no terminal to ask on",
            fix=f"add {flag}, for example {flag} {default}",
        )
    return str(typer.prompt(question, default=default, err=True))


def _one_of(flag: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise UsageError(f"{flag} is {value!r}", fix=f"use one of: {', '.join(allowed)}")
    return value
