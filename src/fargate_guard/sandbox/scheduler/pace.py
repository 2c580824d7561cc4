"""How long the steps of a task take in the sandbox: ECS's order, but a second instead of a minute."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Durations in seconds, divided by ``speed`` when used."""

    speed: float = 1.0
    """2 is twice as fast."""
    provisioning: float = 0.2
    pending: float = 0.4
    activating: float = 0.1
    container_health: float = 0.3
    """From RUNNING to a first verdict of the container's health check."""
    target_health: float = 0.3
    """From registration to a first verdict of the load balancer's health check."""
    unhealthy: float = 0.6
    """From RUNNING until a failing health check makes ECS stop the task."""
    settling: float = 0.2
    """From RUNNING until a task without health checks counts as healthy."""
    exit: float = 0.1
    """From RUNNING until a container exits that was told to."""
    deactivating: float = 0.15
    """Draining of the target: AWS waits for ``deregistration_delay.timeout_seconds`` here."""
    stopping: float = 0.15
    deprovisioning: float = 0.1
    resource: float = 0.1
    """CloudFormation's work on one resource, apart from waiting for it to be stable."""
    resource_poll: float = 0.1
    """Between two of CloudFormation's looks at a resource that is not stable yet."""
    first_retry: float = 0.1
    """Between a failed task and the next one; doubles after the third failure in a row."""
    longest_retry: float = 60.0

    def seconds(self, name: str) -> float:
        """Return one of the durations above at this speed."""
        return float(getattr(self, name)) / self.speed
