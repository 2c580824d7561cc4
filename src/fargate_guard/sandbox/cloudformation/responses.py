"""The CloudFormation API of the sandbox."""

from __future__ import annotations

from fargate_guard.sandbox.cloudformation.change_set_calls import ChangeSetCalls
from fargate_guard.sandbox.cloudformation.description_calls import DescriptionCalls
from fargate_guard.sandbox.cloudformation.drift_calls import DriftCalls
from fargate_guard.sandbox.cloudformation.stack_calls import StackCalls
from fargate_guard.sandbox.cloudformation.stack_sets_calls import StackSetCalls
from fargate_guard.sandbox.cloudformation.template_calls import TemplateCalls


class CloudFormationCalls(StackCalls, ChangeSetCalls, DescriptionCalls, TemplateCalls, DriftCalls, StackSetCalls):
    """Dispatches CloudFormation's calls; every method is named after its API action."""
