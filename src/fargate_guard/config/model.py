"""The model of ``fguard.yaml``. Its JSON Schema is published, so editors complete the file."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from fargate_guard.config.agent import Agent
from fargate_guard.config.cloudformation import CloudFormation
from fargate_guard.config.fargate import LOG_RETENTION_DAYS
from fargate_guard.config.orchestrator import Orchestrator
from fargate_guard.config.sysdig import COLLECTORS, Api, Collector, SysdigRegion
from fargate_guard.config.types import KmsKeyArn, Name, ParameterArn, SecretArn, Strict, SubnetId, VpcId
from fargate_guard.config.workload import Workload, workload_name


class Aws(Strict):
    """Where to deploy. Flags and boto3's own environment variables come first."""

    region: str | None = None
    """AWS Region, for example ``us-east-1``."""
    profile: str | None = None
    """Named profile of the shared AWS configuration files."""


class Network(Strict):
    """A VPC of its own, or with ``vpc_id`` and ``subnet_ids`` one that exists and stays untouched."""

    vpc_id: VpcId | None = None
    subnet_ids: list[SubnetId] = []
    """Subnets for the orchestrator and the workloads: two or more, in two or more zones, with a route out."""
    assign_public_ip: bool | None = None
    """Public addresses for tasks. Default: only where the subnets have no NAT gateway (``nat_gateway: none``)."""
    cidr: str = "10.0.0.0/16"
    zones: Annotated[int, Field(ge=2, le=6)] = 2
    """How many Availability Zones the subnets spread over."""
    nat_gateway: Literal["one", "per_zone", "none"] = "one"
    """``none`` runs the tasks in public subnets with public addresses."""
    endpoints: list[Literal["s3", "ecr", "logs", "secretsmanager", "ssm"]] = []
    """VPC endpoints: a gateway endpoint for S3, interface endpoints for the rest."""

    @field_validator("cidr")
    @classmethod
    def _vpc_sized(cls, value: str) -> str:
        block = ipaddress.IPv4Network(value)
        if not 16 <= block.prefixlen <= 24:  # noqa: PLR2004 - a VPC's /16, and room for six pairs of subnets
            raise ValueError("the VPC's block must be between /16 and /24")
        return value

    @model_validator(mode="after")
    def _own_or_existing(self) -> Self:
        if self.vpc_id and len(self.subnet_ids) < 2:  # noqa: PLR2004
            raise ValueError("vpc_id needs subnet_ids: at least two subnets in two zones")
        if self.subnet_ids and not self.vpc_id:
            raise ValueError("subnet_ids needs vpc_id")
        if len(set(self.subnet_ids)) != len(self.subnet_ids):
            raise ValueError("subnet_ids names a subnet twice")
        created_only = {"cidr", "zones", "nat_gateway", "endpoints"} & self.model_fields_set
        if self.vpc_id and created_only:
            raise ValueError(
                f"{', '.join(sorted(created_only))}: only for a VPC that fguard creates; remove it or vpc_id"
            )
        if not self.vpc_id and self.nat_gateway == "none" and self.assign_public_ip is False:
            raise ValueError("nat_gateway: none needs public addresses; remove assign_public_ip: false")
        return self

    @property
    def tasks_get_public_ip(self) -> bool:
        """Whether tasks are started with ``assignPublicIp: ENABLED``."""
        if self.assign_public_ip is not None:
            return self.assign_public_ip
        return self.vpc_id is None and self.nat_gateway == "none"


class Cluster(Strict):
    """The ECS cluster of orchestrator and workloads."""

    name: str | None = None
    """An existing cluster's name; omit to create one."""
    container_insights: Literal["disabled", "enabled", "enhanced"] = "disabled"


class AccessKey(Strict):
    """Where the agent access key is. It is never written into a file, a task definition or Terraform."""

    secret_arn: SecretArn | None = None
    """Secrets Manager, optionally with ``:json-key:version-stage:version-id``."""
    parameter_arn: ParameterArn | None = None
    """SSM Parameter Store, a SecureString."""
    env: str | None = None
    """An environment variable; fguard stores its value in Secrets Manager."""
    kms_key_arn: KmsKeyArn | None = None
    """The customer managed key with which fguard encrypts the secret that it creates (with ``env``)."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [key for key in ("secret_arn", "parameter_arn", "env") if getattr(self, key)]
        if len(given) != 1:
            raise ValueError("give exactly one of secret_arn, parameter_arn, env")
        return self


class Sysdig(Strict):
    """The Sysdig Secure account."""

    region: SysdigRegion | None = None
    collector: Collector | None = None
    """Instead of ``region``, for on-premises and IBM installations."""
    access_key: AccessKey
    api: Api = Api()

    @model_validator(mode="after")
    def _one_collector(self) -> Self:
        if (self.region is None) == (self.collector is None):
            raise ValueError("give either region or collector")
        return self

    @property
    def effective_collector(self) -> Collector:
        """Host and port the agents connect to."""
        if self.collector is not None:
            return self.collector
        assert self.region is not None  # noqa: S101 - held by _one_collector
        return COLLECTORS[self.region]


class Logs(Strict):
    """CloudWatch Logs groups that fguard creates."""

    retention_days: int = 30
    """One of the values that CloudWatch Logs accepts; 0 keeps logs for ever."""
    kms_key_arn: KmsKeyArn | None = None

    @field_validator("retention_days")
    @classmethod
    def _accepted_by_cloudwatch(cls, value: int) -> int:
        if value not in LOG_RETENTION_DAYS:
            raise ValueError(f"CloudWatch Logs accepts {', '.join(map(str, LOG_RETENTION_DAYS))}")
        return value


class S3State(Strict):
    """Terraform state in S3, locked by Terraform's own lock file."""

    bucket: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    key: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    region: str | None = None
    """Default: the deployment's."""
    create: bool = False
    """Create the bucket: versioned, encrypted, no public access."""
    kms_key_arn: KmsKeyArn | None = None


class State(Strict):
    """Where Terraform keeps its state."""

    s3: S3State


class Config(Strict):
    """One deployment."""

    name: Name
    """Prefix and tag of every resource: 2 to 24 lower-case letters, digits and hyphens."""
    aws: Aws = Aws()
    tags: dict[str, str] = {}
    """AWS tags of every resource."""
    network: Network = Network()
    cluster: Cluster = Cluster()
    agent: Agent = Agent()
    orchestrator: Orchestrator = Orchestrator()
    sysdig: Sysdig
    workloads: list[Workload] = []
    logs: Logs = Logs()
    state: State | None = None
    """Omit for a local state file."""
    cloudformation: CloudFormation = CloudFormation()

    @field_validator("tags")
    @classmethod
    def _tags_leave_ours_alone(cls, value: dict[str, str]) -> dict[str, str]:
        for key in value:
            if key.startswith(("fguard:", "aws:")):
                raise ValueError(f"the tag {key!r} has a reserved prefix (fguard:, aws:)")
        return value

    @model_validator(mode="after")
    def _workload_names_differ(self) -> Self:
        names = [workload_name(workload) for workload in self.workloads]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two workloads are called {name!r}; give each its own name")
        return self
