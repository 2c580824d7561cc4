"""What a deployment is made of: its folder on disk and what Terraform says it built."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DEPLOYMENT_TAG = "fguard:deployment"
"""Every resource of a deployment carries this tag with the deployment's name."""
MANAGED_BY_TAG = "fguard:managed-by"
MANAGED_BY = "fargate-guard"


@dataclass(frozen=True, slots=True)
class DeploymentFolder:
    """``.fguard/<name>/`` beside ``fguard.yaml``: 0700, its files 0600, and it ignores itself in git."""

    path: Path

    @classmethod
    def of(cls, config_file: Path, name: str) -> Self:
        """Return the folder of the deployment called ``name``; nothing is created."""
        return cls(config_file.resolve().parent / ".fguard" / name)

    @property
    def module(self) -> Path:
        """The rendered Terraform root module."""
        return self.path / "terraform"

    @property
    def plan(self) -> Path:
        """The saved plan that is shown, approved and applied."""
        return self.path / "deployment.tfplan"

    @property
    def logs(self) -> Path:
        """Terraform's run logs."""
        return self.path / "logs"

    @property
    def state(self) -> Path:
        """The local state file, where the configuration names no remote state."""
        return self.module / "terraform.tfstate"

    @property
    def stack(self) -> Path:
        """The record that the deployment lives in a CloudFormation stack: its ARN, as JSON."""
        return self.path / "stack.json"

    def create(self) -> None:
        """Make the folder with those for Terraform, readable by their owner only."""
        self._make(self.path.parent, self.path, self.module, self.logs)

    def record_stack(self, stack_id: str) -> None:
        """Note on this machine in which stack the deployment lives."""
        self._make(self.path.parent, self.path)
        write_private(self.stack, json.dumps({"stack_id": stack_id}) + "\n")

    def _make(self, *folders: Path) -> None:
        for folder in folders:
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
        ignore = self.path.parent / ".gitignore"
        if not ignore.exists():
            write_private(ignore, "*\n")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    partial.replace(path)


class _Output:
    """One object of Terraform's outputs; unknown attributes are left out, so that outputs can grow."""

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        return cls(
            **{key: tuple(item) if isinstance(item, list) else item for key, item in value.items() if key in known}
        )


@dataclass(frozen=True, slots=True)
class NetworkOutputs(_Output):
    """Output ``network`` of the root module."""

    vpc_id: str
    created: bool
    task_subnet_ids: tuple[str, ...]
    """Where orchestrator and workloads run."""
    assign_public_ip: bool
    public_subnet_ids: tuple[str, ...] = ()
    private_subnet_ids: tuple[str, ...] = ()
    nat_gateway_ids: tuple[str, ...] = ()
    internet_gateway_id: str | None = None
    vpc_endpoint_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterOutputs(_Output):
    """Output ``cluster`` of the root module."""

    arn: str
    name: str
    created: bool


@dataclass(frozen=True, slots=True)
class OrchestratorOutputs(_Output):
    """Output ``orchestrator`` of the root module."""

    host: str
    """DNS name of the internal network load balancer."""
    port: int
    security_group_id: str
    load_balancer_security_group_id: str
    load_balancer_arn: str
    target_group_arn: str
    listener_arn: str
    service_name: str
    service_arn: str
    task_definition_arn: str
    container_name: str
    execution_role_arn: str
    log_group_name: str
    task_role_arn: str | None = None


@dataclass(frozen=True, slots=True)
class WorkloadOutputs(_Output):
    """One value of the output ``workloads`` of the root module."""

    task_definition_arn: str
    family: str
    execution_role_arn: str
    agent_log_group_name: str
    service_name: str | None = None
    service_arn: str | None = None
    security_group_id: str | None = None
    task_role_arn: str | None = None
    log_group_name: str | None = None
    target_group_arn: str | None = None


@dataclass(frozen=True, slots=True)
class DeploymentOutputs:
    """The root module's outputs, typed."""

    region: str
    account_id: str
    partition: str
    network: NetworkOutputs
    cluster: ClusterOutputs
    orchestrator: OrchestratorOutputs | None
    """None in the direct topology."""
    workloads: dict[str, WorkloadOutputs]

    @classmethod
    def of(cls, outputs: Mapping[str, Any]) -> Self | None:
        """Read Terraform's output values; None where nothing (or not everything) is deployed."""
        if not {"network", "cluster", "workloads"} <= outputs.keys():
            return None
        orchestrator = outputs.get("orchestrator")
        return cls(
            region=outputs["region"],
            account_id=outputs["account_id"],
            partition=outputs["partition"],
            network=NetworkOutputs.of(outputs["network"]),
            cluster=ClusterOutputs.of(outputs["cluster"]),
            orchestrator=OrchestratorOutputs.of(orchestrator) if orchestrator else None,
            workloads={name: WorkloadOutputs.of(value) for name, value in outputs["workloads"].items()},
        )
