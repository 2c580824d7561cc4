"""The embedded AWS: moto with an ECS scheduler, on a loopback port. No container and no agent runs in it."""

from fargate_guard.sandbox.faults import Fault, FaultKind, Faults
from fargate_guard.sandbox.notice import NOTICE
from fargate_guard.sandbox.sandbox import Sandbox

__all__ = ["NOTICE", "Fault", "FaultKind", "Faults", "Sandbox"]
