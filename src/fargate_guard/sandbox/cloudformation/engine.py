"""Carries stack operations out, up to a given moment.

Nothing runs in the background: whoever looks at the account first brings it up to date. Every step is dated with
the moment at which it was due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.sandbox.cloudformation import outcomes
from fargate_guard.sandbox.cloudformation.errors import ValidationFailed
from fargate_guard.sandbox.cloudformation.operation import FORWARD, Do, Phase, Stage, Work
from fargate_guard.sandbox.cloudformation.resource_work import RETAINED, begin, fail, proceed
from fargate_guard.sandbox.cloudformation.stack import STACK_TYPE, StackResource

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.operation import Operation
    from fargate_guard.sandbox.cloudformation.stack import Stack
    from fargate_guard.sandbox.cloudformation.world import World

BAD = ("CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED")


def advance_stack(stack: Stack, world: World, now: float) -> None:
    """Do everything that is due for a stack up to ``now``."""
    while stack.operation is not None and stack.operation.clock <= now:
        operation = stack.operation
        if _begin_what_can(stack, operation, world):
            continue
        active = [work for work in operation.works.values() if work.active]
        if not active:
            world.moment = operation.clock
            outcomes.conclude(stack, operation, world)
            continue
        work = min(active, key=lambda each: each.due)
        if operation.deadline is not None and operation.deadline < min(work.due, now):
            _run_out_of_time(stack, operation)
            continue
        if work.due > now:
            return
        operation.clock = max(operation.clock, work.due)
        proceed(stack, work, world, operation.clock, now)
        if work.stage is Stage.FAILED and operation.phase in FORWARD:
            outcomes.cancel_others(stack, operation)


def _run_out_of_time(stack: Stack, operation: Operation) -> None:
    """TimeoutInMinutes: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html."""
    operation.clock = operation.deadline or operation.clock
    operation.deadline = None
    operation.reason = outcomes.OVERDUE
    outcomes.cancel_others(stack, operation)


def _begin_what_can(stack: Stack, operation: Operation, world: World) -> bool:
    """Begin every work whose predecessors are done; return whether something changed."""
    changed = False
    for work in operation.works.values():
        if work.stage is not Stage.WAITING:
            continue
        if any(operation.works[key].stage is not Stage.DONE for key in work.after if key in operation.works):
            continue
        changed = True
        if not _begin_one(stack, operation, work, world) and operation.phase in FORWARD:
            outcomes.cancel_others(stack, operation)
            break
    return changed


def _begin_one(stack: Stack, operation: Operation, work: Work, world: World) -> bool:
    """Begin one work; False when it fails at once."""
    at = operation.clock
    world.moment = at
    if operation.phase in FORWARD and not _decide(stack, operation, work, world):
        return work.stage is Stage.DONE
    if work.do is Do.DELETE and _is_kept(operation, work):
        stack.record_resource(work.resource, "DELETE_SKIPPED", at)
        work.stage = Stage.DONE
        return True
    begin(stack, work, world, at)
    return True


def _is_kept(operation: Operation, work: Work) -> bool:
    """Whether a policy keeps the resource.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
    """
    if work.old is not None:  # a replacement was made for it
        return work.resource.definition.get("UpdateReplacePolicy") == "Retain"
    policy = work.resource.definition.get("DeletionPolicy")
    undone = operation.phase in {Phase.ROLLBACK, Phase.UPDATE_ROLLBACK_CLEANUP}
    return policy in RETAINED and not (undone and policy == "RetainExceptOnCreate")


def _decide(stack: Stack, operation: Operation, work: Work, world: World) -> bool:
    """Find out what is to be done with a resource, now that what it needs is there; False: nothing."""
    resource = work.resource
    logical_id = resource.logical_id
    definition = operation.target.resources[logical_id]
    stack.resources[logical_id] = resource
    resource.after = operation.target.graph[logical_id]
    previous, resource.definition = resource.definition, definition
    try:
        work.properties = operation.target.properties_of(logical_id, stack)
    except ValidationFailed as error:
        work.do = Do.UPDATE if resource.physical_id else Do.CREATE
        fail(stack, work, error.message, operation.clock)
        return False
    tags = dict(operation.target.tags)
    if not resource.physical_id:
        work.do = Do.CREATE
        resource.properties, resource.tags = dict(work.properties), tags
        return True
    differing = differences(resource.properties, work.properties)
    same = not differing and tags == dict(resource.tags) and resource.status not in BAD
    if same and resource.type != STACK_TYPE:  # a nested stack's template may have changed
        return _keep_metadata(stack, work, previous, operation.clock)
    replacing = differing & world.type_of(resource.type).replaced_by
    work.do = Do.REPLACE if replacing or resource.status == "CREATE_FAILED" else Do.UPDATE
    if work.do is Do.REPLACE and stack.before is not None:
        old = resource.copy()
        old.definition = {**previous, "UpdateReplacePolicy": definition.get("UpdateReplacePolicy")}
        work.old = old
        stack.replaced.append(old)
    resource.tags = tags
    return True


def _keep_metadata(stack: Stack, work: Work, previous: object, at: float) -> bool:
    """A change of Metadata alone shows in the events; it touches no property."""
    old = previous.get("Metadata") if isinstance(previous, dict) else None
    if old != work.resource.definition.get("Metadata"):
        stack.record_resource(work.resource, "UPDATE_COMPLETE", at)
    work.stage = Stage.DONE
    return False


def differences(old: dict[str, object], new: dict[str, object]) -> set[str]:
    """Return the properties that differ; ``"80"`` and 80 do not, nor do ``"true"`` and true."""
    return {key for key in {*old, *new} if _canonical(old.get(key)) != _canonical(new.get(key))}


def _canonical(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    return value


def forward_works(stack: Stack, operation: Operation) -> dict[str, Work]:
    """Return a work for every resource of the target."""
    graph = operation.target.graph
    return {
        logical_id: Work(
            stack.resources.get(logical_id) or StackResource(logical_id, definition["Type"]),
            Do.CREATE,
            graph[logical_id],
        )
        for logical_id, definition in operation.target.resources.items()
    }
