"""``fguard instrument``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fargate_guard.cli.agent_options import AgentOptions
from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.definition_options import (
    IMAGES,
    DefinitionsArgument,
    ImageOptions,
    OutputOptions,
    TemplateOptions,
)
from fargate_guard.cli.option_groups import with_option_groups

if TYPE_CHECKING:
    from fargate_guard.workflows.context import Context

EXAMPLE = """\
echo '{
    "family": "web",
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "containerDefinitions": [
      {
        "name": "web",
        "image": "nginx:1.27",
        "entryPoint": ["/docker-entrypoint.sh"],
        "command": ["nginx", "-g", "daemon off;"]
      }
    ]
  }' > web.json
  export FGUARD_AGENT_VERSION=5.0.1 FGUARD_ORCHESTRATOR_HOST=orchestrator.internal
  fguard instrument web.json --diff
  fguard instrument web.json --output instrumented.json
  fguard instrument instrumented.json --check
  fguard uninstrument instrumented.json"""


@command("instrument", example=EXAMPLE)
@with_option_groups
def instrument(
    run: Invocation,
    task_definitions: DefinitionsArgument,
    output: OutputOptions,
    agent: AgentOptions,
    images: ImageOptions,
    template: TemplateOptions,
    pin_digests: Annotated[
        bool | None,
        typer.Option(
            "--pin-digests/--no-pin-digests",
            envvar="FGUARD_PIN_DIGESTS",
            show_envvar=False,
            help="Write images by the digest that was inspected.",
            rich_help_panel=IMAGES,
        ),
    ] = None,
) -> Result:
    """Instrument ECS task definitions, in JSON or YAML: as RegisterTaskDefinition takes them, as
    describe-task-definition prints them, arrays of container definitions, or CloudFormation templates.

    The settings are the flags, then FGUARD_* variables of the same names, then fguard.yaml and the deployment it
    describes, where there is one. What cannot be instrumented correctly is refused before anything is written;
    uninstrument gives the exact original back. Where the entry point is not in the task definition, the image's
    registry is asked.
    """
    from fargate_guard.cli.change_definitions import change_definitions
    from fargate_guard.workflows.definition_inputs import find_inputs
    from fargate_guard.workflows.instrumentation import gather_settings
    from fargate_guard.workflows.instrumenting import Handling, Instrumenting

    settings = gather_settings(
        agent.asked(run, pin_digests=pin_digests),
        run.config_file,
        config_needed=run.config_given,
        open_deployment=lambda: _open_deployment(run),
    )
    lookup = images.lookup(run)
    handling = Handling(template.parameters, output.for_registration, output.strict, lookup.options.cache)
    inputs = find_inputs(task_definitions, without=output.output_dir)
    change = Instrumenting(settings, lookup, handling, alone=len(inputs) == 1)
    return change_definitions(run, inputs, change, output, change.left_over)


def _open_deployment(run: Invocation) -> Context:
    from fargate_guard.cli.terraform_options import DEFAULT_LOCK_TIMEOUT, open_deployment

    return open_deployment(run, run.environ.get("FGUARD_TERRAFORM"), DEFAULT_LOCK_TIMEOUT)
