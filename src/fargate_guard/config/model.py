"""The model of ``fguard.yaml``. Its JSON Schema is published, so editors complete the file.

Sysdig's settings have the meaning of the variables of the published orchestrator module
(registry.terraform.io/modules/sysdiglabs/fargate-orchestrator-agent/aws); AWS's words are the ECS and EC2 APIs'.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from fargate_guard.config.fargate import LOG_RETENTION_DAYS, check_task_size
from fargate_guard.config.sysdig import COLLECTORS, Collector, SysdigRegion

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,22}[a-z0-9]$")]
VpcId = Annotated[str, StringConstraints(pattern=r"^vpc-[0-9a-f]{4,17}$")]
SubnetId = Annotated[str, StringConstraints(pattern=r"^subnet-[0-9a-f]{4,17}$")]
SecurityGroupId = Annotated[str, StringConstraints(pattern=r"^sg-[0-9a-f]{4,17}$")]
SecretArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+$")
]
ParameterArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:parameter/.+$")]
KmsKeyArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/.+$")]
TargetGroupArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:targetgroup/.+$")
]
LoadBalancerArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:loadbalancer/.+$")
]
CertificateArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:(acm|iam):[a-z0-9-]*:\d{12}:(server-)?certificate/.+$")
]
AgentVersion = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+([.-][0-9A-Za-z.-]+)?$")]
Ipv4Block = Annotated[str, AfterValidator(lambda block: str(ipaddress.IPv4Network(block)))]
Port = Annotated[int, Field(ge=1, le=65535)]
CpuArchitecture = Literal["X86_64", "ARM64"]
LogLevel = Literal["fatal", "critical", "error", "warning", "notice", "info", "debug", "trace"]

DEFAULT_AGENT_VERSION = {"orchestrator": "5.0.1", "direct": "6.2.1"}
FIRST_VERSION_WITHOUT_ORCHESTRATOR = 6


class Strict(BaseModel):
    """A mapping that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


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


class Sidecar(Strict):
    """The container ``SysdigInstrumentation``."""

    cpu: Annotated[int, Field(ge=0)] | None = None
    """CPU units (1024 are one vCPU)."""
    memory: Annotated[int, Field(ge=6)] | None = None
    """Hard limit, MiB."""
    memory_reservation: Annotated[int, Field(ge=6)] | None = None
    """Soft limit, MiB."""
    essential: bool | None = None
    """Default: only with ``priority: security``."""


class Agent(Strict):
    """The workload agent."""

    topology: Literal["orchestrator", "direct"] = "orchestrator"
    """``direct``: agents of 6.0.0 and later connect to the collector themselves."""
    version: AgentVersion | None = None
    image: str | None = None
    """Workload agent image, for a mirror. Default: ``quay.io/sysdig/workload-agent:<version>``."""
    priority: Literal["availability", "security"] = "availability"
    """``security``: the workload waits for its policies, and the sidecar is essential."""
    log_level: Literal["silent", "fatal", "critical", "error", "warning", "info", "debug", "trace"] = "info"
    image_pull_secret_arn: SecretArn | None = None
    """``repositoryCredentials`` of the agent's images."""
    sidecar: Sidecar = Sidecar()

    @property
    def effective_version(self) -> str:
        """The version that is installed."""
        return self.version or DEFAULT_AGENT_VERSION[self.topology]

    @model_validator(mode="after")
    def _topology_fits_version(self) -> Self:
        major = int(self.effective_version.split(".", 1)[0])
        if self.topology == "orchestrator" and major >= FIRST_VERSION_WITHOUT_ORCHESTRATOR:
            raise ValueError(
                f"agent {self.effective_version} does not work with an orchestrator (unsupported from 6.0.0); "
                "set topology: direct, or a version below 6"
            )
        if self.topology == "direct" and major < FIRST_VERSION_WITHOUT_ORCHESTRATOR:
            raise ValueError(
                f"agent {self.effective_version} needs topology: orchestrator; direct starts at 6.0.0"
            )
        return self


class CaCertificate(Strict):
    """A CA certificate that is handed to the orchestrator agent."""

    file: str
    """PEM file, relative to ``fguard.yaml``."""
    path: str = "/ssl/collector_cert.pem"
    """Where the agent writes it; absolute, or relative to ``/opt/draios``."""


class ProxyCaCertificate(CaCertificate):
    """A CA certificate of the proxy."""

    path: str = "/ssl/proxy_cert.pem"
    """Where the agent writes it; absolute, or relative to ``/opt/draios``."""


