"""Whose a stack is: a name proves nothing, so what fguard changes or deletes carries fguard's tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.aws import cloudformation
from fargate_guard.deployment import DEPLOYMENT_TAG, MANAGED_BY, MANAGED_BY_TAG
from fargate_guard.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.aws.stack_sets import Description
    from fargate_guard.config import Config
    from fargate_guard.stacks.states import Stack
    from fargate_guard.workflows.context import Context


@dataclass(frozen=True, slots=True)
class StackOwner:
    """What a stack is made for, and the tags that say so."""

    of: str
    """``the deployment quickstart``."""
    tags: Mapping[str, str]
    """Tags that every stack of this owner has."""
    rename: str
    """How to get a stack of another name."""

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Return whether these are the tags of a stack, or a change set, of this owner."""
        return self.tags.items() <= tags.items()


def deployment_owner(config: Config) -> StackOwner:
    """Return the owner of a deployment's stack."""
    return StackOwner(
        of=f"the deployment {config.name}",
        tags={MANAGED_BY_TAG: MANAGED_BY, DEPLOYMENT_TAG: config.name},
        rename="set another `name` in fguard.yaml",
    )


def refuse_foreign(stack: Stack | None, owner: StackOwner) -> None:
    """Refuse a stack that was not made for this owner, whatever its state.

    A stack under review has no tags yet, and no resources either: a first change set may be made in it.

    :raises PreflightError: when it lacks the owner's tags.
    """
    if stack is None or stack.is_gone or stack.is_in_review or owner.owns(stack.tags):
        return
    raise _foreign(stack, owner)


def refuse_foreign_removal(context: Context, stack: Stack | None, owner: StackOwner) -> None:
    """Refuse to remove another's stack; one under review is another's when a change set in it is.

    :raises PreflightError: when it lacks the owner's tags, or a change set of it does.
    """
    refuse_foreign(stack, owner)
    if stack is None or not stack.is_in_review:
        return
    for change_set in cloudformation.change_sets(context.aws, stack.stack_id):
        tags = cloudformation.describe_change_set(context.aws, change_set).get("Tags") or ()
        if not owner.owns({one["Key"]: one["Value"] for one in tags}):
            raise _foreign(stack, owner, change_set)


def refuse_foreign_set(name: str, there: Description | None, owner: StackOwner) -> None:
    """Refuse a stack set that was not made for this owner: its stacks everywhere would be replaced or removed.

    :raises PreflightError: when it lacks the owner's tags, or manages its permissions itself.
    """
    if there is None or (there.permission_model == "SERVICE_MANAGED" and owner.owns(there.tags)):
        return
    tags = ", ".join(f"{key}={value}" for key, value in owner.tags.items())
    raise PreflightError(
        f"the stack set {name} was not made for {owner.of}",
        where=f"permissions {there.permission_model or 'unknown'}, tags {dict(there.tags)}",
        why=f"what fguard makes has SERVICE_MANAGED permissions and the tags {tags}",
        fix=owner.rename,
    )


def _foreign(stack: Stack, owner: StackOwner, change_set: str | None = None) -> PreflightError:
    tags = " ".join(f"Key={key},Value={value}" for key, value in owner.tags.items())
    place = f"--stack-name {stack.name} --region {stack.region}"
    missing = ", ".join(
        f"{key}={value} (it has {stack.tags.get(key, 'no such tag')})"
        for key, value in owner.tags.items()
        if stack.tags.get(key) != value
    )
    adopt = (
        f"\nor, where it was made from what `fguard render` wrote, say so: aws cloudformation update-stack {place}"
        f" --use-previous-template --tags {tags} (parameters and capabilities as before)"
    )
    return PreflightError(
        f"the stack {stack.name} was not made for {owner.of}",
        where=change_set or stack.stack_id,
        why=f"it lacks the tag {missing}; what is in it would be removed",
        fix=f"{owner.rename}\nor, where nobody needs it, delete it: aws cloudformation delete-stack {place}"
        + ("" if stack.is_in_review else adopt),
    )
