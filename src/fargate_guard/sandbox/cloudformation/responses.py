"""The CloudFormation API of the sandbox."""

from __future__ import annotations

from fargate_guard.sandbox.cloudformation.description_calls import DescriptionCalls
from fargate_guard.sandbox.cloudformation.stack_calls import StackCalls


class CloudFormationCalls(StackCalls, DescriptionCalls):
    """Dispatches CloudFormation's calls; every method is named after its API action."""
