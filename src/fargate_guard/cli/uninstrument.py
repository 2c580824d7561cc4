"""``fguard uninstrument``."""

from __future__ import annotations

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.definition_options import DefinitionsArgument, OutputOptions, TemplateOptions
from fargate_guard.cli.option_groups import with_option_groups

EXAMPLE = """\
printf '%s' '[{"name": "web", "image": "nginx:1.27", "entryPoint": ["nginx"]}]' > web.json
  fguard instrument web.json --orchestrator-host orchestrator.internal --in-place
  fguard uninstrument web.json"""


@command("uninstrument", example=EXAMPLE)
@with_option_groups
def uninstrument(
    run: Invocation, task_definitions: DefinitionsArgument, output: OutputOptions, template: TemplateOptions
) -> Result:
    """Give instrumented task definitions their exact originals back, also after other parts were edited.

    What Sysdig's own tools instrumented is undone as far as it can be derived, and what is uncertain is said.
    """
    from fargate_guard.cli.change_definitions import change_definitions
    from fargate_guard.workflows.definition_inputs import find_inputs
    from fargate_guard.workflows.instrumenting import Handling, Undoing
    from fargate_guard.workflows.user_folders import cache_folder

    handling = Handling(template.parameters, output.for_registration, output.strict, cache_folder(run.environ))
    inputs = find_inputs(task_definitions, without=output.output_dir)
    return change_definitions(run, inputs, Undoing(handling), output)
