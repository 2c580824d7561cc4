"""What follows when the works of a phase have ended: success, rollback, cleanup, failure.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html and
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.sandbox.cloudformation.errors import ValidationFailed
from fargate_guard.sandbox.cloudformation.operation import (
    FORWARD,
    Before,
    Do,
    Operation,
    Phase,
    Stage,
    Work,
    deletions,
    restricted,
)
from fargate_guard.sandbox.cloudformation.stack import STACK_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fargate_guard.sandbox.cloudformation.stack import Stack, StackResource
    from fargate_guard.sandbox.cloudformation.world import World

CREATION_CANCELLED = "Resource creation cancelled"
UPDATE_CANCELLED = "Resource update cancelled"
NOT_ALL_DELETED = "Update successful. One or more resources could not be deleted."
GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")
OVERDUE = "Stack creation time exceeded the specified timeout"


def cancel_others(stack: Stack, operation: Operation) -> None:
    """End what is under way: something failed, so the rest is not carried out."""
    for work in operation.works.values():
        if work.active:
            created = work.do is Do.CREATE
            verb, reason = ("CREATE", CREATION_CANCELLED) if created else ("UPDATE", UPDATE_CANCELLED)
            stack.record_resource(work.resource, f"{verb}_FAILED", operation.clock, reason)
            work.stage = Stage.FAILED
    operation.works = {key: work for key, work in operation.works.items() if work.stage is not Stage.WAITING}
    operation.interrupted = True


def conclude(stack: Stack, operation: Operation, world: World) -> None:
    """Go on to the next phase, or end the operation."""
    if operation.phase in FORWARD:
        _conclude_forward(stack, operation, world)
    elif operation.phase is Phase.UPDATE_ROLLBACK:
        _conclude_update_rollback(stack, operation)
    elif operation.phase in {Phase.CLEANUP, Phase.UPDATE_ROLLBACK_CLEANUP}:
        _conclude_cleanup(stack, operation)
    else:
        _conclude_deletion(stack, operation)


def _conclude_forward(stack: Stack, operation: Operation, world: World) -> None:
    if operation.interrupted or operation.failed():
        reason = operation.reason or _failures(operation.failed())
        fail_operation(stack, operation, reason)
        return
    try:
        outputs = operation.target.outputs_of(stack)
    except (ValidationFailed, KeyError) as error:
        fail_operation(stack, operation, str(error))
        return
    conflict = world.export_conflict(stack, outputs)
    if conflict is not None:
        fail_operation(stack, operation, conflict)
        return
    stack.outputs = outputs
    if operation.phase is Phase.CREATE:
        _end(stack, operation, "CREATE_COMPLETE")
        return
    removed = [each for key, each in stack.resources.items() if key not in operation.target.resources]
    kept = [each for key, each in stack.resources.items() if key in operation.target.resources]
    leftovers = _once_each([*stack.replaced, *removed], without=kept)
    replaced = {id(each) for each in stack.replaced}
    stack.before, stack.replaced = None, []
    operation.works = deletions(leftovers)
    for work in operation.works.values():
        work.old = work.resource if id(work.resource) in replaced else None
    operation.phase = Phase.CLEANUP
    stack.record(operation.phase, operation.clock)


def fail_operation(stack: Stack, operation: Operation, reason: str) -> None:
    """Roll back, or stop where it is, as was asked for."""
    text = f"{reason.rstrip('. ')}. "
    if operation.phase is Phase.CREATE:
        if operation.on_failure == "DO_NOTHING":
            _end(stack, operation, "CREATE_FAILED", text)
        elif operation.on_failure == "DELETE":
            begin_deletion(stack, operation, Phase.DELETE, f"{text}Delete requested by user.")
        else:
            begin_deletion(stack, operation, Phase.ROLLBACK, f"{text}Rollback requested by user.")
    elif operation.on_failure == "DO_NOTHING":
        _end(stack, operation, "UPDATE_FAILED", text)
    else:
        begin_update_rollback(stack, operation, text)


def begin_deletion(stack: Stack, operation: Operation, phase: Phase, reason: str | None) -> None:
    """Delete every resource of the stack."""
    operation.phase = phase
    operation.interrupted, operation.deadline = False, None
    left = [each for each in stack.resources.values() if each.status not in GONE]
    others = [*stack.replaced, *(stack.before.leftovers if stack.before else [])]
    operation.works = deletions([*left, *_once_each(others, without=left)])
    stack.operation = operation
    stack.record(phase, operation.clock, reason)


def begin_update_rollback(stack: Stack, operation: Operation, reason: str, skip: Iterable[str] = ()) -> None:
    """Bring the resources back that the update touched.

    :param skip: logical IDs to leave as they are (ContinueUpdateRollback's ResourcesToSkip).
    """
    before = stack.before
    if before is None:
        message = "there is nothing to roll back to"
        raise ValueError(message)
    operation.phase = Phase.UPDATE_ROLLBACK
    operation.interrupted, operation.target = False, before.target
    stack.operation = operation
    stack.record(operation.phase, operation.clock, reason)
    touched = [key for key, each in stack.resources.items() if _is_touched(before, each)]
    for logical_id in skip:
        stack.record_resource(stack.resources[logical_id], "UPDATE_COMPLETE", operation.clock)
    graph = restricted(before.target.graph, [key for key in touched if key not in set(skip)])
    operation.works = {key: _restoring(stack, before, key, after) for key, after in graph.items()}


def _once_each(resources: Iterable[StackResource], without: Iterable[StackResource]) -> list[StackResource]:
    """Return the resources that exist, each once, but for those that others stand for."""
    seen = {(each.type, each.physical_id) for each in without}
    found = []
    for resource in resources:
        key = (resource.type, resource.physical_id)
        if resource.physical_id and key not in seen:
            seen.add(key)
            found.append(resource)
    return found


def _is_touched(before: Before, resource: StackResource) -> bool:
    old = before.resources.get(resource.logical_id)
    if old is None:
        return False
    same = (resource.physical_id, resource.properties, resource.tags) == (
        old.physical_id,
        old.properties,
        old.tags,
    )
    touched = resource.type == STACK_TYPE and resource.updated_at >= before.at
    return not same or touched or resource.status == "UPDATE_FAILED"


def _restoring(stack: Stack, before: Before, logical_id: str, after: frozenset[str]) -> Work:
    """A replaced resource is still there: it takes its place again, and its replacement is left over."""
    current, old = stack.resources[logical_id], before.resources[logical_id]
    if current.physical_id != old.physical_id:
        before.leftovers.append(current.copy())
        between = [each for each in stack.replaced if each.logical_id == logical_id]
        before.leftovers += _once_each(between, without=[old, current])
        stack.replaced = [each for each in stack.replaced if each.logical_id != logical_id]
        restored = old.copy()
        stack.resources[logical_id] = restored
        return Work(restored, Do.RESTORE, after, old=old, properties=dict(old.properties))
    current.definition, current.after = old.definition, old.after
    return Work(current, Do.RESTORE, after, old=old, properties=dict(old.properties))


def _conclude_update_rollback(stack: Stack, operation: Operation) -> None:
    failed = operation.failed()
    before = stack.before
    if failed or before is None:
        _end(stack, operation, "UPDATE_ROLLBACK_FAILED", _failures(failed))
        return
    for resource in stack.resources.values():
        if resource.logical_id in before.resources:
            resource.tags = before.resources[resource.logical_id].tags
    made = [each for key, each in stack.resources.items() if key not in before.resources]
    operation.works = deletions([*made, *before.leftovers])
    stack.outputs = before.outputs
    stack.target = before.target
    stack.before, stack.replaced = None, []
    operation.phase = Phase.UPDATE_ROLLBACK_CLEANUP
    stack.record(operation.phase, operation.clock)


def _conclude_cleanup(stack: Stack, operation: Operation) -> None:
    """What cannot be deleted is left behind; the update counts as complete."""
    for key in list(stack.resources):
        if key not in operation.target.resources:
            del stack.resources[key]
    if operation.phase is Phase.CLEANUP:
        reason = NOT_ALL_DELETED if operation.failed() else None
        _end(stack, operation, "UPDATE_COMPLETE", reason)
    else:
        _end(stack, operation, "UPDATE_ROLLBACK_COMPLETE")


def _conclude_deletion(stack: Stack, operation: Operation) -> None:
    failed = operation.failed()
    if failed and operation.force:
        for work in failed:
            stack.record_resource(work.resource, "DELETE_SKIPPED", operation.clock)
        failed = []
    if operation.phase is Phase.ROLLBACK:
        status = "ROLLBACK_FAILED" if failed else "ROLLBACK_COMPLETE"
    else:
        status = "DELETE_FAILED" if failed else "DELETE_COMPLETE"
    if status == "DELETE_COMPLETE":
        stack.deleted_at = operation.clock
        stack.outputs = []
    _end(stack, operation, status, _failures(failed) if failed else None)


def _failures(works: list[Work]) -> str:
    """``The following resource(s) failed to create: [A]. The following resource(s) failed to update: [B]. ``."""
    text = ""
    for verb in ("create", "update", "delete"):
        names = ", ".join(work.resource.logical_id for work in works if work.do.verb.lower() == verb)
        if names:
            text += f"The following resource(s) failed to {verb}: [{names}]. "
    return text


def _end(stack: Stack, operation: Operation, status: str, reason: str | None = None) -> None:
    if operation.phase in {Phase.CREATE, Phase.UPDATE}:
        stack.target = operation.target
    if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        stack.target = operation.target
    if operation.change_set is not None:
        done = status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
        operation.change_set.executed = "EXECUTE_COMPLETE" if done else "EXECUTE_FAILED"
    stack.record(status, operation.clock, reason)
    stack.operation = None
