"""How to instrument: flags first, then ``fguard.yaml`` and the deployment that it describes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import UsageError
from fargate_guard.taskdef import Settings, container_names
from fargate_guard.taskdef.recipes import DEFAULT_VERSIONS
from fargate_guard.workflows.agent_settings import awslogs, settings_from_config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fargate_guard.config import Config
    from fargate_guard.taskdef import Json
    from fargate_guard.workflows.context import Context

DEFAULT_COLLECTOR_PORT = 6443


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line and ``FGUARD_*`` variables say; None where they say nothing."""

    topology: str | None = None
    agent_version: str | None = None
    agent_image: str | None = None
    allow_unpinned_image: bool = False
    orchestrator_host: str | None = None
    orchestrator_port: int | None = None
    collector: str | None = None
    """``HOST`` or ``HOST:PORT``."""
    access_key_arn: str | None = None
    priority: str | None = None
    log_level: str | None = None
    extra_conf: str | None = None
    agent_log_group: str | None = None
    """CloudWatch Logs group for the sidecar's own lines."""
    region: str | None = None
    """AWS Region of that group."""
    sidecar_cpu: int | None = None
    sidecar_memory: int | None = None
    sidecar_memory_reservation: int | None = None
    sidecar_essential: bool | None = None
    image_pull_secret_arn: str | None = None
    ignore_containers: tuple[str, ...] = ()
    execution_role_supplied: bool = False


@dataclass(frozen=True, slots=True)
class FileSettings:
    """How to instrument each of several files."""

    common: Settings
    ignored: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
    """``workloads[].ignore_containers`` of the configuration, by the workload's file."""

    def for_file(self, name: str, definition: Json, together: Sequence[Json]) -> Settings:
        """Return the settings for one file, as ``fguard deploy`` would have them.

        :param definition: the file's content.
        :param together: the content of all files; a name of ``--ignore-container`` is one of any of them.
        """
        own = container_names(definition)
        others = frozenset[str]().union(*map(container_names, together))
        asked = [one for one in self.common.ignore_containers if one in own or one not in others]
        more = self.ignored.get(Path(name).resolve(), ())
        return replace(self.common, ignore_containers=(*asked, *more))


def gather_settings(
    asked: Asked, config_file: Path, *, config_needed: bool, open_deployment: Callable[[], Context]
) -> FileSettings:
    """Return the settings that the flags, the configuration and the deployment give together.

    :param config_needed: whether the configuration file was named; else it is read only if it exists.
    :param open_deployment: called when only the deployment knows something: the orchestrator's host, or where
        ``fguard deploy`` stored the access key.
    :raises SettingsError: when something is missing or does not fit, with the flag and the key.
    """
    if not config_needed and not config_file.exists():
        return FileSettings(_settings_from_flags(asked))
    from fargate_guard.config import load_config

    configured = load_config(config_file)
    config = _with_flags(configured, asked)
    host, access_key_arn = asked.orchestrator_host, asked.access_key_arn
    if config.agent.topology == "orchestrator":
        host = host or _deployed_host(open_deployment)
    else:
        access_key = config.sysdig.access_key
        access_key_arn = access_key_arn or access_key.secret_arn or access_key.parameter_arn
        access_key_arn = access_key_arn or _stored_key(open_deployment)
    settings = settings_from_config(
        config,
        orchestrator_host=host,
        access_key_arn=access_key_arn,
        ignore_containers=asked.ignore_containers,
        agent_logs=_agent_logs(asked, config.aws.region),
        execution_role_supplied=asked.execution_role_supplied,
    )
    image = asked.agent_image or configured.agent.image
    ignored = {
        (config_file.parent / workload.task_definition).resolve(): tuple(workload.ignore_containers)
        for workload in config.workloads
    }
    common = replace(
        settings,
        agent_image=image,
        allow_unpinned_image=asked.allow_unpinned_image,
        extra_conf=asked.extra_conf or settings.extra_conf,
    )
    return FileSettings(common, ignored)


