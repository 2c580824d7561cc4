"""How to instrument: flags first, then ``fguard.yaml`` and the deployment that it describes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from fargate_guard.errors import UsageError
from fargate_guard.taskdef import Settings, TaskDefinitionError
from fargate_guard.taskdef.recipes import DEFAULT_VERSIONS
from fargate_guard.workflows.agent_settings import awslogs, settings_from_config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fargate_guard.config import Config
    from fargate_guard.workflows.context import Context

DEFAULT_COLLECTOR_PORT = 6443


class Asked(NamedTuple):
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
    sidecar_log_configuration: str | None = None
    """JSON, or the name of a file with it."""
    sidecar_env: tuple[str, ...] | None = None
    """``NAME=VALUE``."""
    workload_env: tuple[str, ...] | None = None
    ca_certificate: str | None = None
    ignore_container: tuple[str, ...] | None = None
    """Names and patterns."""
    ignore_label: tuple[str, ...] | None = None
    """``KEY`` or ``KEY=VALUE``."""
    opt_in: bool | None = None
    pin_digests: bool | None = None
    execution_role_supplied: bool = False


class FileSettings(NamedTuple):
    """How to instrument each of several files."""

    common: Settings
    ignored: Mapping[Path, tuple[str, ...]] = MappingProxyType({})
    """``workloads[].ignore_containers`` of the configuration, by the workload's file."""
    where_present: tuple[str, ...] = ()
    """Names and patterns that need not be in any file: ``agent.ignore_containers``."""

    def ignored_in(self, path: Path) -> tuple[str, ...]:
        """The containers that the configuration leaves out of the workload with this file."""
        return self.ignored.get(path.resolve(), ()) if self.ignored else ()


def gather_settings(
    asked: Asked,
    config_file: Path,
    *,
    config_needed: bool,
    open_deployment: Callable[[], Context],
    offline: bool = False,
) -> FileSettings:
    """Return the settings that the flags, the configuration and the deployment give together.

    :param config_needed: whether the configuration file was named; else it is read only if it exists.
    :param open_deployment: called when only the deployment knows something: the orchestrator's host, or where
        ``fguard deploy`` stored the access key.
    :param offline: refuse what AWS would have to be asked for; only Terraform's state on this machine is read.
    :raises SettingsError: when something is missing or does not fit, with the flag and the key.
    """
    if not config_needed and not config_file.exists():
        gathered = FileSettings(_settings_from_flags(asked))
    else:
        gathered = _configured(asked, config_file, open_deployment, offline=offline)
    if gathered.common.extra_conf is not None:
        _check_yaml(gathered.common.extra_conf)
    return gathered


