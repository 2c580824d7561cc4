"""``fguard instrument --format terraform-external``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from fargate_guard.cli.command import Invocation, Result
from fargate_guard.errors import UsageError

if TYPE_CHECKING:
    from fargate_guard.cli.definition_options import OutputOptions
    from fargate_guard.workflows.image_lookup import ImageLookup
    from fargate_guard.workflows.instrumentation import FileSettings
    from fargate_guard.workflows.instrumenting import Handling


def answer_terraform(
    run: Invocation,
    names: list[str],
    output: OutputOptions,
    settings: FileSettings,
    lookup: ImageLookup,
    handling: Handling,
) -> Result:
    """Answer one query of Terraform's external data source: standard input to standard output.

    :raises TaskDefinitionError: the containers cannot be instrumented; Terraform shows the message and stops.
    """
    from fargate_guard.taskdef import TaskDefinitionError
    from fargate_guard.workflows.definition_files import Refused, change_all
    from fargate_guard.workflows.definition_inputs import STANDARD_INPUT, Input, Kind
    from fargate_guard.workflows.instrumenting import Instrumenting
    from fargate_guard.workflows.terraform_external import answer, read_query

    alone = not (output.destination.writes or output.diff or output.check or output.for_registration)
    if names not in ([], [STANDARD_INPUT]) or not alone or run.screen.json:
        raise UsageError(
            "--format terraform-external reads standard input and writes standard output, and nothing else",
            fix="leave out the files, --json and the options under Output but --strict",
        )
    query = read_query(run.screen.stdin.buffer.read().decode("utf-8"))
    if not query.names_role:
        settings = settings._replace(common=replace(settings.common, execution_role_supplied=True))
    one = Input(STANDARD_INPUT, Kind.STANDARD_INPUT, PurePath("query"))
    change = Instrumenting(settings, lookup, handling, alone=True)
    (outcome,) = change_all([one], lambda _: query.source, change)
    if isinstance(outcome, Refused):
        for error in outcome.errors[:-1]:
            run.screen.error(error)
        raise outcome.errors[-1]
    for remark in change.left_over():
        if isinstance(remark, TaskDefinitionError):
            raise remark
    for warning in outcome.warnings:  # type: ignore[union-attr]
        run.screen.warning(f"{warning.where}: {warning.message}")
    return Result({}, answer(outcome))  # type: ignore[arg-type]
