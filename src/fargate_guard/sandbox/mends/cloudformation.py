"""CloudFormation: stacks that take their time, roll back and keep every property.

See ``sandbox/cloudformation``.
"""

from __future__ import annotations

from moto.cloudformation import models, urls

from fargate_guard.sandbox.cloudformation.backend import StackBackend
from fargate_guard.sandbox.cloudformation.responses import CloudFormationCalls


def mend() -> None:
    """Let moto's server use the sandbox's CloudFormation.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/Welcome.html
    """
    models.cloudformation_backends.backend = StackBackend  # type: ignore[assignment]
    urls.url_paths["{0}/$"] = CloudFormationCalls.dispatch
