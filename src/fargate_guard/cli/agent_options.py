"""The options that say how to instrument; each has its ``FGUARD_*`` variable and its key in ``fguard.yaml``.

Variables of options that can be repeated take several values, separated by blanks.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

from fargate_guard.cli.declared import Option

if TYPE_CHECKING:
    from fargate_guard.cli.command import Invocation
    from fargate_guard.workflows.instrumentation import Asked

AGENT = "Agent"
SIDECAR = "Sidecar"
CONTAINERS = "Containers"


def _option(variable: str, help_text: str, metavar: str | None = None, *flags: str, panel: str = AGENT) -> Option:
    return Option(
        *flags,
        envvar=f"FGUARD_{variable}",
        show_envvar=False,
        help=help_text,
        metavar=metavar,
        rich_help_panel=panel,
    )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AgentOptions:
    """Which agent, where it connects to, what its sidecar gets, and which containers it watches."""

    topology: Annotated[
        str | None, _option("TOPOLOGY", "orchestrator, or direct for agents that connect to the collector.")
    ] = None
    agent_version: Annotated[
        str | None, _option("AGENT_VERSION", "Agent version [5.0.1; direct: 6.2.1].", "VERSION")
    ] = None
    orchestrator_host: Annotated[
        str | None, _option("ORCHESTRATOR_HOST", "The orchestrator's load balancer [the deployment's].", "HOST")
    ] = None
    orchestrator_port: Annotated[int | None, _option("ORCHESTRATOR_PORT", "Its port [6667].", "PORT")] = None
    collector: Annotated[
        str | None, _option("COLLECTOR", "Sysdig's collector, for the direct topology.", "HOST:PORT")
    ] = None
    access_key_arn: Annotated[
        str | None, _option("ACCESS_KEY_ARN", "Secret or SSM parameter with the access key.", "ARN")
    ] = None
    priority: Annotated[
        str | None, _option("PRIORITY", "availability, or security: wait for policies [availability].")
    ] = None
    log_level: Annotated[
        str | None,
        _option(
            "AGENT_LOG_LEVEL",
            "The agent's, silent to trace [info]; FGUARD_AGENT_LOG_LEVEL.",
            "LEVEL",
            "--log-level",
        ),
    ] = None
    extra_conf: Annotated[
        str | None, _option("EXTRA_CONF", "Further agent configuration, SYSDIG_EXTRA_CONF [none].", "YAML")
    ] = None
    agent_image: Annotated[
        str | None,
        _option(
            "AGENT_IMAGE",
            "The sidecar's image [quay.io/sysdig/workload-agent:VERSION].",
            "IMAGE",
            panel=SIDECAR,
        ),
    ] = None
    allow_unpinned_image: Annotated[
        bool,
        Option("--allow-unpinned-image", help="Accept an agent image whose tag moves.", rich_help_panel=SIDECAR),
    ] = False
    image_pull_secret_arn: Annotated[
        str | None,
        _option(
            "IMAGE_PULL_SECRET_ARN", "Secret with the registry credentials for that image.", "ARN", panel=SIDECAR
        ),
    ] = None
    agent_log_group: Annotated[
        str | None,
        _option(
            "AGENT_LOG_GROUP", "CloudWatch Logs group for the agent's own lines [none].", "NAME", panel=SIDECAR
        ),
    ] = None
    sidecar_log_configuration: Annotated[
        str | None,
        _option(
            "SIDECAR_LOG_CONFIGURATION",
            "Instead, any logConfiguration as ECS takes it: JSON, or a file with it.",
            "JSON",
            panel=SIDECAR,
        ),
    ] = None
    sidecar_cpu: Annotated[
        int | None, _option("SIDECAR_CPU", "The sidecar's CPU units.", "UNITS", panel=SIDECAR)
    ] = None
    sidecar_memory: Annotated[
        int | None, _option("SIDECAR_MEMORY", "Its hard memory limit.", "MIB", panel=SIDECAR)
    ] = None
    sidecar_memory_reservation: Annotated[
        int | None, _option("SIDECAR_MEMORY_RESERVATION", "Its soft memory limit.", "MIB", panel=SIDECAR)
    ] = None
    sidecar_essential: Annotated[
        bool | None,
        _option(
            "SIDECAR_ESSENTIAL",
            "Whether the task stops with the sidecar [only with priority security].",
            None,
            "--sidecar-essential/--no-sidecar-essential",
            panel=SIDECAR,
        ),
    ] = None
    sidecar_env: Annotated[
        list[str] | None,
        _option(
            "SIDECAR_ENV",
            "A further variable of the sidecar, such as HTTPS_PROXY; repeat it.",
            "NAME=VALUE",
            panel=SIDECAR,
        ),
    ] = None
    ca_certificate: Annotated[
        str | None,
        _option(
            "CA_CERTIFICATE",
            "Path in the sidecar of the CA certificate of the HTTP proxy that --extra-conf names.",
            "PATH",
            panel=SIDECAR,
        ),
    ] = None
    ignore_container: Annotated[
        list[str] | None,
        _option(
            "IGNORE_CONTAINER",
            "Leave this container as it is, or those that fit a pattern (log*); repeat it.",
            "NAME",
            panel=CONTAINERS,
        ),
    ] = None
    ignore_label: Annotated[
        list[str] | None,
        _option(
            "IGNORE_LABEL",
            "Leave containers with this Docker label as they are; repeat it.",
            "KEY[=VALUE]",
            panel=CONTAINERS,
        ),
    ] = None
    opt_in: Annotated[
        bool | None,
        _option(
            "OPT_IN",
            "Only containers that ask for it: the tags kilt-include and kilt-include-containers, or the "
            "Docker label com.fargate-guard.include.",
            None,
            "--opt-in/--no-opt-in",
            panel=CONTAINERS,
        ),
    ] = None
    workload_env: Annotated[
        list[str] | None,
        _option(
            "WORKLOAD_ENV",
            "A further variable of every instrumented container; repeat it.",
            "NAME=VALUE",
            panel=CONTAINERS,
        ),
    ] = None
    execution_role_supplied: Annotated[
        bool,
        Option(
            "--execution-role-supplied",
            help="executionRoleArn is added later; do not ask for it.",
            rich_help_panel=CONTAINERS,
        ),
    ] = False

    def asked(self, run: "Invocation", *, pin_digests: bool | None = None) -> "Asked":
        """Return what the workflow takes."""
        from fargate_guard.workflows.instrumentation import Asked

        given: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
        }
        region = run.region or run.environ.get("AWS_REGION") or run.environ.get("AWS_DEFAULT_REGION")
        return Asked(**values, region=region, pin_digests=pin_digests)
