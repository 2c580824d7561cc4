"""A first Terraform module for one task definition, for those who have no ``fguard.yaml`` yet."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fargate_guard.config import parse_config
from fargate_guard.config.types import Name
from fargate_guard.config.workload import Workload, workload_name
from fargate_guard.deployment import DeploymentFolder
from fargate_guard.errors import UsageError
from fargate_guard.workflows.context import Context, connect
from fargate_guard.workflows.init import Answers, configuration_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.config.sysdig import SysdigRegion
    from fargate_guard.workflows.observer import Observer

CONFIGURATION = "fguard.yaml"


def fresh_context(
    workload: Path,
    directory: Path,
    *,
    name: str | None,
    sysdig_region: SysdigRegion,
    region: str | None,
    profile: str | None,
    environ: Mapping[str, str],
    observer: Observer,
) -> tuple[Context, str]:
    """Return the context of a deployment of one workload, and the text of its configuration; nothing is written.

    :param workload: a task definition, JSON or YAML.
    :param directory: where module and configuration go.
    :param name: the deployment's name. Default: the workload's.
    :raises UsageError: there is a configuration in that folder already, or the name is none for a deployment.
    :raises ConfigError: another value does not fit.
    :raises RegionError: no AWS Region is known.
    """
    file = directory / CONFIGURATION
    if file.exists():
        raise UsageError(
            "there is a configuration already",
            where=str(file),
            fix=f"render it again: fguard render -c {file} -o {directory}",
        )
    aws = connect(None, region, profile, environ)
    relative = Path(os.path.relpath(workload.resolve(), directory.resolve())).as_posix()
    derived = workload_name(Workload(task_definition=relative))
    _check_name(name, derived, workload)
    answers = Answers(
        name=name or derived,
        region=aws.region,
        sysdig_region=sysdig_region,
        task_definitions=(relative,),
    )
    text = configuration_text(answers)
    config = parse_config(text, source=str(file))
    context = Context(
        config=config,
        config_file=file,
        folder=DeploymentFolder.of(file, config.name),
        aws=aws,
        environ=environ,
        observer=observer,
    )
    return context, text


def _check_name(given: str | None, derived: str, workload: Path) -> None:
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(Name).validate_python(given or derived)
    except ValidationError:
        why = "it is 2 to 24 lower-case letters, digits and hyphens, with a letter first and no hyphen last"
        if given:
            raise UsageError("--name is no name for a deployment", where=given, why=why, fix="change it") from None
        message = f"the file gives its deployment the name {derived!r}, and that is none"
        raise UsageError(message, where=str(workload), why=why, fix="add --name NAME") from None


def before_the_folder_exists(context: Context, workload: Path) -> Context:
    """Return the context with the workload's absolute path: a relative one leads through the folder."""
    (only,) = context.config.workloads
    absolute = only.model_copy(update={"task_definition": str(workload.resolve()), "name": workload_name(only)})
    return replace(context, config=context.config.model_copy(update={"workloads": [absolute]}))
