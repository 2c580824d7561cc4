"""The embedded AWS: moto with an ECS scheduler, on a loopback port. No container and no agent runs in it.

``Sandbox.start()`` for this process, ``fguard sandbox start`` for one in the background. Things go wrong on
request: ``sandbox.faults.add(Fault(FaultKind.IMAGE_PULL, service="web"))``, or from another process
``POST /_fguard/faults {"kind": "image_pull", "service": "web"}``; ``DELETE /_fguard/faults`` ends them.

Not emulated: IAM permissions (nothing is denied; SimulatePrincipalPolicy answers NotSupportedBySandbox), network
traffic, load, images and registries, auto scaling by load, blue/green and external deployments, DAEMON services,
and the ECS resources of CloudFormation beyond what moto has. A call that moto lacks is answered with
NotSupportedBySandbox and HTTP 501, which the SDKs do not retry.
"""

from fargate_guard.sandbox.faults import Fault, FaultKind, Faults
from fargate_guard.sandbox.notice import NOTICE
from fargate_guard.sandbox.sandbox import Sandbox

__all__ = ["NOTICE", "Fault", "FaultKind", "Faults", "Sandbox"]
