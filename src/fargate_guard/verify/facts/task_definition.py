"""One registered revision, with the questions that checks ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from fargate_guard.taskdef.definition import locate
from fargate_guard.taskdef.errors import TaskDefinitionError
from fargate_guard.taskdef.existing import name_of
from fargate_guard.taskdef.recipes import INSTRUMENT, SIDECAR_NAME
from fargate_guard.taskdef.selection import BY_ITSELF, why_left_out
from fargate_guard.taskdef.tags import ignored_by_tags

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.taskdef.selection import Rules

Json = dict[str, Any]

KEY_NAMES = frozenset({"SYSDIG_ACCESS_KEY", "ACCESS_KEY"})
"""Variables that hold the agent access key: of the workload agent, and of the orchestrator agent."""


@dataclass(frozen=True, slots=True)
class ContainerDefinition:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html."""

    json: Json

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.json.get("name", ""))

    @property
    def image(self) -> str:
        """The image reference."""
        return str(self.json.get("image", ""))

    @property
    def argv(self) -> list[str]:
        """entryPoint and command, as ECS starts the container."""
        return [*(self.json.get("entryPoint") or ()), *(self.json.get("command") or ())]

    @property
    def environment(self) -> dict[str, str]:
        """Plain variables by name."""
        return {entry["name"]: entry.get("value", "") for entry in self.json.get("environment") or ()}

    @property
    def secrets(self) -> dict[str, str]:
        """``valueFrom`` by the variable's name."""
        return {entry["name"]: entry["valueFrom"] for entry in self.json.get("secrets") or ()}

    @property
    def variable_names(self) -> list[str]:
        """Names of plain and secret variables, duplicates included."""
        entries = [*(self.json.get("environment") or ()), *(self.json.get("secrets") or ())]
        return [entry["name"] for entry in entries]

    @property
    def added_capabilities(self) -> list[str]:
        """``linuxParameters.capabilities.add``."""
        linux = self.json.get("linuxParameters") or {}
        return list((linux.get("capabilities") or {}).get("add") or ())

    @property
    def volumes_from(self) -> list[Json]:
        """``volumesFrom`` entries."""
        return list(self.json.get("volumesFrom") or ())

    @property
    def is_sidecar(self) -> bool:
        """Whether this is the agent's sidecar; the manual instructions write its name in lower case."""
        return self.name.lower() == SIDECAR_NAME.lower()

    @property
    def is_instrumented(self) -> bool:
        """Whether it starts under the agent's wrapper."""
        return self.argv[:1] == [INSTRUMENT]

    @property
    def log_group(self) -> str | None:
        """The awslogs group, None with another driver or none."""
        return self._awslogs.get("awslogs-group")

    @property
    def log_region(self) -> str | None:
        """The awslogs group's region; None: the task's own."""
        return self._awslogs.get("awslogs-region")

    def log_stream(self, task_id: str) -> str | None:
        """Return the awslogs stream of a task's container; None where it cannot be told (no prefix).

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html
        """
        prefix = self._awslogs.get("awslogs-stream-prefix")
        return f"{prefix}/{self.name}/{task_id}" if prefix else None

    @property
    def _awslogs(self) -> dict[str, str]:
        log = self.json.get("logConfiguration") or {}
        return dict(log.get("options") or {}) if log.get("logDriver") == "awslogs" else {}


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html."""

    arn: str
    status: str
    """``ACTIVE``, ``INACTIVE`` or ``DELETE_IN_PROGRESS``."""
    json: Json
    containers: tuple[ContainerDefinition, ...]

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> Self:
        """Read DescribeTaskDefinition."""
        return cls(
            arn=definition["taskDefinitionArn"],
            status=definition.get("status") or "ACTIVE",
            json=dict(definition),
            containers=tuple(ContainerDefinition(entry) for entry in definition.get("containerDefinitions", ())),
        )

    @property
    def is_instrumented(self) -> bool:
        """Whether there is a sidecar and something that starts under its wrapper."""
        return self.sidecar is not None and any(container.is_instrumented for container in self.workloads)

    def left_out(self, rules: Rules = BY_ITSELF) -> dict[str, str]:
        """Which containers are not to be instrumented, by name, and why."""
        try:
            found = locate(self.json)
            tags = ignored_by_tags(found)
        except TaskDefinitionError:  # ECS registers nothing like this
            return {}
        sidecars = {container.name for container in self.sidecars}
        reasons = {name_of(one): why_left_out(one, rules, tags) for one in found.parsed}
        return {name: why for name, why in reasons.items() if why is not None and name not in sidecars}

    def why_not_watched(self, rules: Rules = BY_ITSELF) -> str | None:
        """Why nothing in it is to be instrumented; None where something is, or has the agent nevertheless."""
        reasons = self.left_out(rules)
        if self.is_instrumented or any(container.name not in reasons for container in self.workloads):
            return None
        return "; ".join(dict.fromkeys(reasons.values()))

    @property
    def compatibilities(self) -> list[str]:
        """``requiresCompatibilities``."""
        return list(self.json.get("requiresCompatibilities") or ())

    @property
    def sidecars(self) -> list[ContainerDefinition]:
        """The agent's sidecar; one, where everything is right."""
        return [container for container in self.containers if container.is_sidecar]

    @property
    def sidecar(self) -> ContainerDefinition | None:
        """The first sidecar."""
        return next(iter(self.sidecars), None)

    @property
    def workloads(self) -> list[ContainerDefinition]:
        """Every container but the sidecar."""
        return [container for container in self.containers if not container.is_sidecar]

    @property
    def may_end(self) -> frozenset[str]:
        """Names of containers whose end does not end the task: they may do their work and exit with 0."""
        return frozenset(
            container.name for container in self.containers if container.json.get("essential") is False
        )

    def container(self, name: str) -> ContainerDefinition | None:
        """Return the container called ``name``."""
        return next((container for container in self.containers if container.name == name), None)

    def secret_references(self) -> Iterator[tuple[str, str, str]]:
        """Yield container name, what it is for, and ``valueFrom`` of every secret that ECS fetches.

        These are variables, options of the log driver, and the credentials of a private registry (by ARN).
        """
        for container in self.containers:
            for variable, value_from in container.secrets.items():
                yield container.name, variable, value_from
            for option in (container.json.get("logConfiguration") or {}).get("secretOptions") or ():
                yield container.name, option["name"], option["valueFrom"]
            registry = (container.json.get("repositoryCredentials") or {}).get("credentialsParameter") or ""
            if registry.startswith("arn:"):
                yield container.name, "repositoryCredentials", registry
