"""``fguard instrument``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

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
    from fargate_guard.taskdef import Instrumented, Json
    from fargate_guard.workflows.context import Context

TextOption = str | None
NumberOption = int | None

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


def _option(variable: str, help_text: str, metavar: str | None = None) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(envvar=f"FGUARD_{variable}", help=help_text, metavar=metavar)
    return info


@command("instrument", example=EXAMPLE)
def instrument(
    run: Invocation,
    task_definitions: DefinitionsArgument,
    output: OutputOption = None,
    output_dir: OutputDirOption = None,
    in_place: InPlaceOption = False,
    diff: DiffOption = False,
    check: CheckOption = False,
    topology: Annotated[
        TextOption, _option("TOPOLOGY", "orchestrator, or direct for agents that connect to the collector.")
    ] = None,
    agent_version: Annotated[TextOption, _option("AGENT_VERSION", "Agent version [5.0.1; direct: 6.2.1].")] = None,
    orchestrator_host: Annotated[
        TextOption, _option("ORCHESTRATOR_HOST", "The orchestrator's load balancer [the deployment's].", "HOST")
    ] = None,
    orchestrator_port: Annotated[NumberOption, _option("ORCHESTRATOR_PORT", "Its port [6667].", "PORT")] = None,
    collector: Annotated[
        TextOption, _option("COLLECTOR", "Sysdig's collector, for the direct topology.", "HOST:PORT")
    ] = None,
    access_key_arn: Annotated[
        TextOption, _option("ACCESS_KEY_ARN", "Secret or SSM parameter with the access key.", "ARN")
    ] = None,
    ignore_container: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Leave this container as it is; repeat it.")
    ] = None,
    priority: Annotated[TextOption, _option("PRIORITY", "availability, or security [availability].")] = None,
    log_level: Annotated[TextOption, _option("AGENT_LOG_LEVEL", "silent to trace [info].", "LEVEL")] = None,
    agent_image: Annotated[
        TextOption, _option("AGENT_IMAGE", "[quay.io/sysdig/workload-agent:VERSION].", "IMAGE")
    ] = None,
    allow_unpinned_image: Annotated[
        bool, typer.Option("--allow-unpinned-image", help="Accept an agent image whose tag moves.")
    ] = False,
    image_pull_secret_arn: Annotated[
        TextOption, _option("IMAGE_PULL_SECRET_ARN", "Secret with the agent image's registry credentials.", "ARN")
    ] = None,
    agent_log_group: Annotated[
        TextOption, _option("AGENT_LOG_GROUP", "CloudWatch Logs group for the agent's own lines.", "NAME")
    ] = None,
    sidecar_cpu: Annotated[NumberOption, _option("SIDECAR_CPU", "The sidecar's CPU units.", "UNITS")] = None,
    sidecar_memory: Annotated[NumberOption, _option("SIDECAR_MEMORY", "Its hard limit.", "MIB")] = None,
    sidecar_memory_reservation: Annotated[
        NumberOption, _option("SIDECAR_MEMORY_RESERVATION", "Its soft limit.", "MIB")
    ] = None,
    sidecar_essential: Annotated[
        bool | None,
        typer.Option(
            "--sidecar-essential/--no-sidecar-essential",
            envvar="FGUARD_SIDECAR_ESSENTIAL",
            help="Whether the task stops with the sidecar [only with priority security].",
        ),
    ] = None,
    execution_role_supplied: Annotated[
        bool, typer.Option("--execution-role-supplied", help="executionRoleArn is added later, do not ask for it.")
    ] = False,
) -> Result:
    """Instrument ECS task definitions: files as RegisterTaskDefinition takes them, the output of
    describe-task-definition, or arrays of container definitions, in JSON.

    The settings are the flags, then FGUARD_* variables, then fguard.yaml and the deployment it describes, where
    there is one. What cannot be instrumented correctly is refused before anything is written; uninstrument gives
    the exact original back.
    """
    from fargate_guard import taskdef
    from fargate_guard.workflows.definition_files import Destination
    from fargate_guard.workflows.instrumentation import Asked, gather_settings

    asked = Asked(
        topology=topology,
        agent_version=agent_version,
        agent_image=agent_image,
        allow_unpinned_image=allow_unpinned_image,
        orchestrator_host=orchestrator_host,
        orchestrator_port=orchestrator_port,
        collector=collector,
        access_key_arn=access_key_arn,
        priority=priority,
        log_level=log_level,
        agent_log_group=agent_log_group,
        region=run.region or run.environ.get("AWS_REGION") or run.environ.get("AWS_DEFAULT_REGION"),
        sidecar_cpu=sidecar_cpu,
        sidecar_memory=sidecar_memory,
        sidecar_memory_reservation=sidecar_memory_reservation,
        sidecar_essential=sidecar_essential,
        image_pull_secret_arn=image_pull_secret_arn,
        ignore_containers=tuple(ignore_container or ()),
        execution_role_supplied=execution_role_supplied,
    )
    settings = gather_settings(
        asked, run.config_file, config_needed=run.config_given, open_deployment=lambda: _open_deployment(run)
    )

    def change(name: str, definition: Json) -> Instrumented:
        return taskdef.instrument(definition, settings.for_file(name))

    destination = Destination(output, output_dir, in_place)
    return run_on_definitions(run, task_definitions, change, destination, show_diff=diff, check=check)


def _open_deployment(run: Invocation) -> Context:
    from fargate_guard.cli.terraform_options import DEFAULT_LOCK_TIMEOUT, open_deployment

    return open_deployment(run, run.environ.get("FGUARD_TERRAFORM"), DEFAULT_LOCK_TIMEOUT)
