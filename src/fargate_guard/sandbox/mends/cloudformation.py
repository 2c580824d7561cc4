"""CloudFormation: stacks that take their time, roll back and keep every property.

See ``sandbox/cloudformation``.
"""

from __future__ import annotations

from moto.cloudformation import models, urls

from fargate_guard.sandbox.cloudformation.backend import StackBackend
from fargate_guard.sandbox.cloudformation.responses import CloudFormationCalls


def mend() -> None:
    """Let moto's server use the sandbox's CloudFormation. moto's own

    - is done at once and without states between: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#cfn-stack-status-codes
    - does not roll back: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
    - does not go on with a rollback:
      https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-continueupdaterollback.html
    - compares no properties in change sets: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    - runs no macros: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-macros-author.html
    - finds no drift: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
    - drops properties of resources (task definitions, services, load balancers), each with its page in
      ``sandbox/cloudformation/resources``.
    """
    models.cloudformation_backends.backend = StackBackend  # type: ignore[assignment]
    urls.url_paths["{0}/$"] = CloudFormationCalls.dispatch