def _configured(
    asked: Asked, config_file: Path, open_deployment: Callable[[], Context], *, offline: bool
) -> FileSettings:
    from fargate_guard.config import load_config

    configured = load_config(config_file)
    config = _with_flags(configured, asked)
    host, access_key_arn = asked.orchestrator_host, asked.access_key_arn
    if config.agent.topology == "orchestrator":
        host = host or (_host_here(config, config_file) if offline else _deployed_host(open_deployment))
    else:
        access_key = config.sysdig.access_key
        access_key_arn = access_key_arn or access_key.secret_arn or access_key.parameter_arn
        if access_key_arn is None and offline:
            raise _not_asked(
                "the secret with the access key is not known",
                "fguard deploy may have stored it in Secrets Manager",
                "--access-key-arn ARN, or sysdig.access_key.secret_arn in fguard.yaml",
            )
        access_key_arn = access_key_arn or _stored_key(open_deployment)
    settings = settings_from_config(
        config,
        orchestrator_host=host,
        access_key_arn=access_key_arn,
        ignore_containers=asked.ignore_container or (),
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
    return FileSettings(common, ignored, tuple(config.agent.ignore_containers))


def _check_yaml(extra_conf: str) -> None:
    """The agent's extra configuration is a YAML (or JSON) object; no value of it is shown."""
    from fargate_guard.formats.yaml_source import read_yaml  # ruamel.yaml takes its time to load

    flag = "--extra-conf, or agent.extra_conf in fguard.yaml"
    try:
        value = read_yaml(extra_conf)
    except TaskDefinitionError as error:
        raise UsageError(
            "the agent's extra configuration is not YAML", where=error.where, why=error.message, fix=flag
        ) from None
    if not isinstance(value, dict):
        raise UsageError(
            "the agent's extra configuration is not a YAML object", fix=f"give keys and values: {flag}"
        )


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
        ignore_containers=asked.ignore_container or (),
        ignore_labels=asked.ignore_label or (),
        opt_in=bool(asked.opt_in),
        pin_digests=bool(asked.pin_digests),
        workload_environment=_variables("--workload-env", asked.workload_env),
        sidecar_environment=_variables("--sidecar-env", asked.sidecar_env),
        ca_certificate_path=asked.ca_certificate,
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
        environment={**config.agent.sidecar.environment, **_variables("--sidecar-env", asked.sidecar_env)},
    )
    agent = _given(
        topology=asked.topology,
        version=asked.agent_version,
        priority=asked.priority,
        log_level=asked.log_level,
        image_pull_secret_arn=asked.image_pull_secret_arn,
        ignore_labels=asked.ignore_label,
        opt_in=asked.opt_in,
        pin_digests=asked.pin_digests,
        workload_environment={
            **config.agent.workload_environment,
            **_variables("--workload-env", asked.workload_env),
        },
        ca_certificate_path=asked.ca_certificate,
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


def _variables(flag: str, given: tuple[str, ...] | None) -> dict[str, str]:
    """Read ``NAME=VALUE`` as often as it was given."""
    found: dict[str, str] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError(f"{flag} is {text!r}", fix=f"give NAME=VALUE: {flag} HTTPS_PROXY=http://proxy:3128")
        if found.setdefault(name, value) != value:
            raise UsageError(f"{flag} has two values for {name}", fix="leave one of them out")
    return found


def _agent_logs(asked: Asked, configured_region: str | None) -> dict[str, Any] | None:
    if asked.sidecar_log_configuration:
        if asked.agent_log_group:
            raise UsageError("give only one of --agent-log-group and --sidecar-log-configuration")
        return _log_configuration(asked.sidecar_log_configuration)
    if not asked.agent_log_group:
        return None
    region = asked.region or configured_region
    if not region:
        raise UsageError(
            "--agent-log-group needs the region of the log group",
            fix="add --region, or set AWS_REGION or aws.region in fguard.yaml",
        )
    return awslogs(asked.agent_log_group, region)


def _log_configuration(given: str) -> dict[str, Any]:
    """Read an ECS ``logConfiguration``: JSON, or the name of a file with it."""
    where = "--sidecar-log-configuration"
    text = given
    if not given.lstrip().startswith("{"):
        where = given
        try:
            text = Path(given).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                "the sidecar's log configuration cannot be read", where=where, why=str(error)
            ) from None
    example = '{"logDriver": "awsfirelens", "options": {"Name": "cloudwatch"}}'
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(
            "the sidecar's log configuration is not JSON",
            where=where,
            why=str(error),
            fix=f"for example {example}",
        ) from None
    if not isinstance(found, dict) or not isinstance(found.get("logDriver"), str):
        raise UsageError("a log configuration has a logDriver", where=where, fix=f"for example {example}")
    return found


def _host_here(config: Config, config_file: Path) -> str | None:
    """The orchestrator's load balancer, from Terraform's state on this machine; None where nothing is deployed.

    The state is read as the file that it is: https://developer.hashicorp.com/terraform/language/state
    """
    from fargate_guard.deployment import DeploymentFolder

    folder = DeploymentFolder.of(config_file, config.name)
    if folder.stack.exists() or config.state is not None:
        place = "a CloudFormation stack" if folder.stack.exists() else "Terraform's state in S3"
        raise _not_asked(
            "the orchestrator's address is not known",
            f"that of the deployment {config.name} is in {place}",
            "--orchestrator-host HOST, and --orchestrator-port PORT where it is not 6667",
        )
    try:
        return str(json.loads(folder.state.read_bytes())["outputs"]["orchestrator"]["value"]["host"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _deployed_host(open_deployment: Callable[[], Context]) -> str | None:
    """The orchestrator's load balancer, from what this machine deployed; None where nothing is deployed."""
    from fargate_guard.workflows.deployed_module import complete_outputs, open_driver
    from fargate_guard.workflows.stack_deploy import described_deployment

    context = open_deployment()
    if context.folder.stack.exists():
        orchestrator = described_deployment(context).outputs.orchestrator
        return orchestrator.host if orchestrator else None
    if not context.folder.module.is_dir():
        return None
    outputs = complete_outputs(open_driver(context))
    return outputs.orchestrator.host if outputs and outputs.orchestrator else None


def _stored_key(open_deployment: Callable[[], Context]) -> str | None:
    """The secret in which ``fguard deploy`` stored the key; None where it has not."""
    from fargate_guard.aws.secrets import existing_access_key

    context = open_deployment()
    return existing_access_key(context.aws, context.config.name)


def _not_asked(message: str, why: str, flag: str) -> UsageError:
    return UsageError(
        message,
        why=f"{why}, and with --offline AWS is not asked",
        fix=f"give {flag}; or use --online (FGUARD_OFFLINE=0)",
    )
