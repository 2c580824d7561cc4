"""The workloads in ``fguard.yaml``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from fargate_guard.config.types import (
    CertificateArn,
    LoadBalancerArn,
    Name,
    Port,
    SecurityGroupId,
    Strict,
    TargetGroupArn,
)


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
    """File with an ECS task definition, JSON or YAML, relative to ``fguard.yaml``."""
    name: Name | None = None
    """Default: the file's name."""
    service: Service | None = None
    """Omit to register the task definition only."""
    ignore_containers: list[str] = []
    """Containers to leave as they are: names, or patterns such as ``log*``."""
    create_log_groups: bool = False
    """Create the log groups that the containers name (``awslogs-group``), with the settings of ``logs``, and
    remove them on destroy. Default: they are yours and must exist."""


def workload_name(workload: Workload) -> str:
    """Return the name under which a workload's resources go: its own, or its file's."""
    if workload.name:
        return workload.name
    stem = workload.task_definition.rsplit("/", 1)[-1].rsplit(".", 1)[0].lower()
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in stem)
    return kept.strip("-")[:24].strip("-") or "workload"
