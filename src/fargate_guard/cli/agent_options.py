"""The options that say how to instrument; each has its ``FGUARD_*`` variable."""

from __future__ import annotations

from typing import Annotated

import typer


def _option(variable: str, help_text: str, metavar: str | None = None) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(envvar=f"FGUARD_{variable}", help=help_text, metavar=metavar)
    return info


TopologyOption = Annotated[
    str | None, _option("TOPOLOGY", "orchestrator, or direct for agents that connect to the collector.")
]
AgentVersionOption = Annotated[
    str | None, _option("AGENT_VERSION", "Agent version [5.0.1; direct: 6.2.1].", "VERSION")
]
OrchestratorHostOption = Annotated[
    str | None, _option("ORCHESTRATOR_HOST", "The orchestrator's load balancer [the deployment's].", "HOST")
]
OrchestratorPortOption = Annotated[int | None, _option("ORCHESTRATOR_PORT", "Its port [6667].", "PORT")]
CollectorOption = Annotated[
    str | None, _option("COLLECTOR", "Sysdig's collector, for the direct topology.", "HOST:PORT")
]
AccessKeyArnOption = Annotated[
    str | None, _option("ACCESS_KEY_ARN", "Secret or SSM parameter with the access key.", "ARN")
]
IgnoreContainerOption = Annotated[
    list[str] | None,
    typer.Option("--ignore-container", metavar="NAME", help="Leave this container as it is; repeat it."),
]
PriorityOption = Annotated[
    str | None, _option("PRIORITY", "availability, or security: wait for policies [availability].")
]
AgentLogLevelOption = Annotated[
    str | None,
    typer.Option(
        "--log-level",
        envvar="FGUARD_AGENT_LOG_LEVEL",
        metavar="LEVEL",
        help="The agent's: silent to trace [info].",
    ),
]
ExtraConfOption = Annotated[
    str | None, _option("EXTRA_CONF", "Further agent configuration, SYSDIG_EXTRA_CONF [none].", "YAML")
]
AgentImageOption = Annotated[
    str | None, _option("AGENT_IMAGE", "The sidecar's image [quay.io/sysdig/workload-agent:VERSION].", "IMAGE")
]
AllowUnpinnedImageOption = Annotated[
    bool, typer.Option("--allow-unpinned-image", help="Accept an agent image whose tag moves.")
]
ImagePullSecretArnOption = Annotated[
    str | None, _option("IMAGE_PULL_SECRET_ARN", "Secret with the registry credentials for that image.", "ARN")
]
AgentLogGroupOption = Annotated[
    str | None, _option("AGENT_LOG_GROUP", "CloudWatch Logs group for the agent's own lines [none].", "NAME")
]
SidecarCpuOption = Annotated[int | None, _option("SIDECAR_CPU", "The sidecar's CPU units.", "UNITS")]
SidecarMemoryOption = Annotated[int | None, _option("SIDECAR_MEMORY", "Its hard memory limit.", "MIB")]
SidecarMemoryReservationOption = Annotated[
    int | None, _option("SIDECAR_MEMORY_RESERVATION", "Its soft memory limit.", "MIB")
]
SidecarEssentialOption = Annotated[
    bool | None,
    typer.Option(
        "--sidecar-essential/--no-sidecar-essential",
        envvar="FGUARD_SIDECAR_ESSENTIAL",
        help="Whether the task stops with the sidecar [only with priority security].",
    ),
]
ExecutionRoleSuppliedOption = Annotated[
    bool,
    typer.Option("--execution-role-supplied", help="executionRoleArn is added later; do not ask for it."),
]
