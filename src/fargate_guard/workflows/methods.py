"""Terraform or CloudFormation: what a deployment was made with is found, and never switched under way."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING

from fargate_guard.errors import PreflightError, UsageError

if TYPE_CHECKING:
    from fargate_guard.stacks.states import Stack
    from fargate_guard.workflows.context import Context


class Method(StrEnum):
    """What makes a deployment's resources."""

    TERRAFORM = "terraform"
    CLOUDFORMATION = "cloudformation"

    @property
    def product(self) -> str:
        """Its name, as people write it."""
        return "Terraform" if self is Method.TERRAFORM else "CloudFormation"


def named_method(name: str) -> Method:
    """Return the method that ``--method`` names.

    :raises UsageError: when there is no such method.
    """
    try:
        return Method(name)
    except ValueError:
        raise UsageError(f"--method is {name!r}", fix=f"use one of: {', '.join(Method)}") from None


def method_to_deploy(context: Context, asked: str | None) -> Method:
    """Return the method for a deploy: what was asked for, else what is deployed, else Terraform.

    :raises PreflightError: when the deployment lives with the other method, or with one that is not known here.
    """
    wanted = named_method(asked) if asked else None
    live = live_method(context, remote_state=wanted is Method.CLOUDFORMATION)
    if wanted is not None and live is not None and wanted is not live:
        raise _switching_refused(context, live, wanted)
    if live is None:
        _refuse_unknown_deployment(context)
    return wanted or live or Method.TERRAFORM


def live_method(context: Context, *, remote_state: bool = False) -> Method | None:
    """Return the method that made what is deployed; None where nothing is known to be.

    Terraform's own files come first, so that who uses Terraform needs no permission for CloudFormation.

    :param remote_state: whether to read a state in S3 where the module was never rendered on this machine.
    """
    if has_local_terraform(context):
        return Method.TERRAFORM
    if deployed_stack(context) is not None:
        return Method.CLOUDFORMATION
    if remote_state and _has_remote_terraform(context):
        return Method.TERRAFORM
    return None


def method_to_remove(context: Context) -> Method:
    """Return the method that takes a deployment away; an empty stack, too, is CloudFormation's to remove.

    :raises AccessDenied: when a stack may be there, and nothing tells of Terraform: what the stack needs, such as
        the access key, must not be taken from under it.
    """
    if has_local_terraform(context):
        return Method.TERRAFORM
    stack = any_stack(context, may_be_unknown=context.config.state is not None)
    return Method.TERRAFORM if stack is None else Method.CLOUDFORMATION


def deployed_stack(context: Context) -> Stack | None:
    """Return the deployment's stack, whatever its state; None where there is none, or one may not ask.

    A stack under review has no resources: nothing is deployed by it.
    """
    stack = any_stack(context)
    return None if stack is None or stack.is_in_review else stack


def any_stack(context: Context, *, may_be_unknown: bool = True) -> Stack | None:
    """Return the deployment's stack, also one under review; None where there is none.

    :param may_be_unknown: return None also where one may not ask, unless this machine has deployed a stack.
    :raises AccessDenied: else.
    :raises PreflightError: when a stack of that name is not this deployment's.
    """
    from fargate_guard.aws.cloudformation import find_stack
    from fargate_guard.aws.errors import AccessDenied
    from fargate_guard.stacks.template import stack_name
    from fargate_guard.workflows.stack_owner import deployment_owner, refuse_foreign

    try:
        stack = find_stack(context.aws, stack_name(context.config))
    except AccessDenied as denied:
        if not may_be_unknown or context.folder.stack.exists():
            raise
        context.observer.note(f"whether a stack is deployed is not known: {denied.message}")
        return None
    refuse_foreign(stack, deployment_owner(context.config))
    return None if stack is None or stack.is_gone else stack


def has_local_terraform(context: Context) -> bool:
    """Whether Terraform's state, as far as it is on this machine, has resources; damaged counts as there."""
    if context.config.state is not None and any(context.folder.module.glob("*.tf")):
        return True
    try:
        state = json.loads(context.folder.state.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    return bool(state.get("resources"))


def _has_remote_terraform(context: Context) -> bool:
    from fargate_guard.aws.errors import AwsError
    from fargate_guard.aws.state_bucket import stored_state

    if context.config.state is None:
        return False
    place = context.config.state.s3
    try:
        state = stored_state(context.aws.in_region(place.region or context.region), place.bucket, place.key)
    except AwsError as error:
        context.observer.note(f"whether Terraform's state in S3 has resources is not known: {error.message}")
        return False
    return state is not None and bool(json.loads(state).get("resources"))


def _refuse_unknown_deployment(context: Context) -> None:
    """Refuse where services run in the deployment's own cluster, and neither state nor stack is to be seen.

    ECS gives a cluster of the same name to whoever asks for one: a second deployment would take the first one's.
    """
    from fargate_guard.aws.ecs import clusters
    from fargate_guard.aws.errors import AwsError
    from fargate_guard.deployment import DEPLOYMENT_TAG

    config = context.config
    if config.cluster.name is not None:
        return
    try:
        found = clusters(context.aws, [f"fguard-{config.name}"], tags=True)
    except AwsError:  # who may not look deploys as before; the leftovers of a destroy are found by other means
        return
    for cluster in found:
        tags = {tag["key"]: tag["value"] for tag in cluster.get("tags", ())}
        if tags.get(DEPLOYMENT_TAG) != config.name or not cluster.get("activeServicesCount"):
            continue
        by = tags.get("aws:cloudformation:stack-name")
        where = f"the stack {by}" if by else "Terraform, elsewhere"
        raise PreflightError(
            f"{config.name} is deployed already, and what it was deployed with is not to be seen from here",
            where=str(cluster["clusterArn"]),
            why=f"services run in its cluster, made by {where}; a second deployment would take them over",
            fix=(
                f"allow cloudformation:DescribeStacks on {by}" if by else "deploy from where its .fguard folder is"
            )
            + "\nor set `state.s3` to where its Terraform state is\nor deploy another one: set another `name`",
        )


def _switching_refused(context: Context, live: Method, wanted: Method) -> PreflightError:
    name = context.config.name
    return PreflightError(
        f"{name} is deployed with {live.product}; it cannot be taken over by {wanted.product}",
        where=_where(context, live),
        why="both would make the same resources, and each would only know its own",
        fix="stay with it: fguard deploy"
        f" --method {live}\nor migrate: copy fguard.yaml with another `name`, deploy that with --method {wanted},"
        " move what sends to the old orchestrator (fguard destroy names it), then: fguard destroy\n"
        f"or, where the workloads may stop meanwhile: fguard destroy, then fguard deploy --method {wanted}",
    )


def _where(context: Context, live: Method) -> str:
    from fargate_guard.stacks.template import stack_name

    if live is Method.TERRAFORM:
        return str(context.folder.module)
    return f"stack {stack_name(context.config)} in {context.region}"
