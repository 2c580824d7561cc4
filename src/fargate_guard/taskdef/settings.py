"""How to instrument: which agent, where it connects to, and what its sidecar gets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fargate_guard.taskdef.errors import PREFLIGHT_REFUSED, SettingsError
from fargate_guard.taskdef.extra_environment import check_variables, with_ca_certificate
from fargate_guard.taskdef.fargate_limits import LEAST_MEMORY
from fargate_guard.taskdef.recipes import EXTRA_CONF, SIDECAR_NAME, Recipe, known_versions, recipe_for

if TYPE_CHECKING:
    from collections.abc import Mapping

AGENT_REPOSITORY = "quay.io/sysdig/workload-agent"

_VERSION = r"\d+\.\d+\.\d+(?:[.-][0-9A-Za-z.-]+)?"
_KEY_ARN = (
    r"arn:aws[a-z-]*:(?:secretsmanager:[a-z0-9-]+:\d{12}:secret:[^\s:]+(?::[^\s:]*){0,3}"
    r"|ssm:[a-z0-9-]+:\d{12}:parameter/[^\s:]+)"
)
_REGISTRY_ARN = r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[^\s:]+"

_TOPOLOGIES = ("orchestrator", "direct")
_PRIORITIES = ("availability", "security")
_SIDECAR_MODES = ("auto", "force")
_LOG_LEVELS = ("silent", "fatal", "critical", "error", "warning", "info", "debug", "trace")
_AWSLOGS = ("awslogs-group", "awslogs-region", "awslogs-stream-prefix")
"""Options that the driver cannot do without: https://github.com/aws-cloudformation/cfn-lint/issues/1787 (two)
and https://github.com/aws/aws-cdk/issues/1422 (the prefix, on Fargate)."""
_HIGHEST_PORT = 65535


