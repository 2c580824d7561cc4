"""``fguard instrument``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fargate_guard.cli.agent_options import AgentOptions
from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.declared import Option
from fargate_guard.cli.definition_options import (
    IMAGES,
    OUTPUT,
    ImageOptions,
    OptionalDefinitionsArgument,
    OutputOptions,
    TemplateOptions,
)
from fargate_guard.cli.option_groups import with_option_groups
from fargate_guard.errors import UsageError

if TYPE_CHECKING:
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.sarif import Findings

SARIF = "sarif"
TERRAFORM_EXTERNAL = "terraform-external"

EXAMPLE = """\
echo '{
    "family": "web",
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "256",
    "memory": "512",
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
    output: OutputOptions,
    agent: AgentOptions,
    images: ImageOptions,
    template: TemplateOptions,
    task_definitions: OptionalDefinitionsArgument = None,
    format_: Annotated[
        str,
        Option(
            "--format",
            metavar="FORMAT",
            show_default=False,
            help="text; with --check sarif, for code scanning; or terraform-external, the protocol of Terraform's "
            "external data source on standard input and output [text].",
            rich_help_panel=OUTPUT,
        ),
    ] = "text",
    pin_digests: Annotated[
        bool | None,
        Option(
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
    from fargate_guard.cli.change_definitions import change_definitions, check_output
    from fargate_guard.workflows.definition_inputs import find_inputs, refuse_offline
    from fargate_guard.workflows.instrumentation import gather_settings
    from fargate_guard.workflows.instrumenting import Handling, Instrumenting

    _check_format(run, format_, task_definitions, output)
    settings = gather_settings(
        agent.asked(run, pin_digests=pin_digests),
        run.config_file,
        config_needed=run.config_given,
        open_deployment=lambda: _open_deployment(run),
        offline=images.offline,
    )
    lookup = images.lookup(run)
    handling = Handling(template.parameters, output.for_registration, output.strict, lookup.options.cache)
    names = task_definitions or []
    if format_ == TERRAFORM_EXTERNAL:
        from fargate_guard.cli.terraform_external import answer_terraform

        return answer_terraform(run, names, output, settings, lookup, handling)
    inputs = find_inputs(names, without=output.output_dir)
    if images.offline:
        check_output(run, inputs, output)
        refuse_offline(inputs)
    change = Instrumenting(settings, lookup, handling, alone=len(inputs) == 1)
    return change_definitions(run, inputs, change, output, change.left_over, _findings(format_))


def _check_format(run: Invocation, format_: str, names: list[str] | None, output: OutputOptions) -> None:
    if format_ not in ("text", SARIF, TERRAFORM_EXTERNAL):
        raise UsageError(f"--format is {format_!r}", fix=f"use text, {SARIF} or {TERRAFORM_EXTERNAL}")
    if format_ == SARIF and (not output.check or output.diff or run.screen.json):
        raise UsageError("--format sarif tells what --check finds", fix="add --check; leave out --diff and --json")
    if not names and format_ != TERRAFORM_EXTERNAL:
        raise UsageError("TASK_DEF is missing", fix="name files, folders or patterns: fguard instrument --help")


def _findings(format_: str) -> Findings | None:
    if format_ != SARIF:
        return None
    from fargate_guard.workflows.sarif import Findings

    return Findings()


def _open_deployment(run: Invocation) -> Context:
    from fargate_guard.cli.terraform_options import DEFAULT_LOCK_TIMEOUT, open_deployment

    return open_deployment(run, run.environ.get("FGUARD_TERRAFORM"), DEFAULT_LOCK_TIMEOUT)