def _settings_from_flags(asked: Asked) -> Settings:
    topology = asked.topology or ("direct" if asked.collector and not asked.orchestrator_host else "orchestrator")
    host, port = _collector(asked.collector) if asked.collector else (None, DEFAULT_COLLECTOR_PORT)
    given: dict[str, Any] = {"orchestrator_port": asked.orchestrator_port, "priority": asked.priority}
    return Settings(
        topology=topology,
        agent_version=asked.agent_version or DEFAULT_VERSIONS.get(topology, ""),
        agent_image=asked.agent_image,
        allow_unpinned_image=asked.allow_unpinned_image,
        orchestrator_host=asked.orchestrator_host,
        collector_host=host,
        collector_port=port,
        access_key_arn=asked.access_key_arn,
        logging=asked.log_level,
        extra_conf=asked.extra_conf,
        sidecar_cpu=asked.sidecar_cpu,
        sidecar_memory=asked.sidecar_memory,
        sidecar_memory_reservation=asked.sidecar_memory_reservation,
        sidecar_essential=asked.sidecar_essential,
        log_configuration=_agent_logs(asked, None),
        repository_credentials_arn=asked.image_pull_secret_arn,
        ignore_containers=asked.ignore_containers,
        execution_role_supplied=asked.execution_role_supplied,
        **{name: value for name, value in given.items() if value is not None},
    )


def _with_flags(config: Config, asked: Asked) -> Config:
    """Return the configuration with what the flags say instead; the settings check the outcome.

    The image is left out: whether it may be unpinned is known to the flags only.
    """
    sidecar = _given(
        cpu=asked.sidecar_cpu,
        memory=asked.sidecar_memory,
        memory_reservation=asked.sidecar_memory_reservation,
        essential=asked.sidecar_essential,
    )
    agent = _given(
        topology=asked.topology,
        version=asked.agent_version,
        priority=asked.priority,
        log_level=asked.log_level,
        image_pull_secret_arn=asked.image_pull_secret_arn,
        sidecar=config.agent.sidecar.model_copy(update=sidecar),
    )
    orchestrator = _given(port=asked.orchestrator_port)
    changes: dict[str, Any] = {
        "agent": config.agent.model_copy(update={**agent, "image": None}),
        "orchestrator": config.orchestrator.model_copy(update=orchestrator),
    }
    if asked.collector:
        host, port = _collector(asked.collector)
        collector = _collector_model(host, port)
        changes["sysdig"] = config.sysdig.model_copy(update={"collector": collector, "region": None})
    return config.model_copy(update=changes)


def _collector_model(host: str, port: int) -> Any:
    from fargate_guard.config.sysdig import Collector

    return Collector.model_construct(host=host, port=port)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _collector(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, DEFAULT_COLLECTOR_PORT
    if not port.isdecimal():
        raise UsageError(f"--collector is {text!r}", fix="give HOST:PORT, for example ingest.us4.sysdig.com:6443")
    return host, int(port)


def _agent_logs(asked: Asked, configured_region: str | None) -> dict[str, Any] | None:
    if not asked.agent_log_group:
        return None
    region = asked.region or configured_region
    if not region:
        raise UsageError(
            "--agent-log-group needs the region of the log group",
            fix="add --region, or set AWS_REGION or aws.region in fguard.yaml",
        )
    return awslogs(asked.agent_log_group, region)


def _deployed_host(open_deployment: Callable[[], Context]) -> str | None:
    """The orchestrator's load balancer, from Terraform's outputs; None where nothing is deployed."""
    from fargate_guard.workflows.deployed_module import complete_outputs, open_driver

    context = open_deployment()
    if not context.folder.module.is_dir():
        return None
    outputs = complete_outputs(open_driver(context))
    return outputs.orchestrator.host if outputs and outputs.orchestrator else None


def _stored_key(open_deployment: Callable[[], Context]) -> str | None:
    """The secret in which ``fguard deploy`` stored the key; None where it has not."""
    from fargate_guard.aws.secrets import existing_access_key

    context = open_deployment()
    return existing_access_key(context.aws, context.config.name)