@dataclass(frozen=True, eq=False, repr=False)
class Settings:
    """What ``instrument`` is to do. Complete and consistent, or :class:`SettingsError` says what is missing."""

    topology: str
    """``orchestrator`` (agents below 6.0.0) or ``direct`` (the agent connects to the collector itself)."""
    agent_version: str
    """For example ``5.0.1``; decides the recipe."""
    agent_image: str | None = None
    """The sidecar's image. Default: ``quay.io/sysdig/workload-agent:<agent_version>``."""
    allow_unpinned_image: bool = False
    """Accept an ``agent_image`` without tag or digest, or with a tag that moves (``latest``)."""
    orchestrator_host: str | None = None
    """DNS name of the orchestrator's load balancer."""
    orchestrator_port: int = 6667
    collector_host: str | None = None
    collector_port: int = 6443
    access_key_arn: str | None = None
    """Secrets Manager secret (with optional ``:json-key:version-stage:version-id``) or SSM parameter."""
    priority: str = "availability"
    """``security``: the workload waits for its policies, and the sidecar is essential."""
    logging: str | None = None
    """``SYSDIG_LOGGING``, from ``silent`` to ``trace``. Default: the agent's own, ``info``."""
    extra_conf: str | None = None
    """``SYSDIG_EXTRA_CONF``: agent configuration (YAML) beyond these settings, readable in the task definition."""
    sidecar_mode: str = "auto"
    """``SYSDIG_SIDECAR``."""
    sidecar_cpu: int | None = None
    """CPU units of the sidecar (1024 are one vCPU)."""
    sidecar_memory: int | None = None
    """Hard memory limit of the sidecar, MiB."""
    sidecar_memory_reservation: int | None = None
    """Soft memory limit of the sidecar, MiB."""
    sidecar_essential: bool | None = None
    """Default: only with ``priority="security"``."""
    log_configuration: dict[str, Any] | None = None
    """The sidecar's ``logConfiguration`` in lowerCamelCase, any driver; passed through as it is."""
    repository_credentials_arn: str | None = None
    """Secrets Manager secret with the credentials for the sidecar's image."""
    ignore_containers: tuple[str, ...] = ()
    """Containers to leave as they are: names, or shell patterns (``sidecar-*``)."""
    ignore_labels: tuple[str, ...] = ()
    """Docker labels, ``KEY`` or ``KEY=VALUE``, of containers to leave as they are."""
    opt_in: bool = False
    """Instrument only containers that ask for it, by tag (``kilt-include``) or label."""
    pin_digests: bool = False
    """Write images by the digest that was inspected."""
    workload_environment: Mapping[str, str] = field(default_factory=dict)
    """Further variables for each instrumented container, for example ``HTTPS_PROXY``."""
    sidecar_environment: Mapping[str, str] = field(default_factory=dict)
    """Further variables for the sidecar."""
    ca_certificate_path: str | None = None
    """Path of a CA certificate (PEM) in the container that runs the agent."""
    execution_role_supplied: bool = False
    """The execution role is added by whoever registers the task definition (``fguard deploy`` does)."""

    def __post_init__(self) -> None:
        _one_of(self.topology, _TOPOLOGIES, "topology", "--topology, or agent.topology in fguard.yaml")
        _one_of(self.priority, _PRIORITIES, "priority", "--priority, or agent.priority in fguard.yaml")
        _one_of(self.sidecar_mode, _SIDECAR_MODES, "sidecar mode", "sidecar_mode")
        if self.logging is not None:
            _one_of(self.logging, _LOG_LEVELS, "log level", "--log-level, or agent.log_level in fguard.yaml")
        self._check_extra_conf()
        self._check_version()
        self._check_image()
        if self.topology == "orchestrator":
            self._check_orchestrator()
        else:
            self._check_direct()
        self._check_sidecar()
        check_variables(self.workload_environment, "--workload-env", self.extra_conf)
        check_variables(self.sidecar_environment, "--sidecar-env", self.extra_conf)
        with_ca_certificate(self.extra_conf, self.ca_certificate_path)

    @cached_property
    def recipe(self) -> Recipe:
        """The instrumentation that this agent version needs in this topology."""
        recipe = recipe_for(_major_minor(self.agent_version), self.topology)
        assert recipe is not None  # noqa: S101 - held by _check_version
        return recipe

    @property
    def image(self) -> str:
        """The sidecar's image."""
        return self.agent_image or f"{AGENT_REPOSITORY}:{self.agent_version}"

    @property
    def essential(self) -> bool:
        """Whether the task stops when the sidecar stops."""
        return self.priority == "security" if self.sidecar_essential is None else self.sidecar_essential

    @cached_property
    def workload_variables(self) -> Mapping[str, str]:
        """The recipe's variables of each instrumented container; those left to the agent are not among them."""
        return self._variables(self.recipe.workload_variables)

    @cached_property
    def sidecar_variables(self) -> Mapping[str, str]:
        """The recipe's variables of the sidecar, likewise."""
        return self._variables(self.recipe.sidecar_variables)

    @cached_property
    def sidecars(self) -> dict[bool, dict[str, Any]]:
        """The sidecar in lowerCamelCase (False) and PascalCase (True), kept from when it was first made."""
        return {}

    def _variables(self, names: tuple[str, ...]) -> dict[str, str]:
        values = {
            "SYSDIG_ORCHESTRATOR": self.orchestrator_host,
            "SYSDIG_ORCHESTRATOR_PORT": str(self.orchestrator_port),
            "SYSDIG_COLLECTOR": self.collector_host,
            "SYSDIG_COLLECTOR_PORT": str(self.collector_port),
            "SYSDIG_SIDECAR": self.sidecar_mode,
            "SYSDIG_PRIORITY": self.priority,
            "SYSDIG_LOGGING": self.logging,
            EXTRA_CONF: with_ca_certificate(self.extra_conf, self.ca_certificate_path),
        }
        return {name: value for name in names if (value := values[name]) is not None}

    def secrets(self, names: tuple[str, ...]) -> dict[str, str]:
        """The ``valueFrom`` of a recipe's secrets (there is one, the access key)."""
        return dict.fromkeys(names, self.access_key_arn or "")

    def _check_version(self) -> None:
        flag = "--agent-version, or agent.version in fguard.yaml"
        if not isinstance(self.agent_version, str) or not re.fullmatch(_VERSION, self.agent_version):
            raise SettingsError(
                f"not an agent version: {self.agent_version!r}",
                why="the version decides how to instrument, so it must be exact; `latest` is not",
                fix=f"give major.minor.patch, for example 5.0.1 ({flag})",
            )
        version = _major_minor(self.agent_version)
        if recipe_for(version, self.topology) is not None:
            recipe = self.recipe
            if self.priority == "security" and not recipe.knows_priority:
                raise SettingsError(
                    f"agent {self.agent_version} has no priority `security`",
                    why="priority modes came with agent 5.0.0",
                    fix=f"use 5.0.0 or later ({flag}), or --priority availability",
                    exit_code=PREFLIGHT_REFUSED,
                )
            return
        if recipe_for(version, "direct") is not None:
            raise SettingsError(
                f"agent {self.agent_version} does not work with an orchestrator",
                why="Sysdig supports the orchestrator up to agent 5.x; from 6.0.0 agents connect to the collector",
                fix="--topology direct (agent.topology in fguard.yaml), or a version below 6.0.0 "
                f"({flag}; with orchestrator: {known_versions('orchestrator')})",
                exit_code=PREFLIGHT_REFUSED,
            )
        raise SettingsError(
            f"agent {self.agent_version} is not known",
            why=f"fguard knows how to instrument with {known_versions()}",
            fix=f"give one of these ({flag}), or update fguard",
            exit_code=PREFLIGHT_REFUSED,
        )

    def _check_extra_conf(self) -> None:
        conf, flag = self.extra_conf, "--extra-conf (FGUARD_EXTRA_CONF)"
        if conf is None:
            return
        if not isinstance(conf, str) or not conf.strip():
            raise SettingsError("the agent's extra configuration is empty, or not text", fix=f"give YAML: {flag}")
        if re.search(r"\bcustomerid\b", conf):  # never show the value: the key is in it
            raise SettingsError(
                "the access key (customerid) stands in the agent's extra configuration",
                why="everyone who may describe the task definition could read it",
                fix=f"remove it from {flag}; the key is given with --access-key-arn",
                exit_code=PREFLIGHT_REFUSED,
            )

    def _check_image(self) -> None:
        image = self.image
        flag = "--agent-image, or agent.image in fguard.yaml"
        if not image or any(char.isspace() for char in image):
            raise SettingsError(
                "not an image reference: --agent-image", why="empty, or with white space", fix=flag
            )
        if "@" in image:
            return
        tag = image.rpartition("/")[2].partition(":")[2]
        if not any(char.isdigit() for char in tag) and not self.allow_unpinned_image:
            raise SettingsError(
                f"the agent image is not pinned: {image}",
                why="its tag moves, so tasks that start later would run another agent than the one tested",
                fix=f"give a version tag or a digest ({flag}), or ask for it by name: --allow-unpinned-image",
                exit_code=PREFLIGHT_REFUSED,
            )
        if re.fullmatch(_VERSION, tag) and _major_minor(tag) != _major_minor(self.agent_version):
            raise SettingsError(
                f"the agent image's tag is {tag}, but the agent version is {self.agent_version}",
                why="the version decides how to instrument; the two must agree",
                fix=f"--agent-version {tag} (agent.version in fguard.yaml), or another image ({flag})",
                exit_code=PREFLIGHT_REFUSED,
            )

    def _check_orchestrator(self) -> None:
        _host(
            self.orchestrator_host,
            "the orchestrator's host",
            "--orchestrator-host, or a deployment made by `fguard deploy` (sysdig and agent in fguard.yaml)",
            "--orchestrator-port, or orchestrator.port in fguard.yaml",
        )
        _port(self.orchestrator_port, "--orchestrator-port, or orchestrator.port in fguard.yaml")
        self._check_key("with an orchestrator it is not used: leave --access-key-arn out")

    def _check_direct(self) -> None:
        flag = "--access-key-arn, or sysdig.access_key.secret_arn in fguard.yaml"
        _host(
            self.collector_host,
            "the collector's host",
            "--collector, or sysdig.region or sysdig.collector in fguard.yaml",
            "--collector HOST:PORT, or sysdig.collector.port in fguard.yaml",
        )
        _port(self.collector_port, "--collector HOST:PORT, or sysdig.collector.port in fguard.yaml")
        if not self.access_key_arn:
            raise SettingsError(
                "the access key is missing",
                why="in the direct topology every task connects to the collector with it",
                fix=f"give the ARN of the secret or SSM parameter that holds it ({flag})",
            )
        self._check_key(flag)

    def _check_key(self, flag: str) -> None:
        if self.access_key_arn and not re.fullmatch(_KEY_ARN, self.access_key_arn):  # it may be the key itself
            raise SettingsError(
                "the access key must be the ARN of a Secrets Manager secret or SSM parameter; this is not one",
                why="a key in plain text could be read by everyone who may describe the task definition",
                fix=f"store the key in Secrets Manager and give its ARN ({flag})",
                exit_code=PREFLIGHT_REFUSED,
            )

    def _check_sidecar(self) -> None:
        for value, flag in (
            (self.sidecar_cpu, "--sidecar-cpu, or agent.sidecar.cpu in fguard.yaml"),
            (self.sidecar_memory, "--sidecar-memory, or agent.sidecar.memory in fguard.yaml"),
            (
                self.sidecar_memory_reservation,
                "--sidecar-memory-reservation, or agent.sidecar.memory_reservation in fguard.yaml",
            ),
        ):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
                raise SettingsError(f"not a whole number of zero or more: {value!r}", fix=flag)
        self._check_sidecar_memory()
        if self.log_configuration is not None and not isinstance(self.log_configuration, dict):
            raise SettingsError("log_configuration must be an ECS logConfiguration object")
        if self.log_configuration and not isinstance(self.log_configuration.get("logDriver"), str):
            raise SettingsError(
                "log_configuration names no logDriver", why="ECS requires it", fix='"logDriver": "…"'
            )
        self._check_awslogs()
        for label in self.ignore_labels:
            if not isinstance(label, str) or not label.partition("=")[0].strip():
                raise SettingsError(f"not a Docker label: {label!r}", fix="--ignore-label KEY or KEY=VALUE")
        arn = self.repository_credentials_arn
        if arn is not None and not re.fullmatch(_REGISTRY_ARN, arn):
            raise SettingsError(
                "the registry credentials must be the ARN of a Secrets Manager secret; this is not one",
                fix="--image-pull-secret-arn, or agent.image_pull_secret_arn in fguard.yaml",
            )
        if SIDECAR_NAME in self.ignore_containers:
            raise SettingsError(
                f"{SIDECAR_NAME} is the agent's own container and never instrumented",
                fix="leave it out of --ignore-container",
            )

    def _check_awslogs(self) -> None:
        log = self.log_configuration or {}
        options = log.get("options") or {}
        if log.get("logDriver") != "awslogs" or not isinstance(options, dict):
            return
        missing = [name for name in _AWSLOGS if not options.get(name)]
        if missing:
            raise SettingsError(
                f"the sidecar's log configuration lacks {', '.join(missing)}",
                why="ECS refuses the log driver awslogs without them on Fargate",
                fix=f'"options": {{"{missing[0]}": "…"}}, or --agent-log-group, which sets them all',
            )

    def _check_sidecar_memory(self) -> None:
        memory, reservation = self.sidecar_memory, self.sidecar_memory_reservation
        for value, flag in ((memory, "--sidecar-memory"), (reservation, "--sidecar-memory-reservation")):
            if value and value < LEAST_MEMORY:
                raise SettingsError(
                    f"{flag} is {value} MiB, less than any container needs",
                    why=f"Docker reserves at least {LEAST_MEMORY} MiB for a container",
                    fix=f"give {LEAST_MEMORY} or more: {flag}",
                )
        if memory and reservation and memory < reservation:
            raise SettingsError(
                f"the sidecar's memory, {memory} MiB, is less than its reservation, {reservation} MiB",
                why="ECS refuses a hard limit below the soft limit",
                fix="give more with --sidecar-memory, or less with --sidecar-memory-reservation",
            )


def _major_minor(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def _one_of(value: str, allowed: tuple[str, ...], what: str, flag: str) -> None:
    if value not in allowed:
        raise SettingsError(f"not a {what}: {value!r}", why=f"known are {', '.join(allowed)}", fix=flag)


def _host(value: str | None, what: str, flag: str, port_flag: str) -> None:
    if not value:
        raise SettingsError(f"{what} is missing", fix=f"give {flag}")
    if "://" in value or any(char.isspace() for char in value):
        raise SettingsError(f"not a host name: {value!r}", why="a URL or white space", fix=f"give {flag}")
    if ":" in value:
        raise SettingsError(
            f"not a host name: {value!r}",
            why="there is a port in it, and the port is a setting of its own",
            fix=f"give the host {value.partition(':')[0]} alone, and the port with {port_flag}",
        )


def _port(value: int, flag: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _HIGHEST_PORT:
        raise SettingsError(f"not a port: {value!r}", fix=f"give a number from 1 to {_HIGHEST_PORT} ({flag})")
