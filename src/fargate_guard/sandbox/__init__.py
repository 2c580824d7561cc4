"""The embedded AWS: moto with an ECS scheduler, on a loopback port. No container and no agent runs in it."""

from fargate_guard.sandbox.faults import Fault, FaultKind
from fargate_guard.sandbox.sandbox import NOTICE, Sandbox

__all__ = ["NOTICE", "Fault", "FaultKind", "Sandbox"]
