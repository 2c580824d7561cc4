"""``fguard images``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.definition_options import (
    IMAGES,
    DefinitionsArgument,
    ImageOptions,
    TemplateOptions,
    read_all,
)
from fargate_guard.cli.option_groups import with_option_groups
from fargate_guard.errors import ExitCode

if TYPE_CHECKING:
    from fargate_guard.workflows.image_report import ContainerImage

EXAMPLE = """\
printf '%s' '[{"name": "web", "image": "nginx:1.27", "entryPoint": ["nginx"]}]' > web.json
  fguard images web.json"""


@command("images", example=EXAMPLE)
@with_option_groups
def images(
    run: Invocation,
    task_definitions: DefinitionsArgument,
    lookup: ImageOptions,
    template: TemplateOptions,
    digests: Annotated[
        bool,
        typer.Option(
            "--digests", help="Look every image up, also where nothing of it is needed.", rich_help_panel=IMAGES
        ),
    ] = False,
) -> Result:
    """Show what each container runs, where that is known from (task definition, registry, cache, or by hand), and
    the digest that was inspected. Exit code 4 when one is not known.
    """
    from fargate_guard.workflows.image_report import documents, image_report, words

    sources = read_all(run, task_definitions, offline=lookup.offline)
    report: list[ContainerImage] = image_report(sources, lookup.lookup(run), template.parameters, digests=digests)
    unknown = [one for one in report if one.error is not None]
    return Result(
        {"containers": documents(report)},
        words(report),
        ExitCode.PREFLIGHT_REFUSED if unknown else ExitCode.DONE,
    )