class Proxy(Strict):
    """The HTTP proxy between the orchestrator and the collector."""

    host: str
    port: Port
    user: str | None = None
    password_arn: SecretArn | ParameterArn | None = None
    ssl: bool = False
    ssl_verify_certificate: bool = True
    ca_certificate: ProxyCaCertificate | None = None


class Autoscaling(Strict):
    """Target tracking for the orchestrator's service."""

    target_metric: Literal["ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization"]
    target_value: Annotated[float, Field(gt=0, le=100)]
    """Percent."""
    max_capacity: Annotated[int, Field(ge=1)]
    scale_in_cooldown: Annotated[int, Field(ge=0)] = 300
    """Seconds."""
    scale_out_cooldown: Annotated[int, Field(ge=0)] = 300
    """Seconds."""


class Orchestrator(Strict):
    """The orchestrator agent: a service behind an internal network load balancer."""

    version: AgentVersion | None = None
    """Default: the workload agent's."""
    image: str | None = None
    """Default: ``quay.io/sysdig/orchestrator-agent:<version>``."""
    port: Port = 6667
    cpu: int = 2048
    memory: int = 8192
    """MiB."""
    cpu_architecture: CpuArchitecture = "X86_64"
    desired_count: Annotated[int, Field(ge=1)] = 1
    log_level: LogLevel = "info"
    tags: dict[str, str] = {}
    """Agent tags (not AWS tags): they appear on every event."""
    extra_conf: str = ""
    """YAML appended to the agent's configuration."""
    check_collector_certificate: bool = True
    collector_ca_certificate: CaCertificate | None = None
    proxy: Proxy | None = None
    autoscaling: Autoscaling | None = None
    load_balancer_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,32}$")] | None = None
    client_cidr_blocks: list[Ipv4Block] = []
    """Where else workload agents connect from. The deployment's own task subnets are admitted anyway."""
    client_security_group_ids: list[SecurityGroupId] = []
    """Security groups that workload agents connect from, beside the task subnets."""

    @model_validator(mode="after")
    def _fargate_size(self) -> Self:
        check_task_size(self.cpu, self.memory)
        return self


class AccessKey(Strict):
    """Where the agent access key is. It is never written into a file, a task definition or Terraform."""

    secret_arn: SecretArn | None = None
    """Secrets Manager, optionally with ``:json-key:version-stage:version-id``."""
    parameter_arn: ParameterArn | None = None
    """SSM Parameter Store, a SecureString."""
    env: str | None = None
    """An environment variable; fguard stores its value in Secrets Manager."""
    kms_key_arn: KmsKeyArn | None = None
    """The customer managed key that encrypts it, where there is one."""

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


class Listener(Strict):
    """A listener that fguard adds to a load balancer of yours."""

    load_balancer_arn: LoadBalancerArn
    port: Port
    certificate_arn: CertificateArn | None = None
    """Makes it HTTPS (or TLS, on a network load balancer)."""


class TargetGroup(Strict):
    """A load balancer's target group for the workload's service."""

    container_name: str
    container_port: Port
    arn: TargetGroupArn | None = None
    """An existing target group; omit to create one."""
    protocol: Literal["HTTP", "HTTPS", "TCP"] = "HTTP"
    health_check_path: str = "/"
    listener: Listener | None = None
    """What sends to a target group that is created; ECS refuses one that no load balancer uses."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if (self.arn is None) == (self.listener is None):
            raise ValueError(
                "give either arn (an existing target group) or listener (a new one behind your load balancer)"
            )
        return self


class Service(Strict):
    """The ECS service of a workload."""

    desired_count: Annotated[int, Field(ge=0)] = 1
    security_group_ids: list[SecurityGroupId] = []
    """Further security groups of the tasks, beside the one fguard creates."""
    target_group: TargetGroup | None = None
    enable_execute_command: bool = False
    health_check_grace_period_seconds: Annotated[int, Field(ge=0)] | None = None


class Workload(Strict):
    """A task definition to instrument and, with ``service``, to run."""

    task_definition: str
    """JSON file, relative to ``fguard.yaml``."""
    name: Name | None = None
    """Default: the file's name."""
    service: Service | None = None
    """Omit to register the task definition only."""
    ignore_containers: list[str] = []
    create_log_groups: bool = False
    """Create the log groups that the containers name (``awslogs-group``), with the settings of ``logs``, and
    remove them on destroy. Default: they are yours and must exist."""


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


def workload_name(workload: Workload) -> str:
    """Return the name under which a workload's resources go: its own, or its file's."""
    if workload.name:
        return workload.name
    stem = workload.task_definition.rsplit("/", 1)[-1].rsplit(".", 1)[0].lower()
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in stem)
    return kept.strip("-")[:24].strip("-") or "workload"
