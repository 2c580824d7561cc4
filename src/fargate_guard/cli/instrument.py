"""``fguard instrument``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.cli import agent_options as options
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

    from fargate_guard.taskdef import Instrumented, Json
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
def instrument(
    run: Invocation,
    task_definitions: DefinitionsArgument,
    output: OutputOption = None,
    output_dir: OutputDirOption = None,
    in_place: InPlaceOption = False,
    diff: DiffOption = False,
    check: CheckOption = False,
    topology: options.TopologyOption = None,
    agent_version: options.AgentVersionOption = None,
    orchestrator_host: options.OrchestratorHostOption = None,
    orchestrator_port: options.OrchestratorPortOption = None,
    collector: options.CollectorOption = None,
    access_key_arn: options.AccessKeyArnOption = None,
    ignore_container: options.IgnoreContainerOption = None,
    priority: options.PriorityOption = None,
    log_level: options.AgentLogLevelOption = None,
    extra_conf: options.ExtraConfOption = None,
    agent_image: options.AgentImageOption = None,
    allow_unpinned_image: options.AllowUnpinnedImageOption = False,
    image_pull_secret_arn: options.ImagePullSecretArnOption = None,
    agent_log_group: options.AgentLogGroupOption = None,
    sidecar_cpu: options.SidecarCpuOption = None,
    sidecar_memory: options.SidecarMemoryOption = None,
    sidecar_memory_reservation: options.SidecarMemoryReservationOption = None,
    sidecar_essential: options.SidecarEssentialOption = None,
    execution_role_supplied: options.ExecutionRoleSuppliedOption = False,
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
        extra_conf=extra_conf,
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

    def change(name: str, definition: Json, together: Sequence[Json]) -> Instrumented:
        return taskdef.instrument(definition, settings.for_file(name, definition, together))

    destination = Destination(output, output_dir, in_place)
    return run_on_definitions(run, task_definitions, change, destination, show_diff=diff, check=check)


def _open_deployment(run: Invocation) -> Context:
    from fargate_guard.cli.terraform_options import DEFAULT_LOCK_TIMEOUT, open_deployment

    return open_deployment(run, run.environ.get("FGUARD_TERRAFORM"), DEFAULT_LOCK_TIMEOUT)
