"""``fguard uninstrument``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.definition_options import (
    CheckOption,
    DefinitionsArgument,
    DiffOption,
    InPlaceOption,
    OutputDirOption,
    OutputOption,
    run_on_definitions,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fargate_guard.taskdef import Json, Restored

EXAMPLE = """\
printf '%s' '[{"name": "web", "image": "nginx:1.27", "entryPoint": ["nginx"]}]' > web.json
  fguard instrument web.json --orchestrator-host orchestrator.internal --in-place
  fguard uninstrument web.json"""


@command("uninstrument", example=EXAMPLE)
def uninstrument(
    run: Invocation,
    task_definitions: DefinitionsArgument,
    output: OutputOption = None,
    output_dir: OutputDirOption = None,
    in_place: InPlaceOption = False,
    diff: DiffOption = False,
    check: CheckOption = False,
) -> Result:
    """Give instrumented task definitions their exact originals back, also after other parts were edited.

    What Sysdig's own tools instrumented is undone as far as it can be derived, and what is uncertain is said.
    """
    from fargate_guard import taskdef
    from fargate_guard.workflows.definition_files import Destination

    def change(_name: str, definition: Json, _together: Sequence[Json]) -> Restored:
        return taskdef.restore(definition)

    destination = Destination(output, output_dir, in_place)
    return run_on_definitions(run, task_definitions, change, destination, show_diff=diff, check=check)
